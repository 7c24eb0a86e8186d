"""What was measured: values a round, ratios between contenders of the same round, medians with their spread."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """One contender's value over another's, round by round.

    `at_least` and `goal` come from the requirement; None where it only asks for a report. With `lower_is_better` they
    are upper limits.
    """

    of: str
    to: str
    at_least: float | None = None
    goal: float | None = None
    lower_is_better: bool = False


@dataclass(frozen=True)
class Measure:
    """`values`: for each contender one value a round, in the same order of rounds."""

    name: str
    unit: str
    values: Mapping[str, Sequence[float]]
    ratios: Sequence[Ratio] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


class Notes:
    """Figures beside a measure, one a round, of which the file keeps the medians."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def add_cpu(self, seconds: Mapping[str, float], payments: int) -> None:
        """CPU time by process, as microseconds a payment."""
        for name, used in seconds.items():
            self.add(f"{name}: CPU us a payment", used / max(payments, 1) * 1e6)

    def medians(self) -> dict[str, float]:
        return {name: round(statistics.median(values), 3) for name, values in self._values.items()}


@dataclass(frozen=True)
class Spread:
    """The median of some values and how far they lie apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.low)} to {figure(self.high)})"


def figure(value: float) -> str:
    """Three digits that matter: 1,234, 56.7, 0.123."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratios(measure: Measure, ratio: Ratio) -> list[float]:
    """The ratio of each round."""
    pairs = zip(measure.values[ratio.of], measure.values[ratio.to], strict=True)
    return [above / below if below else float("inf") for above, below in pairs]


def verdict(ratio: Ratio, median: float) -> str:
    """Where a ratio stands: "goal", "enough", "short", or "reported" when nothing is asked."""
    sign = -1 if ratio.lower_is_better else 1
    if ratio.goal is not None and sign * median >= sign * ratio.goal:
        return "goal"
    if ratio.at_least is None:
        return "reported"
    return "enough" if sign * median >= sign * ratio.at_least else "short"


def as_json(measure: Measure) -> dict[str, Any]:
    """A measure with its medians, as the result file keeps it."""
    found: dict[str, Any] = {
        "name": measure.name,
        "unit": measure.unit,
        "values": {name: _with_rounds(values) for name, values in measure.values.items()},
        "notes": dict(measure.notes),
    }
    found["ratios"] = [_ratio_as_json(measure, ratio) for ratio in measure.ratios]
    return found


def _with_rounds(values: Sequence[float]) -> dict[str, Any]:
    return vars(Spread.of(values)) | {"rounds": list(values)}


def _ratio_as_json(measure: Measure, ratio: Ratio) -> dict[str, Any]:
    rounds = ratios(measure, ratio)
    return vars(ratio) | _with_rounds(rounds) | {"verdict": verdict(ratio, statistics.median(rounds))}


def read(paths: Sequence[Path]) -> dict[str, Any]:
    """Result files as one: each case as the last of them has it that has it at all, and all else of the first."""
    result, *later = (json.loads(path.read_text()) for path in paths)
    for run in later:
        again = {case["name"] for case in run["cases"]} | set(run["failures"])
        result["cases"] = [case for case in result["cases"] if case["name"] not in again] + run["cases"]
        failures = {name: error for name, error in result["failures"].items() if name not in again}
        result["failures"] = failures | run["failures"]
    return dict(result)
