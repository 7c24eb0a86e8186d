"""The same installation as beside, whose lines are ours to manage."""

from tests.billing.lines.conftest import clock, managing

__all__ = ["clock", "managing"]
