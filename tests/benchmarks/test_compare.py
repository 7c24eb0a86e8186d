"""What a machinery is worth, from the files of two runs."""

import json

from benchmarks import results
from benchmarks.compare import main
from benchmarks.results import Measure, Ratio


def written(path, ours, peer):
    rate = Measure("rate", "/s", {"ours": ours, "peer": peer}, [Ratio("ours", "peer")])
    median = Measure("median", "ms", {"ours": [value / 10 for value in ours]})
    measures = [results.as_json(measure) for measure in (rate, median)]
    path.write_text(json.dumps({"cases": [{"name": "some_case", "measures": measures}]}))
    return str(path)


def test_a_measure_with_a_peer_is_compared_by_its_ratio_to_it(tmp_path, capsys):
    before = written(tmp_path / "with.json", [100, 110, 120], [10, 10, 10])
    after = written(tmp_path / "without.json", [55, 55, 55], [5, 5, 5])  # the machine was half as fast
    assert main([before, after]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| some_case: rate | 110 /s | 55 /s | 1.00 |",
        "| some_case: median | 11 ms | 5.5 ms | 0.50 |",
    ]
