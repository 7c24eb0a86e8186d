"""What a look at a database before a migration finds, and how an operator is told. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Findings:
    """Sentences. `obstacles` must be mended first; `warnings` may stay; `changes` are what the migration will do."""

    obstacles: Sequence[str] = ()
    warnings: Sequence[str] = ()
    changes: Sequence[str] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            (*self.obstacles, *other.obstacles),
            (*self.warnings, *other.warnings),
            (*self.changes, *other.changes),
        )

    def __str__(self) -> str:
        parts = [_list("What you should know first:", self.warnings, "!")]
        if self.obstacles:
            title = "This database cannot be migrated yet. Nothing was changed. Mend each of these, then run it again:"
            parts.insert(0, _list(title, self.obstacles, "x"))
        elif self.changes:
            parts.append(_list("Nothing stands in the way. The migration will:", self.changes, "-"))
        else:
            parts.append("Nothing stands in the way, and no table that is there needs a change.")
        return "\n\n".join(part for part in parts if part)


def _list(title: str, sentences: Sequence[str], mark: str) -> str:
    return "\n".join([title, *(f"  {mark} {sentence}" for sentence in sentences)]) if sentences else ""


@dataclass(frozen=True, slots=True)
class Change:
    """A clause of an ALTER TABLE, and what it does in words."""

    clause: str
    words: str


@dataclass(frozen=True, slots=True)
class Question:
    """What only the rows can tell: when the query finds one, `obstacle` stands in the way."""

    query: str
    obstacle: str


class Refused(Exception):
    """The database is not fit to be migrated; nothing was changed."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(str(findings))
        self.findings = findings
