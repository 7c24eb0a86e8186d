"""Ratios and verdicts: what the table says must follow from the rounds."""

from datetime import UTC, datetime

import pytest

from benchmarks import results
from benchmarks.cases import Case
from benchmarks.report import Result
from benchmarks.results import Measure, Ratio, Spread

MEASURE = Measure(
    "rate", "/s", {"ours": [100.0, 90.0, 120.0], "peer": [10.0, 30.0, 12.0]}, [Ratio("ours", "peer", 5, 10)]
)


def test_a_ratio_is_taken_within_each_round():
    assert results.ratios(MEASURE, MEASURE.ratios[0]) == [10, 3, 10]
    (told,) = results.as_json(MEASURE)["ratios"]
    assert (told["median"], told["low"], told["high"], told["verdict"]) == (10, 3, 10, "goal")


@pytest.mark.parametrize(
    ("median", "lower_is_better", "verdict"),
    [(10, False, "goal"), (6, False, "enough"), (4, False, "short"), (4, True, "goal"), (6, True, "short")],
)
def test_the_verdict_knows_which_way_is_better(median, lower_is_better, verdict):
    at_least, goal = (5, 4.5) if lower_is_better else (5, 10)
    assert results.verdict(Ratio("a", "b", at_least, goal, lower_is_better), median) == verdict


def test_what_is_only_reported_can_still_reach_its_goal():
    assert results.verdict(Ratio("a", "b"), 1) == "reported"
    assert results.verdict(Ratio("a", "b", None, 0.25), 0.2) == "reported"
    assert results.verdict(Ratio("a", "b", None, 0.25), 0.3) == "goal"


def test_a_spread_is_the_median_and_the_outermost_rounds():
    assert str(Spread.of([1234.4, 1000.2, 0.1234])) == "1,000 (0.123 to 1,234)"


def test_a_case_that_was_run_again_counts_as_it_then_was(tmp_path):
    once = Result(datetime(2026, 11, 27, tzinfo=UTC), False, {"cpus": 2}, {}, 14)
    once.add(Case("wallets", "", lambda _: []), [Measure("rate", "/s", {"ours": [1.0]})])
    once.add(Case("outage", "", lambda _: []), [Measure("rate", "/s", {"ours": [2.0]})])
    once.add_failure(Case("overload", "", lambda _: []), TimeoutError())
    once.add_failure(Case("memory", "", lambda _: []), TimeoutError())
    again = Result(datetime(2026, 11, 28, tzinfo=UTC), False, {"cpus": 4}, {}, 14)
    again.add(Case("wallets", "", lambda _: []), [Measure("rate", "/s", {"ours": [3.0]})])
    again.add(Case("overload", "", lambda _: []), [Measure("rate", "/s", {"ours": [4.0]})])
    read = results.read([once.write(tmp_path), again.write(tmp_path)])
    found = {case["name"]: case["measures"][0]["values"]["ours"]["median"] for case in read["cases"]}
    assert (found, set(read["failures"])) == ({"outage": 2, "wallets": 3, "overload": 4}, {"memory"})
    assert read["machine"] == {"cpus": 2}
