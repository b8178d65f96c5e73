"""The parameter sets that the options of ``paramsurvey run`` ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.run_options import METHODS, RunOptions
from paramsurvey.cli.parameter_names import encoded, names_with_dots
from paramsurvey.cli.psets.axis_calls import Axis
from paramsurvey.cli.psets.axis_syntax import parse_axes
from paramsurvey.cli.psets.inputs import Inputs
from paramsurvey.cli.psets.selection import Selection, select
from paramsurvey.cli.psets.space import Sampling, in_groups, make_space
from paramsurvey.fast_dataclass import dataclass

if TYPE_CHECKING:
    from paramsurvey.cli.psets.sweep_files import SweepFile
    from paramsurvey.params.spaces import Space

ESCAPES = {"\\n": "\n", "\\t": "\t"}  # in --delimiter, as a shell's printf has them


@dataclass(frozen=True)
class RequestedPsets:
    """The parameter sets of a run.

    Attributes
    ----------
    selection : Selection
    dotted : mapping
        By column, the names that were typed with dots.
    must_use : sequence of tuples of names
        Of each tuple, the command must use a name: each axis by itself, and the columns of a table together.
    command : list of str
        What a sweep file says to run; usually empty.
    stdin : str, optional
        What was read from standard input, which cannot be read a second time.
    """

    selection: Selection
    dotted: Mapping[str, str]
    must_use: Sequence[tuple[str, ...]]
    command: Sequence[str] = ()
    stdin: str | None = None

    @cached_property
    def names(self) -> list[str]:
        """The names of the parameters, as they were typed."""
        return [self.dotted.get(name, name) for name in self.selection.names]

    def with_names(self, pset: Mapping[str, Any]) -> dict[str, Any]:
        """Return a pset by the names that were typed."""
        return {self.dotted.get(name, name): value for name, value in pset.items()}

    def named(self) -> Iterator[dict[str, Any]]:
        """Yield the psets by the names that were typed."""
        return map(self.with_names, self.selection)

    def numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each number and its pset."""
        for row, pset in enumerate(self.named()):
            yield self.selection.numbers(range(row, row + 1))[0], pset


def request_psets(
    options: RunOptions, configured: Mapping[str, str], stdin: str | None = None
) -> RequestedPsets:
    """Return the parameter sets that the options ask for.

    Parameters
    ----------
    options : RunOptions
    configured : mapping
        The axes of the configuration, which -p replaces.
    stdin : str, optional
        What standard input had when an earlier run read it.

    Raises
    ------
    BadUsage
        An option cannot be understood, contradicts another, or leaves nothing to run.
    """
    delimiter = None if options.delimiter is None else ESCAPES.get(options.delimiter, options.delimiter)
    inputs = Inputs(options.null, options.colsep, stdin, delimiter, options.together)
    _refuse_useless(options, configured)
    files, overrides = _sweeps(options.sweep, inputs)
    texts = _with_configured(options.params, configured, overrides)
    linked = [text for text in texts if "," in text.partition("=")[0]]
    axes = parse_axes([text for text in texts if text not in linked], inputs)
    axes = _with_overrides(axes, overrides, inputs)
    if options.together is not None and (axes or not linked):
        axes = in_groups(axes, options.together)
    tables = [*_tables(options, inputs), *(_linked(text, inputs) for text in linked)]
    sampling = (
        Sampling(options.sample, options.method, options.seed) if options.sample and not files else None
    )
    spaces = [*(table for table, _ in tables), *(file.space(options.sample, options.seed) for file in files)]
    space = make_space(axes, spaces, options.zipped, sampling)
    must_use = [
        *((name,) for name in axes),
        *(names for _, names in tables),
        *((name,) for file in files for name in file.parameters),
    ]
    dotted = names_with_dots([name for group in must_use for name in group])
    selection = _selected(space, options, dotted)
    command = next((file.command for file in files if file.command), [])
    return RequestedPsets(selection, dotted, must_use, command, inputs.stdin)


def _refuse_useless(options: RunOptions, configured: Mapping[str, str]) -> None:
    """Refuse options that would do nothing, because what they apply to is missing."""
    axes = [*options.params, *(f"{name}={axis}" for name, axis in configured.items())]
    reads = [text for text in axes if text.partition("=")[2].startswith("@")]
    has_columns = options.psets or any("," in text.partition("=")[0] for text in reads)
    if options.colsep is not None and not has_columns:
        raise BadUsage(
            "--colsep splits lines into columns, but no option names columns: write for example -p a,b=@FILE"
        )
    if options.null and not reads and not options.psets:
        raise BadUsage("--null applies to files, but none is read: write for example -p a=@-")
    if options.delimiter is not None and (not options.delimiter or options.null or not reads):
        raise BadUsage(
            "--delimiter says what items of files end with, without --null: "
            "write for example -d , -p a=@-, or leave it out"
        )
    if options.method != METHODS[0] and not options.sample:
        raise BadUsage(f"--method {options.method} says how to draw, but not how many: add --sample N")


def _sweeps(texts: Sequence[str], inputs: Inputs) -> tuple[list[SweepFile], list[str]]:
    """Return the files of --sweep, read, and the overrides as Hydra has them."""
    if not texts:
        return [], []
    from paramsurvey.cli.psets.sweep_files import is_sweep_file, read_sweep

    for text in texts:
        if text.startswith("~") and not is_sweep_file(text):
            raise BadUsage(
                f"--sweep {text!r} removes a setting of a configuration in Hydra: leave it out, "
                "or write it into the command, if that has such a configuration"
            )
    files = [read_sweep(text, inputs) for text in texts if is_sweep_file(text)]
    return files, [text.lstrip("+") for text in texts if not is_sweep_file(text)]


def _with_overrides(axes: Mapping[str, Axis], overrides: Sequence[str], inputs: Inputs) -> dict[str, Axis]:
    if not overrides:
        return dict(axes)
    from paramsurvey.cli.psets.hydra_syntax import parse_override

    more = parse_axes(overrides, inputs, "--sweep", parse_override)
    for name in more:
        if name in axes:
            raise BadUsage(f"the parameter {name!r} has both -p and --sweep: put all its values into one")
    return {**axes, **more}


def _with_configured(
    typed: Sequence[str], configured: Mapping[str, str], overrides: Sequence[str]
) -> list[str]:
    """Return the axes of the configuration that were not typed, and those of -p."""
    names = {name.strip() for text in (*typed, *overrides) for name in text.partition("=")[0].split(",")}
    return [*(f"{name}={axis}" for name, axis in configured.items() if name not in names), *typed]


def _tables(options: RunOptions, inputs: Inputs) -> list[tuple[Space, tuple[str, ...]]]:
    if not options.psets:
        return []
    from paramsurvey.cli.psets.pset_files import read_psets

    table = read_psets(options.psets, inputs)
    return [(table, tuple(table.names))]


def _linked(text: str, inputs: Inputs) -> tuple[Space, tuple[str, ...]]:
    """Return the columns of ``a,b=@file``, which belong together."""
    from paramsurvey.params.spaces import Aligned

    typed, _, path = text.partition("=")
    names = tuple(name.strip() for name in typed.split(","))
    if not path.startswith("@") or not all(names):
        raise BadUsage(
            f"-p {text!r} names several parameters: give the file that has a column for each, "
            f"as in -p {typed}=@file, or pair two axes with --zip {typed}"
        )
    columns = inputs.columns(names, path[1:])
    return Aligned({encoded(name): values for name, values in columns.items()}), names


def _selected(space: Space, options: RunOptions, dotted: Mapping[str, str]) -> Selection:
    """Return the psets that --where, --shuffle, --only and --shard leave."""
    names = [dotted.get(name, name) for name in space.names]
    for text in options.where:
        from paramsurvey.cli.psets.where import Condition

        condition = Condition(text, names)
        space = space.where(partial(_fulfils, condition, dotted))
        if not len(space):
            raise BadUsage(f"--where {text!r} leaves no parameter set: give another condition")
    if options.shuffle is not None:
        space = space.shuffle(options.shuffle)
    return select(space, options.only, options.shard)


def _fulfils(
    condition: Callable[[Mapping[str, Any]], bool], dotted: Mapping[str, str], pset: Mapping[str, Any]
) -> bool:
    return condition({dotted.get(name, name): value for name, value in pset.items()})
