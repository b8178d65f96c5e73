"""The functions by which users make spaces, and the distributions of samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paramsurvey.params.spaces.distributions import Choice, Distribution, Integers, LogUniform, Uniform
from paramsurvey.params.spaces.grids_and_products import Aligned, Grid
from paramsurvey.params.spaces.sampling import Sample


def grid(axes: Mapping[str, Iterable[Any]] | None = None, /, **more: Iterable[Any]) -> Grid:
    """Return a space of every value of each axis with every value of the others. It takes no memory.

    Parameters
    ----------
    axes : dict, optional
        Axes by their names. ``grid({"x": [1, 2]})`` is ``grid(x=[1, 2])``.
    **more : values
        A list, a range, an array, a Series, an iterator. The last axis varies fastest. At least one.

    Returns
    -------
    Space
        `paramsurvey.map` takes a space in place of a DataFrame. ``len(space)`` is the number of psets;
        ``space[i]`` is a dict, ``space[i:j]`` a DataFrame, and ``space.to_df()`` a DataFrame of all rows;
        ``a * b`` is each row of a with each row of b, and ``a + b`` the rows of a, then those of b;
        ``space.where(func)`` chooses rows, and ``space.shuffle(seed)`` shuffles them.

    Raises
    ------
    ValueError
        There is no axis, a name cannot be a column's, or an axis is not a list of values.

    Examples
    --------
    >>> space = grid(x=range(100_000), y=range(100_000))
    >>> len(space)
    10000000000
    >>> space[123_456_789]
    {'x': 1234, 'y': 56789}
    """
    return Grid(_together(axes, more))


def aligned(axes: Mapping[str, Iterable[Any]] | None = None, /, **more: Iterable[Any]) -> Aligned:
    """Return a space of values side by side: the first of each axis, the second of each, and so on.

    Parameters
    ----------
    axes : dict, optional
        Columns by their names.
    **more : values
        Columns, too. All of the same length.

    Returns
    -------
    Space
        What a space can do is described at `grid`.

    Raises
    ------
    ValueError
        The lengths differ, a name cannot be a column's, or an axis is not a list of values.

    Examples
    --------
    >>> (aligned(city=["Rome", "Oslo"], degrees=[30.5, 12.0]) * grid(year=[2020, 2021]))[2]
    {'city': 'Oslo', 'degrees': 12.0, 'year': 2020}
    """
    return Aligned(_together(axes, more))


def sample(
    number_of_psets: int,
    columns: Mapping[str, Distribution | Any] | None = None,
    /,
    method: str = "random",
    seed: int = 0,
    **more: Distribution | Any,
) -> Sample:
    """Return a space of psets that are drawn from distributions.

    Parameters
    ----------
    number_of_psets : int
        Called `n` in what follows. It is given first, without a name, so that a column may be called n.
    columns : dict, optional
        What the columns are drawn from, by their names. Columns called method or seed must be given here.
    method : str
        ``"random"``: independent numbers.
        ``"sobol"`` and ``"halton"``: quasi-random numbers (scrambled), which fill the space more evenly;
        Sobol's are balanced where `n` is a power of 2; `n` can be 2**30 at most.
        ``"latin_hypercube"``: in each column, one number in each n-th of the range.
        All methods but ``"random"`` need scipy.
    seed : int
        The same seed gives the same psets.
    **more : uniform(...), loguniform(...), integers(...), choice(...), a list or a constant
        Columns, too. Of a list, each value is equally probable. The psets depend on the order of the columns.

    Returns
    -------
    Space
        What a space can do is described at `grid`.

    Raises
    ------
    ValueError
        There is no column, `n` is below 0 or too large for `method`, or `seed` is no seed.
    TypeError
        `n` is not an integer.

    Notes
    -----
    A larger `n` extends the sequence: ``sample(200, ...)`` begins with ``sample(100, ...)``, so that a
    survey with a checkpoint that is run again with it runs only the new psets. The exception is
    ``"latin_hypercube"``: there every number depends on `n`, and another `n` is another sample.

    The rows are computed where they are needed, so that a billion of them take no memory. A Latin hypercube
    is computed as a whole, in the driver and in each worker: 8 bytes for each value, and 24 meanwhile.

    Examples
    --------
    >>> space = sample(8, seed=42, x=uniform(0, 1), k=integers(1, 9), kind=["a", "b"])
    >>> space[0]
    {'x': 0.7739560485559633, 'k': 4, 'kind': 'b'}
    """
    return Sample(number_of_psets, _together(columns, more), method, seed)


def uniform(low: float, high: float) -> Uniform:
    """Return the distribution, for `sample`, of floats between `low` and `high`.

    Parameters
    ----------
    low, high : float
        Two finite ends, the lower one first.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order or not finite, or too far from each other for a float.

    Examples
    --------
    >>> sample(2, angle=uniform(0, 360)).to_df()
            angle
    0  229.306207
    1   97.123217
    """
    return Uniform(low, high)


def loguniform(low: float, high: float) -> LogUniform:
    """Return the distribution, for `sample`, of floats whose logarithm is uniform from `low` to `high`.

    Parameters
    ----------
    low, high : float
        Two finite ends above 0, the lower one first.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order, not finite, or not above 0.

    Examples
    --------
    >>> sample(2, rate=loguniform(1e-3, 10)).to_df()
           rate
    0  0.353059
    1  0.011999
    """
    return LogUniform(low, high)


def integers(low: int, high: int) -> Integers:
    """Return the distribution, for `sample`, of integers from `low` to `high`, both included.

    Parameters
    ----------
    low, high : int
        The lower one first; of 64 bits, and not more than 2**53 values.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order, or there are too many integers between them.
    TypeError
        An end is not an integer.

    Examples
    --------
    >>> sample(5, points=integers(1, 6)).to_df()["points"].tolist()
    [4, 2, 1, 1, 5]
    """
    return Integers(low, high)


def choice(values: Iterable[Any]) -> Choice:
    """Return the distribution, for `sample`, in which each of `values` is equally probable.

    Parameters
    ----------
    values : iterable
        At least one.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        There is no value.

    Examples
    --------
    >>> sample(5, kernel=choice(["rbf", "linear"])).to_df()["kernel"].tolist()
    ['linear', 'rbf', 'rbf', 'rbf', 'linear']
    """
    return Choice(values)


def _together(axes: Mapping[str, Any] | None, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was given in a dict, and what was given by keyword, as one dict."""
    if axes is None:
        return more
    if not isinstance(axes, Mapping):
        raise ValueError(f"axes must be a dict of lists, not {axes!r:.50}: write x=[1, 2] or {{'x': [1, 2]}}")
    for name in axes:
        if name in more:
            raise ValueError(f"{name!r} is both in the dict and a keyword: leave one of them out")
    return {**axes, **more}
