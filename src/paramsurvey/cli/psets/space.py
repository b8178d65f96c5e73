"""From axes, tables and ``--sample`` to the psets of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_syntax import Axis, DistributionCall, Values

if TYPE_CHECKING:
    from paramsurvey.params.spaces import Space


@dataclass(frozen=True)
class Sampling:
    """How ``--sample`` draws psets: how many, by which method, and with which seed."""

    count: int
    method: str = "random"
    seed: int = 0


def make_space(
    axes: Mapping[str, Axis],
    table: Space | None = None,
    zipped: bool = False,
    sampling: Sampling | None = None,
) -> Space:
    """Return the psets that axes, a table and the options describe.

    Parameters
    ----------
    axes : mapping of str to values or DistributionCall
    table : Space, optional
        The rows of ``--psets``: each is combined with all that the axes make.
    zipped : bool
        Pair the values of the axes instead of combining them.
    sampling : Sampling, optional
        Draw from the axes, lists of values included, instead of combining them.

    Raises
    ------
    BadUsage
        The options contradict each other, or there is nothing to make psets of.
    """
    from paramsurvey.params.spaces import Aligned, Grid, Product

    _check(axes, table, zipped, sampling)
    if not axes and table is not None:
        return table
    if sampling:
        made: Space = _sample(axes, sampling)
    else:
        lists = {name: axis for name, axis in axes.items() if not isinstance(axis, DistributionCall)}
        made = Aligned(_equally_long(lists)) if zipped else Grid(lists)
    return made if table is None else Product([table, made])


def _check(axes: Mapping[str, Axis], table: Space | None, zipped: bool, sampling: Sampling | None) -> None:
    """Refuse options that contradict each other, or that have nothing to work on."""
    if zipped and sampling:
        raise BadUsage("--zip and --sample cannot be combined: leave one of them out")
    calls = [name for name, axis in axes.items() if isinstance(axis, DistributionCall)]
    if calls and sampling is None:
        raise BadUsage(
            f"the parameter {calls[0]!r} is a distribution: say how many values to draw with --sample N"
        )
    if axes:
        return
    if table is None:
        raise BadUsage("there are no parameters: give some with -p name=1,2,3 or with --psets FILE")
    if zipped:
        raise BadUsage("--zip pairs the values of -p, and there is no -p: leave --zip out")
    if sampling:
        raise BadUsage("--sample has nothing to draw from: add for example -p 'x=uniform(0,1)'")


def _sample(axes: Mapping[str, Axis], sampling: Sampling) -> Space:
    from paramsurvey.params.spaces.sampling import Sample

    distributions = {name: _distribution(name, axis) for name, axis in axes.items()}
    return Sample(sampling.count, distributions, sampling.method, sampling.seed)


def _distribution(name: str, axis: Axis) -> Any:
    from paramsurvey import params

    if not isinstance(axis, DistributionCall):
        return params.choice(axis)
    try:
        return getattr(params, axis.name)(*axis.arguments)
    except (ValueError, TypeError) as error:
        raise BadUsage(f"the parameter {name!r}: {error}") from None


def _equally_long(axes: Mapping[str, Values]) -> dict[str, Values]:
    """Return the axes of a --zip; a single value is repeated for all values of the others."""
    lengths = {name: len(values) for name, values in axes.items()}
    longest = max(lengths.values())
    if set(lengths.values()) - {1, longest}:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise BadUsage(
            f"--zip needs the same number of values for each parameter, but {shown}: "
            "give equally many, or leave --zip out"
        )
    return {name: list(values) * longest if len(values) == 1 else values for name, values in axes.items()}
