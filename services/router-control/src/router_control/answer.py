"""What a router says to one command, taken in sentence by sentence. Pure.

Keeps the rows that were asked for and nothing else: a router may send its whole table, or the same row without end.
"""

from collections.abc import Callable, Sequence

from router_control.failures import AnswerTooLarge, Garbled, SessionEnded

# A hundred users are asked about at a time, and each may have many sessions. Bounds the memory that one router gets.
MAX_ROWS = 5_000
MAX_ROW_CHARACTERS = 2_000_000
# Whoever reads them learns nothing from more.
MAX_TRAPS = 8
MAX_TEXT = 200

Row = dict[str, str]


class Answer:
    """`rows`: the wanted ones. `traps`: why the router refused. `done`: what !done carries, None until it is said."""

    def __init__(self, wanted: Callable[[Row], bool]) -> None:
        self.rows: list[Row] = []
        self.traps: list[str] = []
        self.done: Row | None = None
        self._wanted = wanted
        self._space = MAX_ROW_CHARACTERS

    def take(self, sentence: Sequence[str]) -> None:
        """Raises SessionEnded, Garbled, AnswerTooLarge."""
        reply, *attributes = sentence
        if reply == "!re":
            self._take_row(_row(attributes))
        elif reply == "!done":
            self.done = _row(attributes)
        elif reply == "!fatal":
            raise SessionEnded(readable(" ".join(attributes)) or "the router ended the session")
        elif reply == "!trap":
            if len(self.traps) < MAX_TRAPS:
                self.traps.append(readable(_row(attributes).get("message", "")))
        elif not reply.startswith("!"):
            raise Garbled("the answer is not RouterOS'")
        # Anything else, such as !empty from 7.18 on, says nothing that !done does not.

    def _take_row(self, row: Row) -> None:
        if not self._wanted(row):
            return
        self._space -= sum(len(name) + len(value) for name, value in row.items())
        if self._space < 0 or len(self.rows) == MAX_ROWS:
            raise AnswerTooLarge(f"more than {MAX_ROWS} rows or {MAX_ROW_CHARACTERS} characters of what was asked for")
        self.rows.append(row)


def readable(text: str) -> str:
    """What the router said, short and without control characters: fit for a log line and a terminal."""
    text = text[: 10 * MAX_TEXT]
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:MAX_TEXT]


def _row(attributes: Sequence[str]) -> Row:
    row = {}
    for attribute in attributes:
        if attribute.startswith("="):  # others, such as .tag, are not ours
            name, _, value = attribute[1:].partition("=")
            row[name] = value
    return row
