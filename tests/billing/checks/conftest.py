"""A clock that a test moves, as beside."""

from tests.billing.lines.conftest import clock

__all__ = ["clock"]
