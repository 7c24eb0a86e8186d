"""`python -m benchmarks.plot RESULT.json… PLOT.svg`: draws a result file as one picture; of several, a case as the last
one has it.

Above, the payments a second of hot_wallet; below, every requirement of the file on one scale, on which 1 is what is
required and right is better. It takes medians, spreads and verdicts from the file and judges nothing anew. The same
file gives the same bytes.
"""

import argparse
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.cases import CASES
from benchmarks.results import Spread, figure, read

_BARS = "hot_wallet"
_OURS = "ours"
# Text stays text and follows the reader's fonts; ids are hashes of what they name, not random.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "rejesha", "text.parse_math": False, "font.size": 9}
_METADATA = {"Title": "What Rejesha's benchmarks found", "Date": None, "Creator": None}
# Told apart by shape and word as well; the colours are those that colour-blind people tell apart too.
_MARKS = {"goal": ("o", "#0072b2"), "met": ("s", "#007a59"), "short": ("X", "#c44e00")}
_GOAL: dict[str, Any] = {"color": "#595959", "marker": "|", "markersize": 17, "markeredgewidth": 2, "linestyle": ""}
_GREY, _PALE = "#595959", "#d9d9d9"
# In inches, of which a browser makes 96 pixels each.
_WIDTH, _MARGIN, _LINE, _BAR, _ROW = 9.375, 0.2, 0.21, 0.34, 0.44
_BAR_LABELS, _ROW_LABELS, _ROW_FIGURES = 1.5, 2.95, 2.35
_READING = (
    "Medians, and the lowest to highest round, as multiples of what is required. Right is better; arrow: off the scale."
)
# Beyond this many times the requirement, or below one part in as many, a mark stands at the edge, as an arrow.
_EDGE = 50.0


@dataclass(frozen=True)
class Requirement:
    """One thing required, with what was found. `score` and `goal` are relative to the requirement, more is better."""

    title: str
    about: str
    found: str
    asked: str
    score: Spread
    goal: float | None
    verdict: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description="Draw a result file.")
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("plot", type=Path)
    asked = parser.parse_args()
    write(read(asked.results), asked.plot, [case.name for case in CASES])


def write(result: Mapping[str, Any], path: Path, expected: Sequence[str]) -> None:
    """Draw it; those of the `expected` cases that the file lacks are named."""
    with style.context(["default", _STYLE]):
        _draw(result, expected).savefig(path, format="svg", metadata=_METADATA)


def requirements(result: Mapping[str, Any]) -> list[Requirement]:
    """Everything that the file says is required, in its order."""
    ratios = [(case, measure, one) for case, measure in _measures(result) for one in measure["ratios"]]
    return [_of_ratio(*one) for one in ratios if one[2]["at_least"] is not None]


def _measures(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((case["name"], measure) for case in result["cases"] for measure in case["measures"])


def _of_ratio(case: str, measure: Mapping[str, Any], ratio: Mapping[str, Any]) -> Requirement:
    required, goal, lower = ratio["at_least"], ratio["goal"], ratio["lower_is_better"]
    sign = "at most" if lower else "at least"
    return Requirement(
        title=f"{_plain(case)}: {ratio['of']} / {ratio['to']}",
        about=measure["name"],
        found=str(_spread(ratio)),
        asked=f"{sign} {required:g}" + ("" if goal is None else f", goal {goal:g}"),
        score=_score(_spread(ratio), required, lower=lower),
        goal=None if goal is None else _relative(goal, required, lower=lower),
        verdict={"enough": "met"}.get(ratio["verdict"], ratio["verdict"]),
    )


def _spread(told: Mapping[str, Any]) -> Spread:
    return Spread(told["median"], told["low"], told["high"])


def _score(found: Spread, required: float, *, lower: bool) -> Spread:
    low, high = sorted(_relative(value, required, lower=lower) for value in (found.low, found.high))
    return Spread(_relative(found.median, required, lower=lower), low, high)


def _relative(value: float, required: float, *, lower: bool) -> float:
    if not lower:
        return value / required
    return required / value if value > 0 else math.inf


def remarks(result: Mapping[str, Any], expected: Sequence[str]) -> list[str]:
    """What the picture cannot show: ratios that are only reported, cases that failed, cases that were not run."""
    ratios = [(case, one) for case, measure in _measures(result) for one in measure["ratios"]]
    lines = [_reported(case, one) for case, one in ratios if one["at_least"] is None]
    # Of a failure only its kind: the rest is for the log, and may hold paths.
    failed = [f"{_plain(name)} ({error.partition(':')[0]})" for name, error in result["failures"].items()]
    for name, cases in (("Failed", failed), ("Not run", [_plain(one) for one in _missing(result, expected)])):
        lines += textwrap.wrap(f"{name}: {', '.join(cases)}", 125) if cases else []
    return lines


def _reported(case: str, ratio: Mapping[str, Any]) -> str:
    text = f"Nothing required, only reported: {_plain(case)}, {ratio['of']} / {ratio['to']}: {figure(ratio['median'])}"
    if ratio["goal"] is None:
        return text
    sign = "at most" if ratio["lower_is_better"] else "at least"
    return f"{text} (goal {sign} {ratio['goal']:g}{'' if ratio['verdict'] == 'goal' else ', not'} reached)"


def _missing(result: Mapping[str, Any], expected: Sequence[str]) -> list[str]:
    there = {case["name"] for case in result["cases"]} | set(result["failures"])
    return [name for name in expected if name not in there]


def _plain(case: str) -> str:
    return case.replace("_", " ")


class _Page:
    """A figure that is filled from the top down, in inches."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(_WIDTH, height), facecolor="white")
        self._height = self._left = height

    def write(self, text: str, **looks: Any) -> None:
        self._left -= _LINE
        self.figure.text(_MARGIN / _WIDTH, self._left / self._height, text, **looks)

    def skip(self, inches: float) -> None:
        self._left -= inches

    def axes(self, height: float, left: float, right: float = 0.0) -> Axes:
        self._left -= height
        width = _WIDTH - 2 * _MARGIN - left - right
        box = ((_MARGIN + left) / _WIDTH, self._left / self._height, width / _WIDTH, height / self._height)
        return self.figure.add_axes(box)


def _draw(result: Mapping[str, Any], expected: Sequence[str]) -> Figure:
    bars, rows, lines = _bars(result), requirements(result), remarks(result, expected)
    page = _Page(2.85 + _BAR * len(bars) + _ROW * len(rows) + _LINE * (len(lines) + result["quick"]))
    _head(page, result)
    _draw_bars(page, bars)
    page.skip(0.5)
    page.write(_summary(result, rows, expected), weight="bold", size=11)
    page.write(_READING, color=_GREY, size=8)
    page.skip(0.25)
    if rows:
        _draw_rows(page, rows)
    page.skip(0.55)
    for line in lines:
        page.write(line)
    return page.figure


def _head(page: _Page, result: Mapping[str, Any]) -> None:
    machine = result["machine"]
    page.skip(0.1)
    if result["quick"]:
        page.write("A SHORT RUN: it shows that the benchmarks work, not how fast Rejesha is.", weight="bold")
    page.write("Payments acknowledged a second, all to one wallet", weight="bold", size=11)
    page.write("Median and lowest to highest round. “raw” is MySQL alone, writing the same rows.", color=_GREY)
    processor = f"{machine['cpus']} CPUs ({machine['cpu']}), {machine['fdatasync_per_second']:,} fdatasync a second"
    page.write(f"{result['began'][:10]}; {processor}; MySQL {result['mysql']['version']}", color=_GREY)
    page.skip(0.1)


def _bars(result: Mapping[str, Any]) -> dict[str, Spread]:
    found = (measure["values"] for case, measure in _measures(result) if case == _BARS)
    return {name: _spread(told) for name, told in next(found, {}).items()}


def _draw_bars(page: _Page, bars: Mapping[str, Spread]) -> None:
    if not bars:
        page.write(f"No figures: {_plain(_BARS)} failed or was not run.", color=_MARKS["short"][1], weight="bold")
        return
    axes = page.axes(_BAR * len(bars), _BAR_LABELS)
    most = max(spread.high for spread in bars.values())
    for y, (name, spread) in enumerate(bars.items()):
        axes.barh(y, spread.median, height=0.62, color=_MARKS["goal"][1] if name == _OURS else "#a6a6a6")
        axes.plot([spread.low, spread.high], [y, y], color="black", marker="|", linewidth=1.2)
        axes.text(spread.high + most / 80, y, f"{spread}", va="center", weight="bold" if name == _OURS else "normal")
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_xlim(0, most * 1.35)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _plain_frame(axes, len(bars))


def _summary(result: Mapping[str, Any], rows: Sequence[Requirement], expected: Sequence[str]) -> str:
    """The picture below in a sentence."""
    counts = Counter(row.verdict for row in rows)
    told = [f"{counts['goal']} at the goal", f"{counts['met']} met", f"{counts['short']} short"]
    others = {"failed": len(result["failures"]), "not run": len(_missing(result, expected))}
    told += [f"{count} {'case' if count == 1 else 'cases'} {name}" for name, count in others.items() if count]
    return f"What is required: {', '.join(told)}"


def _draw_rows(page: _Page, rows: Sequence[Requirement]) -> None:
    axes = page.axes(_ROW * len(rows), _ROW_LABELS, _ROW_FIGURES)
    edges = _edges(rows)
    axes.set_xlim(edges)
    steps = (1, 2, 5) if edges[1] / edges[0] < 150 else (1,)
    axes.set_xscale("log", subs=())
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}\N{MULTIPLICATION SIGN}"))
    axes.axvline(1, color="black", linewidth=1.2)
    axes.text(1, -0.58, "required", ha="center", weight="bold")
    for y, row in enumerate(rows):
        _draw_row(axes, y, row, edges)
        _label_row(axes, y, row)
    axes.set_yticks([])
    _plain_frame(axes, len(rows))
    _legend(axes)


def _edges(rows: Sequence[Requirement]) -> tuple[float, float]:
    """As much of the scale as holds every mark, and always something on both sides of 1."""
    marks = [mark for row in rows for mark in (row.score.low, row.score.high, row.goal or 1.0)]
    return max(min(*marks, 0.6), 1 / _EDGE) / 1.3, min(max(*marks, 1.6), _EDGE) * 1.3


def _draw_row(axes: Axes, y: int, row: Requirement, edges: tuple[float, float]) -> None:
    score = row.score
    low, high, median = (min(max(value, edges[0]), edges[1]) for value in (score.low, score.high, score.median))
    shape, colour = _MARKS[row.verdict]
    arrow = {edges[0]: "<", edges[1]: ">"}.get(median, shape)
    axes.plot([low, high], [y, y], color=colour, linewidth=2)
    axes.plot([median], [y], color=colour, marker=arrow, markersize=8, clip_on=False)
    if row.goal is not None:
        axes.plot([row.goal], [y], **_GOAL)


def _label_row(axes: Axes, y: int, row: Requirement) -> None:
    """What it is on the left, what was found and what is asked on the right."""
    bold: dict[str, Any] = {"color": _MARKS[row.verdict][1], "weight": "bold"}
    for edge, offset, text, about, looks in (
        (0, -_ROW_LABELS * 72, row.title, row.about, {}),
        (1, 8, f"{row.verdict}: {row.found}", row.asked, bold),
    ):
        place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        axes.annotate(text, (edge, y), (offset, 2), **place, **looks)
        axes.annotate(about, (edge, y), (offset, -10), **place, color=_GREY, size=8)


def _plain_frame(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=_PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _legend(axes: Axes) -> None:
    marks = [Line2D([], [], color=mark[1], marker=mark[0], ls="", label=name) for name, mark in _MARKS.items()]
    marks.append(Line2D([], [], label="where the goal is", **_GOAL))
    axes.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=2, ncols=4, frameon=False)


if __name__ == "__main__":
    main()
