"""The outcome of a run: the table for people, the JSON for everything else."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.cases import Case
from benchmarks.results import Measure, Ratio, Spread


@dataclass
class Result:
    """A run as its file keeps it."""

    began: datetime
    quick: bool
    machine: Mapping[str, object]
    mysql: Mapping[str, str]
    rows_per_payment: int
    cases: list[tuple[Case, Sequence[Measure]]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, case: Case, measures: Sequence[Measure]) -> None:
        self.cases.append((case, measures))

    def add_failure(self, case: Case, error: Exception) -> None:
        self.failures[case.name] = f"{type(error).__name__}: {error}"

    def write(self, directory: Path) -> Path:
        """Write it under a name that tells when it began."""
        directory.mkdir(exist_ok=True)
        path = directory / f"{self.began:%Y%m%d-%H%M%S}{'-quick' if self.quick else ''}.json"
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n")
        return path

    def as_json(self) -> dict[str, Any]:
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "quick": self.quick,
            "machine": dict(self.machine),
            "mysql": dict(self.mysql),
            "rows_per_payment": self.rows_per_payment,
            "cases": [
                {"name": case.name, "what": case.what, "measures": [results.as_json(one) for one in measures]}
                for case, measures in self.cases
            ],
            "failures": self.failures,
        }


def show(result: Result) -> None:
    """Print medians with their spread, and the ratios with what is asked of them."""
    table = Table(title="Medians (lowest to highest round)")
    for heading in ("case", "measure", "value", "must", "goal", "verdict"):
        table.add_column(heading)
    for case, measures in result.cases:
        for measure in measures:
            for row in _rows(measure):
                table.add_row(case.name, *row)
        table.add_section()
    for name, failure in result.failures.items():
        table.add_row(name, "broken", failure)
    console = Console(width=None if Console().is_terminal else 170)
    console.print(table)
    console.print(f"fdatasync: {result.machine['fdatasync_per_second']}/s; load before: "
                  f"{result.machine['load_average_before']}; rows a payment: {result.rows_per_payment}")  # fmt: skip


def _rows(measure: Measure) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, values in measure.values.items():
        rows.append((f"{measure.name}: {name}", f"{Spread.of(values)} {measure.unit}", "", "", ""))
    rows.extend(_ratio_row(measure, ratio) for ratio in measure.ratios)
    return rows


def _ratio_row(measure: Measure, ratio: Ratio) -> tuple[str, ...]:
    rounds = results.ratios(measure, ratio)
    sign = "<=" if ratio.lower_is_better else ">="
    wanted = ["" if limit is None else f"{sign} {limit:g}" for limit in (ratio.at_least, ratio.goal)]
    verdict = results.verdict(ratio, statistics.median(rounds))
    return (f"[bold]{measure.name}: {ratio.of} / {ratio.to}[/bold]", str(Spread.of(rounds)), *wanted, verdict)
