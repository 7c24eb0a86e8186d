"""The table of the documentation says what the result file says."""

from datetime import UTC, datetime

from benchmarks.cases import Case
from benchmarks.report import Result
from benchmarks.results import Measure, Ratio
from benchmarks.table import HEAD, table

PAID = Measure("payments", "/s", {"ours": [2000.0], "predecessor": [100.0], "raw": [900.0]},
               [Ratio("ours", "predecessor", 15, 30)])  # fmt: skip
TAIL = Measure("99th percentile", "ms", {"ours": [10.0], "raw": [1.0]}, [Ratio("ours", "raw", 4, 2, True)])


def test_each_ratio_has_a_row_with_what_was_asked_and_so_has_each_other_value():
    run = Result(datetime(2026, 11, 27, tzinfo=UTC), False, {}, {}, 14)
    run.add(Case("hot_wallet", "", lambda _: []), [PAID])
    run.add(Case("half_peak", "", lambda _: []), [TAIL])
    run.add_failure(Case("outage", "", lambda _: []), FileNotFoundError("/somebody/s/file"))
    assert table(run.as_json()) == HEAD + (
        "| hot wallet: payments, ours / predecessor | 2,000/s | 100/s | 20 (20 to 20)"
        " | ≥ 15 | ≥ 30 | met |\n"
        "| hot wallet: payments | raw 900/s | | | | | |\n"
        "| half peak: 99th percentile, ours / raw | 10 ms | 1 ms | 10 (10 to 10)"
        " | ≤ 4 | ≤ 2 | **short** |\n"
        "| outage | failed: FileNotFoundError | | | | | |\n"
    )
