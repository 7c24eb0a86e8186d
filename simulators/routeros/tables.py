"""A menu's rows: ids, order, an index by name, and who wants to hear of changes.

Not thread-safe; Router holds the lock.
"""

from collections.abc import Callable, Iterator, Mapping

Values = dict[str, str]
Listener = Callable[[str, Values | None], None]
"""Called with a row's id and its properties, or None when the row is gone."""


class Table:
    """Rows by id; an id is "*" and an upper-case hexadecimal number that this table alone counts."""

    def __init__(self, first_id: int = 1) -> None:
        self._rows: dict[str, Values] = {}
        self._ids_by_name: dict[str, dict[str, None]] = {}
        self._next_id = first_id
        self._listeners: list[Listener] = []

    def __iter__(self) -> Iterator[tuple[str, Values]]:
        return iter(self._rows.items())

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, row_id: str) -> Values | None:
        return self._rows.get(row_id)

    def named(self, name: str) -> list[str]:
        """The ids of all rows of that name, oldest first."""
        return list(self._ids_by_name.get(name, ()))

    def add(self, values: Mapping[str, str]) -> str:
        row_id = f"*{self._next_id:X}"
        self._next_id += 1
        self._rows[row_id] = dict(values)
        self._index(row_id)
        self._tell(row_id)
        return row_id

    def change(self, row_id: str, values: Mapping[str, str | None]) -> None:
        """Set properties; None takes one away."""
        row = self._rows[row_id]
        self._forget(row_id)
        row.update({name: value for name, value in values.items() if value is not None})
        for name in [name for name, value in values.items() if value is None]:
            row.pop(name, None)
        self._index(row_id)
        self._tell(row_id)

    def remove(self, row_id: str) -> Values:
        self._forget(row_id)
        row = self._rows.pop(row_id)
        self._tell(row_id)
        return row

    def clear(self) -> None:
        for row_id in list(self._rows):
            self.remove(row_id)

    def renumber(self) -> None:
        """Give every row a new id, none of which was in use before, as a reboot may."""
        rows, self._rows, self._ids_by_name = list(self._rows.values()), {}, {}
        for row in rows:
            row_id = f"*{self._next_id:X}"
            self._next_id += 1
            self._rows[row_id] = row
            self._index(row_id)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every change from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _index(self, row_id: str) -> None:
        self._ids_by_name.setdefault(self._rows[row_id].get("name", ""), {})[row_id] = None

    def _forget(self, row_id: str) -> None:
        name = self._rows[row_id].get("name", "")
        self._ids_by_name[name].pop(row_id)
        if not self._ids_by_name[name]:
            del self._ids_by_name[name]

    def _tell(self, row_id: str) -> None:
        row = self._rows.get(row_id)
        for listener in list(self._listeners):
            listener(row_id, None if row is None else dict(row))
