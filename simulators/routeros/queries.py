"""Query words: a small program that decides for each row, on a stack of booleans, whether print shows it."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from simulators.routeros.traps import Trap
from simulators.routeros.values import BOOLEANS, same_boolean

Row = Mapping[str, str]
_OPERATION = re.compile(r"\d+|[!&|.]")


@dataclass(frozen=True)
class Test:
    """A word that looks at a property: `how` is "has", "lacks", "=", "<" or ">"."""

    how: str
    name: str
    value: str = ""

    def holds(self, row: Row) -> bool:
        if self.how == "lacks":
            return self.name not in row
        if self.name not in row:
            return False
        if self.how == "=" and self.name in BOOLEANS:
            return same_boolean(row[self.name], self.value)
        return self.how == "has" or _COMPARISONS[self.how](row[self.name], self.value)


@dataclass(frozen=True)
class Operations:
    """A word of stack operations: "?#" and then indexes and the characters ! & | and the full stop."""

    steps: tuple[str, ...]

    def apply(self, stack: "Stack") -> None:
        for at, step in enumerate(self.steps):
            if step.isdigit() and at == len(self.steps) - 1:
                stack.replace_all_by(int(step))
            elif step.isdigit():
                stack.push(stack.peek(int(step)))
            elif step == "!":
                stack.push(not stack.pop())
            elif step == "&":
                one, other = stack.pop(), stack.pop()
                stack.push(one and other)
            elif step == "|":
                one, other = stack.pop(), stack.pop()
                stack.push(one or other)
            elif at and not self.steps[at - 1].isdigit():
                stack.push(stack.peek(0))


class Stack:
    """Booleans above endlessly many true ones."""

    def __init__(self) -> None:
        self._values: list[bool] = []

    def push(self, value: bool) -> None:
        self._values.append(value)

    def pop(self) -> bool:
        return self._values.pop() if self._values else True

    def peek(self, index: int) -> bool:
        """The value `index` places below the top."""
        return self._values[-1 - index] if index < len(self._values) else True

    def replace_all_by(self, index: int) -> None:
        self._values = [self.peek(index)]

    def has_no_false(self) -> bool:
        return all(self._values)


class Query:
    """The query words of one command, ready to be asked about many rows."""

    def __init__(self, words: Sequence[str]) -> None:
        self.program = tuple(_parse(word) for word in words)
        self._any_of = _alternatives(self.program)

    def accepts(self, row: Row) -> bool:
        if self._any_of is not None:
            return any((name, value) in self._any_of for name, value in row.items())
        return self._decide(lambda test: test.holds(row))

    def sought(self, names: Sequence[str]) -> list[tuple[str, str]] | None:
        """The (name, value) pairs of which a row must have at least one to be accepted, so that an index can find it.

        None when only a look at every row can tell: a test on another property than `names`, or one that is not "=",
        or a program that accepts a row for which every test is false.
        """
        tests = [part for part in self.program if isinstance(part, Test)]
        if any(test.how != "=" or test.name not in names for test in tests) or self._decide(lambda _test: False):
            return None
        return [(test.name, test.value) for test in tests]

    def _decide(self, holds: Callable[[Test], bool]) -> bool:
        stack = Stack()
        for part in self.program:
            if isinstance(part, Test):
                stack.push(holds(part))
            else:
                part.apply(stack)
        return stack.has_no_false()


def _alternatives(program: Sequence[Test | Operations]) -> frozenset[tuple[str, str]] | None:
    """The (name, value) pairs of "this or that or …", by far the commonest long program; None for any other one."""
    tests = [part for part in (*program[:1], *program[1::2]) if _is_plain(part)]
    joined = all(part == Operations(("|",)) for part in program[2::2])
    if not joined or len(program) != 2 * len(tests) - 1:
        return None
    return frozenset((test.name, test.value) for test in tests)


def _is_plain(part: Test | Operations) -> TypeGuard[Test]:
    return isinstance(part, Test) and part.how == "=" and part.name not in BOOLEANS


def _parse(word: str) -> Test | Operations:
    if word.startswith("#"):
        steps = tuple(_OPERATION.findall(word[1:]))
        if "".join(steps) != word[1:]:
            raise Trap(f"bad query ?{word}", category=5)
        return Operations(steps)
    if word.startswith("-"):
        return Test("lacks", word[1:])
    if word[:1] in ("=", "<", ">"):
        name, _, value = word[1:].partition("=")
        return Test(word[0], name, value)
    name, equals, value = word.partition("=")
    return Test("=", name, value) if equals else Test("has", name)


def _less(left: str, right: str) -> bool:
    """Whole numbers by size, everything else by its text."""
    try:
        return int(left) < int(right)
    except ValueError:
        return left < right


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "<": _less,
    ">": lambda left, right: _less(right, left),
}
