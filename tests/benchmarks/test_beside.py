from types import SimpleNamespace

import pytest

from benchmarks.accounts import Size
from benchmarks.beside.__main__ import rows
from benchmarks.ours import Ours


def test_ratios_are_taken_within_each_round_and_a_new_process_has_none():
    pairs = [[{"CPU": 100, "CPU dispatcher": 10}, {"CPU": 200}], [{"CPU": 10, "CPU dispatcher": 1}, {"CPU": 40}]]
    assert rows("whole_job", [*pairs, pairs[0]]) == [
        "| whole_job: CPU | 100 | 200 | 2.00 (2.00 to 4.00) |",
        "| whole_job: CPU dispatcher | 10 | 0 | 0.00 (0.00 to 0.00) |",
    ]


@pytest.mark.parametrize(("given", "with_certificates"), [({}, True), ({"REJESHA_PLAINTEXT": "true"}, False)])
def test_one_side_may_do_without_tls(tmp_path, given, with_certificates):
    mysql = SimpleNamespace(url="mysql://root:x@127.0.0.1:1/{}".format)
    ours = Ours(mysql, tmp_path, Size(hot=1, many=1, many_isps=1, waiting=1), given)
    assert ("REJESHA_TLS_DIRECTORY" in ours.values) == with_certificates
