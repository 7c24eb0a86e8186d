"""The plot says what the file says: every requirement on the side of the line where it belongs, nothing left out."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from benchmarks import results
from benchmarks.cases import Case
from benchmarks.report import Result
from benchmarks.results import Measure, Ratio

PAYMENTS = Measure(
    "payments acknowledged",
    "/s",
    {"ours": [2000.0, 2400.0, 2200.0], "predecessor": [100.0, 100.0, 100.0], "raw, batches": [5000.0, 11000.0, 9000.0]},
    [Ratio("ours", "predecessor", 15, 30), Ratio("ours", "raw, batches", None, 0.25)],
)
WALLETS = Measure("one or many", "/s", {"one": [45.0], "many": [100.0]}, [Ratio("one", "many", 0.9, 0.95)])
ANSWERS = Measure(
    "99th percentile", "ms", {"ours": [10.0], "predecessor": [100.0]}, [Ratio("ours", "predecessor", 0.5, 0.2, True)]
)
BESIDE = Measure(
    "beyond the router's own delay", "ms", {"ours": [100.0], "raw": [10.0]}, [Ratio("ours", "raw", 5, None, True)]
)
EXPECTED = ["hot_wallet", "wallets", "half_peak", "payment_to_line", "outage", "memory"]


def case(name):
    return Case(name, "", lambda _: [])


@pytest.fixture
def result():
    machine = {"cpus": 2, "cpu": "Some CPU", "fdatasync_per_second": 5013}
    run = Result(datetime(2026, 11, 23, tzinfo=UTC), True, machine, {"version": "9.7"}, 14)
    run.add(case("hot_wallet"), [PAYMENTS])
    run.add(case("wallets"), [WALLETS])
    run.add(case("half_peak"), [ANSWERS])
    run.add(case("payment_to_line"), [BESIDE])
    run.add_failure(case("outage"), FileNotFoundError("/somebody/s/file"))
    return run.as_json()


@pytest.fixture(scope="module")
def plot():
    """Only here: with it all that draws is loaded, which each worker of the tests would do to no end."""
    from benchmarks import plot

    return plot


@pytest.fixture
def drawn(plot):
    """Draws a result; answers the file's bytes."""

    def draw(result, path):
        plot.write(result, path, EXPECTED)
        return path.read_bytes()

    return draw


def words(svg):
    return [text for element in ET.fromstring(svg).iter() if (text := (element.text or "").strip())]


def test_right_is_better_whichever_way_a_requirement_goes(result, plot):
    placed = [(row.verdict, row.score.median, row.goal) for row in plot.requirements(result)]
    assert placed == [
        ("met", pytest.approx(22 / 15), 2),
        ("short", pytest.approx(0.5), pytest.approx(0.95 / 0.9)),
        ("goal", pytest.approx(5), pytest.approx(2.5)),
        ("short", pytest.approx(0.5), None),
    ]


def test_it_tells_every_figure_verdict_and_gap_in_words(result, tmp_path, drawn):
    told = words(drawn(result, tmp_path / "plot.svg"))
    for text in (
        "A SHORT RUN: it shows that the benchmarks work, not how fast Rejesha is.",
        "2,200 (2,000 to 2,400)",
        "9,000 (5,000 to 11,000)",
        "What is required: 1 at the goal, 1 met, 2 short, 1 case failed, 1 case not run",
        "hot wallet: ours / predecessor",
        "met: 22 (20 to 24)",
        "at least 15, goal 30",
        "short: 0.45 (0.45 to 0.45)",
        "goal: 0.1 (0.1 to 0.1)",
        "at most 0.5, goal 0.2",
        "short: 10 (10 to 10)",
        "at most 5",
        "Nothing required, only reported: hot wallet, ours / raw, batches: 0.244 (goal at least 0.25, not reached)",
        "Failed: outage (FileNotFoundError)",
        "Not run: memory",
    ):
        assert text in told


def test_the_same_result_gives_the_same_bytes_without_a_trace_of_where_or_when(result, tmp_path, drawn):
    first, second = drawn(result, tmp_path / "one.svg"), drawn(result, tmp_path / "two.svg")
    assert first == second
    assert len(first) < 150_000
    assert b"<dc:date>" not in first
    assert b"somebody" not in first


def test_without_any_figures_it_still_says_what_is_missing(result, tmp_path, drawn):
    told = words(drawn(result | {"cases": []}, tmp_path / "plot.svg"))
    assert "No figures: hot wallet failed or was not run." in told
    assert "Not run: hot wallet, wallets, half peak, payment to line, memory" in told


@pytest.mark.parametrize(("ours", "verdict"), [(0.0, "short"), (1e9, "goal")])
def test_what_lies_beyond_the_scale_is_still_drawn(result, tmp_path, ours, verdict, drawn):
    rate = Measure("rate", "/s", {"ours": [ours], "peer": [1.0]}, [Ratio("ours", "peer", 1, 2)])
    result["cases"] = [{"name": "wallets", "what": "", "measures": [results.as_json(rate)]}]
    told = words(drawn(result, tmp_path / "plot.svg"))
    assert any(text.startswith(f"{verdict}: ") for text in told)
