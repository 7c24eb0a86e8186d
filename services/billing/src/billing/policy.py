"""What the operator set. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Who the admins are, and which shortcodes are ours (none named: all)."""

    admin_phones: Sequence[str] = ()
    shortcodes: frozenset[str] = frozenset()
