"""What a scenario found: figures, and what did not hold."""

from dataclasses import dataclass, field
from typing import Any


class Skipped(Exception):
    """A scenario cannot run here; the text says what it would need."""


@dataclass(slots=True)
class Findings:
    """Figures by name, and a sentence for each thing that must hold and did not, by the invariant's name."""

    figures: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def note(self, **figures: Any) -> None:
        """Add figures."""
        self.figures.update(figures)

    def must(self, invariant: str, holds: bool, sentence: str = "") -> None:
        """Something that must hold."""
        if not holds:
            self.broken[invariant] = sentence or "does not hold"

    def must_be_none(self, invariant: str, offenders: list[Any]) -> None:
        """A count that must be zero; it is a figure, too."""
        self.figures[invariant] = len(offenders)
        self.must(invariant, not offenders, f"{len(offenders)}, such as {', '.join(map(str, offenders[:3]))}")
