"""Sweep files: ``--sweep sweep.yaml`` of Weights & Biases, with the method grid or random, or of Hydra.

Random values are drawn here, once, with numpy: the distributions are those of the documentation of W&B,
several of which paramsurvey has nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.parameter_names import encoded
from paramsurvey.cli.psets.axis_calls import DistributionCall
from paramsurvey.cli.psets.hydra_syntax import parse_override
from paramsurvey.cli.psets.inputs import Inputs
from paramsurvey.cli.psets.values import check_text
from paramsurvey.cli.value_text import value_text
from paramsurvey.errors import suggestion
from paramsurvey.fast_dataclass import dataclass

if TYPE_CHECKING:
    import numpy as np

    from paramsurvey.params.spaces import Space

    Draw = Callable[[np.random.Generator, int], Any]

ENDINGS = (".yaml", ".yml", ".json")
METHODS = ("grid", "random")
PARTS = {  # of the command of a sweep file, which W&B replaces
    "${env}": ["/usr/bin/env"],
    "${interpreter}": ["python"],
}


def is_sweep_file(text: str) -> bool:
    """Tell a file from ``key=values``."""
    return text.lower().endswith(ENDINGS) and "=" not in text


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says.

    Attributes
    ----------
    path : str
    method : str
        ``grid`` or ``random``.
    parameters : mapping
        By name, with dots where they are nested, what the file says of each.
    run_cap : int, optional
        How many psets to draw, unless ``--sample`` says how many.
    command : list of str
        What the file says to run, with placeholders; empty if it does not say.
    """

    path: str
    method: str
    parameters: Mapping[str, Mapping[str, Any]]
    run_cap: int | None
    command: list[str]

    def space(self, count: int | None, seed: int) -> Space:
        """Return the psets: all combinations, or as many as `count`, else `run_cap`, says.

        Raises
        ------
        BadUsage
            A parameter has no values, or a distribution that is unknown or that a grid cannot have.
        """
        from paramsurvey.params.spaces import Aligned, Grid

        if self.method == "grid":
            return Grid(self._of_each(self._values))
        import numpy as np

        wanted = count or self.run_cap
        if not wanted:
            raise BadUsage(
                f"{self.path} draws at random: say how many with --sample N, or run_cap in the file"
            )
        generator = np.random.default_rng(seed)
        return Aligned(self._of_each(lambda name, one: self._draw(name, one)(generator, wanted)))

    def _of_each(self, make: Callable[[str, Mapping[str, Any]], Any]) -> dict[str, Any]:
        """Return what `make` makes of each parameter; an error names the parameter."""
        made: dict[str, Any] = {}
        for name, one in self.parameters.items():
            try:
                values = made[encoded(name)] = make(name, one)
            except (ValueError, TypeError, ArithmeticError) as error:
                raise self._refusal(name, f"cannot be understood ({error})") from None
            check_text(name, values)
        return made

    def _values(self, name: str, one: Mapping[str, Any]) -> Sequence[Any]:
        if "values" in one:
            return list(one["values"])
        if "value" in one:
            return [one["value"]]
        low, high = self._ends(name, one)
        if (
            isinstance(low, int)
            and isinstance(high, int)
            and one.get("distribution", "int_uniform") == "int_uniform"
        ):
            return range(low, high + 1)
        raise self._refusal(
            name, "has a distribution, but a grid needs values: list them, or use method: random"
        )

    def _draw(self, name: str, one: Mapping[str, Any]) -> Draw:
        if "value" in one or "values" in one:
            return _categorical(self._values(name, one), one.get("probabilities"))
        kind = str(one.get("distribution") or ("int_uniform" if self._has_integers(one) else "uniform"))
        step = float(one.get("q", 1))
        is_stepped, kind = kind.startswith("q_"), kind.removeprefix("q_")
        if kind in ("normal", "log_normal"):
            draw = _normal(float(one.get("mu", 0)), float(one.get("sigma", 1)), kind == "log_normal")
        elif kind in UNIFORM:
            draw = UNIFORM[kind](*self._ends(name, one))
        else:
            raise self._refusal(
                name, f"has the distribution {kind!r}{suggestion(kind, [*UNIFORM, 'normal', 'log_normal'])}"
            )
        return _stepped(draw, step) if is_stepped else draw

    def _ends(self, name: str, one: Mapping[str, Any]) -> tuple[Any, Any]:
        try:
            low, high = one["min"], one["max"]
            if not low <= high:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise self._refusal(name, "has no value, no values, and no min and max in order") from None
        return low, high

    @staticmethod
    def _has_integers(one: Mapping[str, Any]) -> bool:
        return all(isinstance(one.get(end), int) for end in ("min", "max"))

    def _refusal(self, name: str, what: str) -> BadUsage:
        return BadUsage(f"{self.path}: the parameter {name!r} {what}: correct the file")


def _categorical(values: Sequence[Any], probabilities: Sequence[float] | None) -> Draw:
    def draw(generator: np.random.Generator, count: int) -> list[Any]:
        return [values[at] for at in generator.choice(len(values), count, p=probabilities).tolist()]

    return draw


def _normal(mean: float, deviation: float, is_log: bool) -> Draw:
    def draw(generator: np.random.Generator, count: int) -> Any:
        return (generator.lognormal if is_log else generator.normal)(mean, deviation, count)

    return draw


def _uniform(low: float, high: float) -> Draw:
    return lambda generator, count: generator.uniform(low, high, count)


def _int_uniform(low: int, high: int) -> Draw:
    return lambda generator, count: generator.integers(int(low), int(high), count, endpoint=True)


def _log_uniform(low: float, high: float) -> Draw:
    """The ends are exponents of e, as W&B wants it here; those of log_uniform_values are the values."""
    import numpy as np

    return lambda generator, count: np.exp(generator.uniform(low, high, count))


def _log_uniform_values(low: float, high: float) -> Draw:
    if low <= 0:
        raise BadUsage("log_uniform_values needs ends above 0: correct the sweep file")
    return _log_uniform(math.log(low), math.log(high))


def _inverse_log_uniform(low: float, high: float) -> Draw:
    """W&B: log(1/X) is uniform between the ends."""
    return _log_uniform(-high, -low)


def _inverse_log_uniform_values(low: float, high: float) -> Draw:
    """W&B: log(1/X) is uniform between log(1/max) and log(1/min)."""
    return _log_uniform_values(low, high)


UNIFORM: dict[str, Callable[[Any, Any], Draw]] = {
    "uniform": _uniform,
    "int_uniform": _int_uniform,
    "log_uniform": _log_uniform,
    "log_uniform_values": _log_uniform_values,
    "inv_log_uniform": _inverse_log_uniform,
    "inv_log_uniform_values": _inverse_log_uniform_values,
}


def _stepped(draw: Draw, step: float) -> Draw:
    def stepped(generator: np.random.Generator, count: int) -> Any:
        values = (draw(generator, count) / step).round() * step
        return values.astype("int64") if step.is_integer() else values

    return stepped


# ---- the file


def read_sweep(path: str, inputs: Inputs) -> SweepFile:
    """Return what a sweep file says.

    Raises
    ------
    BadUsage
        It cannot be read, has a method that is neither grid nor random, or no parameters.
    """
    text = inputs.text(path, f"--sweep {path}")
    try:
        whole = json.loads(text) if path.endswith(".json") else _yaml(path, text)
    except (ValueError, RecursionError) as error:
        raise BadUsage(f"{path} cannot be read ({error}): correct it") from None
    if (overrides := _of_hydra(whole)) is not None:
        return SweepFile(path, "grid", dict(_axes_of_hydra(path, overrides)), None, [])
    if not isinstance(whole, dict) or not isinstance(whole.get("parameters"), dict):
        raise BadUsage(
            f"{path} has no parameters: give a sweep file of W&B, with method and parameters, "
            "or one of Hydra, with hydra.sweeper.params"
        )
    method, run_cap = whole.get("method", "grid"), whole.get("run_cap")
    if not isinstance(method, str) or method not in METHODS:
        raise BadUsage(f"{path} has the method {method!r}, which waits for results: use grid or random")
    if run_cap is not None and (type(run_cap) is not int or run_cap < 1):
        raise BadUsage(f"{path} has the run_cap {run_cap!r}: give a number of psets")
    parameters = dict(_flat(path, whole["parameters"]))
    return SweepFile(path, method, parameters, run_cap, _command(path, whole, parameters))


def _of_hydra(whole: Any) -> Mapping[str, Any] | None:
    """Return the overrides that ``hydra.sweeper.params`` has, None if there are none."""
    for key in ("hydra", "sweeper", "params"):
        whole = whole.get(key) if isinstance(whole, dict) else None
    return whole if isinstance(whole, dict) and whole else None


def _axes_of_hydra(path: str, overrides: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, text in overrides.items():
        name = str(key).lstrip("+")
        axis = parse_override(name, value_text(text)) if isinstance(text, (str, list, dict)) else [text]
        if isinstance(axis, DistributionCall) and axis.name != "choice":
            raise BadUsage(f"{path}: {name!r} is a distribution: give it with -p or --sweep, and --sample N")
        yield name, {"values": axis.arguments[0] if isinstance(axis, DistributionCall) else axis}


def _yaml(path: str, text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise BadUsage(
            f"{path} needs PyYAML: pip install 'paramsurvey[sweep]', or write it as JSON"
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadUsage(f"{path} is not valid YAML ({' '.join(str(error).split())}): correct it") from None


def _flat(
    path: str, parameters: Mapping[str, Any], before: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all parameters; nested ones have names with dots."""
    for name, one in parameters.items():
        if not isinstance(name, str) or not isinstance(one, dict):
            raise BadUsage(
                f"{path}: the parameter {before}{name} has no value, values, or min and max: give some"
            )
        if isinstance(one.get("parameters"), dict):
            yield from _flat(path, one["parameters"], f"{before}{name}.")
        else:
            yield f"{before}{name}", one


def _listed(one: Mapping[str, Any]) -> Sequence[Any]:
    values = one.get("values", [one.get("value")])
    return values if isinstance(values, list) else [values]


def _command(path: str, whole: Mapping[str, Any], names: Mapping[str, Any]) -> list[str]:
    """Return the command of the file; by default, as in W&B, the program with --name=value for all."""
    program = whole.get("program")
    if not program and "command" not in whole:
        return []
    words = whole.get("command") or ["${env}", "${interpreter}", "${program}", "${args}"]
    if not isinstance(words, list):
        raise BadUsage(f"{path} has a command that is not a list of words: write it as - word, one per line")
    parts = {
        **PARTS,
        "${program}": [str(program)],
        "${args}": [f"--{name}={{{name}}}" for name in names],
        "${args_no_hyphens}": [f"{name}={{{name}}}" for name in names],
    }
    if not any(isinstance(value, bool) for one in names.values() for value in _listed(one)):
        parts["${args_no_boolean_flags}"] = parts["${args}"]
    return [part for word in words for part in parts.get(str(word), [str(word)])]
