"""`python -m benchmarks.compare WITH.json WITHOUT.json`: what some machinery is worth, as rows for docs/performance.md.

The runs are of two commits, so the machine may have changed between them: where a measure has a peer that both runs
measured, the last column compares the ratios to that peer, else the plain values.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import figure

_OURS = "ours"

Measures = Mapping[tuple[str, str], Mapping[str, Any]]


def measures(path: Path) -> Measures:
    """The measures of a result file, by the names of case and measure."""
    cases = json.loads(path.read_text())["cases"]
    return {(case["name"], measure["name"]): measure for case in cases for measure in case["measures"]}


def rows(before: Measures, after: Measures) -> Iterator[str]:
    """A row for each of our own values that both files have."""
    for case, name in before:
        if (case, name) in after:
            yield from _rows(case, before[case, name], after[case, name])


def _rows(case: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if _OURS in before["values"] and _OURS in after["values"]:
        values = [float(measure["values"][_OURS]["median"]) for measure in (before, after)]
        compared = _compared(before, after) or values[1] / values[0]
        shown = " | ".join(f"{figure(value)} {before['unit']}" for value in values)
        yield f"| {case}: {before['name']} | {shown} | {compared:.2f} |"


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    """How the ratio to the first peer has changed; None where there is none."""
    ratios = [[ratio for ratio in measure["ratios"] if ratio["of"] == _OURS] for measure in (before, after)]
    if not all(ratios):
        return None
    first, second = (of_one[0]["median"] for of_one in ratios)
    return float(second / first)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m benchmarks.compare WITH.json WITHOUT.json\n")
        return 2
    before, after = (measures(Path(argument)) for argument in arguments)
    sys.stdout.write("| case | with | without | without / with |\n|---|---|---|---|\n")
    sys.stdout.writelines(f"{row}\n" for row in rows(before, after))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
