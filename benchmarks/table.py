"""`python -m benchmarks.table RESULT.json…`: result files as the table of docs/performance.md. A case that several of
them have is as in the last one.

It takes medians, spreads and verdicts from the file and judges nothing anew.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import Spread, figure, read

HEAD = "| measure | value | beside | ratio | must | goal | |\n|---|---|---|---|---|---|---|\n"
_VERDICTS = {"goal": "goal met", "enough": "met", "short": "**short**", "reported": ""}


def table(result: Mapping[str, Any]) -> str:
    """A row for each ratio, and for each measure's values that are in none; then the cases that failed."""
    rows = [row for case in result["cases"] for measure in case["measures"] for row in _rows(case["name"], measure)]
    failures = result["failures"].items()
    failed = [f"| {_plain(name)} | failed: {error.partition(':')[0]} | | | | | |" for name, error in failures]
    return HEAD + "".join(f"{row}\n" for row in [*rows, *failed])


def _rows(case: str, measure: Mapping[str, Any]) -> Iterator[str]:
    told = {name for ratio in measure["ratios"] for name in (ratio["of"], ratio["to"])}
    what = f"{_plain(case)}: {measure['name']}"
    for ratio in measure["ratios"]:
        of, to = (_value(measure, ratio[name]) for name in ("of", "to"))
        wanted = [_limit(ratio, name) for name in ("at_least", "goal")]
        cells = (f"{what}, {ratio['of']} / {ratio['to']}", of, to, str(_spread(ratio)), *wanted)
        yield f"| {' | '.join(cells)} | {_VERDICTS[ratio['verdict']]} |"
    if others := [f"{name} {_value(measure, name)}" for name in measure["values"] if name not in told]:
        yield f"| {what} | {', '.join(others)} | | | | | |"


def _value(measure: Mapping[str, Any], name: str) -> str:
    spread = _spread(measure["values"][name])
    unit = measure["unit"] if measure["unit"].startswith("/") else f" {measure['unit']}"
    return f"{figure(spread.median) if spread.low == spread.high else spread}{unit}"


def _spread(told: Mapping[str, Any]) -> Spread:
    return Spread(told["median"], told["low"], told["high"])


def _limit(ratio: Mapping[str, Any], name: str) -> str:
    if ratio[name] is None:
        return ""
    return f"{'≤' if ratio['lower_is_better'] else '≥'} {figure(ratio[name])}"


def _plain(case: str) -> str:
    return case.replace("_", " ")


if __name__ == "__main__":
    sys.stdout.write(table(read([Path(name) for name in sys.argv[1:]])))
