"""Query words against a model that follows the manual's sentences one by one."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulators.routeros import Router, User
from simulators.routeros.menus import run
from simulators.routeros.queries import Query
from simulators.routeros.sentences import Command
from simulators.routeros.traps import Trap

names = st.sampled_from(["name", "comment", "limit", ".id"])
values = st.sampled_from(["a", "b", "5", "10", "-3", ""])
operations = st.text("0123!&|.", max_size=6).map(lambda text: f"#{text}")
tests = st.builds(lambda how, name, value: how.format(name, value), st.sampled_from(
    ["{0}", "-{0}", "{0}={1}", "={0}={1}", "<{0}={1}", ">{0}={1}"]
), names, values)  # fmt: skip
programs = st.lists(tests | operations, max_size=8)
alternatives = st.lists(tests, min_size=1, max_size=5).map(
    lambda words: [words[0], *(part for word in words[1:] for part in (word, "#|"))]
)
rows = st.dictionaries(names, values)


def model(words, row):
    """The manual's rules on a stack with more true values at its bottom than any program reaches."""
    stack = [True] * 200
    for word in words:
        if not word.startswith("#"):
            stack.append(_test(word, row))
            continue
        tokens = re.findall(r"\d+|\D", word[1:])
        for number, token in enumerate(tokens):
            last, after_index = number + 1 == len(tokens), number > 0 and tokens[number - 1].isdigit()
            if token.isdigit():
                picked = stack[-1 - int(token)] if int(token) < len(stack) else True
                stack = [*([True] * 200), picked] if last else [*stack, picked]
            elif token == "!":
                stack.append(not stack.pop())
            elif token in "&|":
                pair = (stack.pop(), stack.pop())
                stack.append(all(pair) if token == "&" else any(pair))
            elif number > 0 and not after_index:
                stack.append(stack[-1])
    return False not in stack


def _test(word, row):
    if word.startswith("-"):
        return word[1:] not in row
    how, name, value = re.fullmatch(r"([=<>]?)([^=]*)(?:=(.*))?", word).groups()
    if name not in row or (value is None and not how):
        return name in row
    left, right = row[name], value
    if how in ("<", ">"):
        if all(re.fullmatch(r"-?\d+", side) for side in (left, right)):
            left, right = int(left), int(right)
        return left < right if how == "<" else left > right
    return left == right


@given(programs | alternatives, rows)
def test_a_query_decides_as_the_manual_says(words, row):
    assert Query(words).accepts(row) == model(words, row)


@given(st.lists(st.builds("{0}={1}".format, st.sampled_from(["name", ".id"]), st.sampled_from(["u2", "u17", "*3", "zz"])) | operations, max_size=6))  # fmt: skip  # noqa: E501
@example(["name=u2", "name=u17", "#|"])
def test_the_index_finds_what_a_look_at_every_row_finds(words):
    router = Router(User("u", "p"))
    for number in range(1, 18):  # beyond *F, where the order of ids is not that of their letters
        router.add_secret(f"u{number}")
    everything = run(Command("/ppp/secret/print"), router.users["u"], router).rows
    found = run(Command("/ppp/secret/print", queries=tuple(words)), router.users["u"], router).rows
    assert found == [row for row in everything if model(words, row)]


@pytest.mark.parametrize("spelling", ["yes", "true"])
def test_a_boolean_is_found_by_either_spelling(spelling):
    assert Query([f"disabled={spelling}"]).accepts({"disabled": "true"})
    assert not Query([f"disabled={spelling}"]).accepts({"disabled": "false"})


def test_a_name_that_looks_like_a_boolean_is_just_a_name():
    assert not Query(["name=yes"]).accepts({"name": "true"})


def test_an_unknown_operation_is_an_error():
    with pytest.raises(Trap):
        Query(["#x"])
