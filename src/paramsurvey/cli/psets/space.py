"""Makes the psets of a run from axes, tables, ``--zip``, ``--sample`` and the like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.parameter_names import encoded
from paramsurvey.cli.psets.axis_calls import Axis, DistributionCall, Values
from paramsurvey.errors import suggestion
from paramsurvey.fast_dataclass import dataclass

if TYPE_CHECKING:
    from paramsurvey.params.spaces import Space

ALL = "*"  # in place of names: all axes


@dataclass(frozen=True)
class Sampling:
    """How ``--sample`` draws psets: how many, by which method, and with which seed."""

    count: int
    method: str = "random"
    seed: int = 0


def make_space(
    axes: Mapping[str, Axis],
    tables: Sequence[Space] = (),
    zipped: Sequence[str] = (),
    sampling: Sampling | None = None,
) -> Space:
    """Return the psets that axes, tables and the options describe.

    Parameters
    ----------
    axes : mapping of str to values or DistributionCall
    tables : sequence of Space
        The rows of ``--psets`` and the like: each is combined with all that the axes make.
    zipped : sequence of str
        Names between commas, such as ``a,b``: the values of these axes are paired instead of combined;
        `ALL` for all axes.
    sampling : Sampling, optional
        Draw from the axes, lists of values included, instead of combining them.

    Raises
    ------
    BadUsage
        The options contradict each other, or there is nothing to make psets from.
    """
    from paramsurvey.params.spaces import Product

    _check(axes, tables, zipped, sampling)
    factors = [*tables]
    if sampling and axes:
        factors.append(_sample(axes, sampling))
    elif axes:
        lists = {name: _listed(name, axis) for name, axis in axes.items()}
        factors.extend(_factors(lists, _groups(zipped, lists)))
    product = factors[0] if len(factors) == 1 else Product(factors)
    len(product)  # refuses one that is too large to be numbered
    return product


def _check(
    axes: Mapping[str, Axis], tables: Sequence[Space], zipped: Sequence[str], sampling: Sampling | None
) -> None:
    """Refuse options that contradict each other, or that have nothing to work on."""
    if zipped and sampling:
        raise BadUsage("--zip and --sample cannot be combined: leave one of them out")
    if axes:
        return
    if not tables:
        raise BadUsage(
            "there are no parameters: give some with -p name=1,2,3, with -p name=@- "
            "(a line of standard input for each), or with --psets FILE"
        )
    if zipped:
        raise BadUsage("--zip pairs the values of -p, but there is no -p: leave --zip out")
    if sampling:
        raise BadUsage("--sample has nothing to draw from: add for example -p 'x=uniform(0,1)'")


def _listed(name: str, axis: Axis) -> Values:
    """Return the values of an axis; without a sample, choice(a,b) is the list of both, as in Hydra."""
    if not isinstance(axis, DistributionCall):
        return axis
    if axis.name == "choice":
        values: Values = axis.arguments[0]
        return values
    raise BadUsage(f"the parameter {name!r} is a distribution: say how many values to draw with --sample N")


def in_groups(axes: Mapping[str, Axis], count: int) -> dict[str, Axis]:
    """Return an axis whose values are lists of `count` values; the last one may be shorter.

    Raises
    ------
    BadUsage
        There are several axes, or none, or it is drawn.
    """
    if len(axes) != 1:
        raise BadUsage(
            f"-N {count} puts the values of one parameter together, but there are {len(axes)}: give one"
        )
    ((name, axis),) = axes.items()
    if isinstance(axis, DistributionCall) and axis.name != "choice":
        raise BadUsage(f"-N {count} puts values together, but {name!r} is drawn: leave -N out")
    values = _listed(name, axis)
    return {name: [list(values[at : at + count]) for at in range(0, len(values), count)]}


# ---- axes that are paired


def _groups(zipped: Sequence[str], axes: Mapping[str, Values]) -> list[list[str]]:
    """Return the names of the axes of each ``--zip``."""
    groups = [list(axes) if text == ALL else [name.strip() for name in text.split(",")] for text in zipped]
    seen: set[str] = set()
    for group in groups:
        for name in group:
            if name not in axes:
                raise BadUsage(f"--zip {','.join(group)}: there is no axis {name!r}{suggestion(name, axes)}")
            if name in seen:
                raise BadUsage(f"--zip has the axis {name!r} twice: name each axis in one --zip only")
            seen.add(name)
    return groups


def _factors(axes: Mapping[str, Values], groups: Sequence[Sequence[str]]) -> Iterator[Space]:
    """Yield what is combined: an axis, or several that are paired, in the place of the first of them."""
    from paramsurvey.params.spaces import Aligned

    group_of = {name: group for group in groups for name in group}
    for name, values in axes.items():
        group = group_of.get(name, [name])
        first = next(other for other in axes if other in group)
        if name == first:
            together = {other: axes[other] for other in axes if other in group}
            paired = _equally_long(together) if len(together) > 1 else {name: values}
            yield Aligned({encoded(other): column for other, column in paired.items()})


def _equally_long(axes: Mapping[str, Values]) -> dict[str, Values]:
    """Return the axes of a --zip; a single value is repeated for all values of the others."""
    lengths = {name: len(values) for name, values in axes.items()}
    longest = max(lengths.values())
    if set(lengths.values()) - {1, longest}:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        short = next(name for name in axes if lengths[name] not in (1, longest))
        raise BadUsage(
            f"--zip needs the same number of values for each parameter, but {shown}: "
            "give equally many (several values are not repeated, as in GNU parallel: "
            f"repeat the values of {short} until there are {longest}), or leave --zip out"
        )
    return {name: list(values) * longest if len(values) == 1 else values for name, values in axes.items()}


# ---- samples


def _sample(axes: Mapping[str, Axis], sampling: Sampling) -> Space:
    from paramsurvey.params.spaces.sampling import Sample

    distributions = {encoded(name): _distribution(name, axis) for name, axis in axes.items()}
    return Sample(sampling.count, distributions, sampling.method, sampling.seed)


def _distribution(name: str, axis: Axis) -> Any:
    from paramsurvey import params

    if not isinstance(axis, DistributionCall):
        return params.choice(axis)
    try:
        return getattr(params, axis.name)(*axis.arguments)
    except (ValueError, TypeError) as error:
        raise BadUsage(f"the parameter {name!r}: {error}") from None
