"""Imports as a whole: files that cannot be read."""

import pytest


@pytest.mark.parametrize(("name", "why"), [("nowhere.csv", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_sentence(installation, name, why):
    ended = installation("customer", "import", name)
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err
