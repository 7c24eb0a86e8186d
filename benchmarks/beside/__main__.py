"""`python -m benchmarks.beside OTHER [SETTING=VALUE…] CASE…`: this checkout beside another one, taking turns on one
machine in one run.

What a piece of machinery is worth: OTHER is a checkout without it, set up with `make setup`, or `.`, this one with
settings that only the other side gets: `. REJESHA_PLAINTEXT=true hot_wallet whole_job` shows what mutual TLS costs.
Cases: whole_job, hot_wallet, even_pace (80 payments/s), busy_pace (300/s). ROUNDS=5 sets how many. Each has a MySQL of
its own. Prints rows for docs/performance.md: this, the other, and the median of the rounds' ratios.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.results import figure

_CONTENDER = Path(__file__).with_name("contender.py")

Figures = Mapping[str, float]


class Contender:
    """The system of one checkout, running. `given`: settings beside those that every run has, each NAME=VALUE."""

    def __init__(self, checkout: Path, given: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [checkout.resolve() / ".venv/bin/python", _CONTENDER, *given],
            cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._read()

    def round(self, case: str) -> Figures:
        """The figures of one round."""
        assert self._process.stdin
        self._process.stdin.write(case + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> Figures:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender ended early; what it said is above")
        figures: Figures = json.loads(line)
        return figures


def main(other: str, words: Sequence[str]) -> None:
    given, cases = [word for word in words if "=" in word], [word for word in words if "=" not in word]
    rounds = int(os.environ.get("ROUNDS", "3"))
    with ExitStack() as running:
        contenders = []
        for checkout, settings in ((Path.cwd(), ()), (Path(other), given)):
            contenders.append(Contender(checkout, settings))
            running.callback(contenders[-1].stop)
        sys.stdout.write("| case | this | other | other / this |\n|---|---|---|---|\n")
        for case in cases:
            pairs = [_turn(contenders, case, number) for number in range(rounds)]
            sys.stdout.writelines(f"{row}\n" for row in rows(case, pairs))
            sys.stdout.flush()


def _turn(contenders: Sequence[Contender], case: str, number: int) -> list[Figures]:
    """One round of both; every other one in reverse."""
    if number % 2 == 0:
        return [contender.round(case) for contender in contenders]
    return [contender.round(case) for contender in contenders[::-1]][::-1]


def rows(case: str, pairs: Sequence[Sequence[Figures]]) -> list[str]:
    """A row for each figure; `pairs`: what both did in each round, this checkout first."""
    return [_row(case, name, [[figures.get(name, 0) for figures in pair] for pair in pairs]) for name in pairs[0][0]]


def _row(case: str, name: str, pairs: Sequence[Sequence[float]]) -> str:
    this, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = sorted(pair[1] / pair[0] if pair[0] else 0 for pair in pairs)
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {case}: {name} | {figure(this)} | {figure(other)} | {spread} |"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2:])
