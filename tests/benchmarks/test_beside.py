from benchmarks.beside.__main__ import rows


def test_ratios_are_taken_within_each_round_and_a_new_process_has_none():
    pairs = [[{"CPU": 100, "CPU dispatcher": 10}, {"CPU": 200}], [{"CPU": 10, "CPU dispatcher": 1}, {"CPU": 40}]]
    assert rows("whole_job", [*pairs, pairs[0]]) == [
        "| whole_job: CPU | 100 | 200 | 2.00 (2.00 to 4.00) |",
        "| whole_job: CPU dispatcher | 10 | 0 | 0.00 (0.00 to 0.00) |",
    ]
