"""Who makes a change, as a request says it. Pure.

A module of its own: several servicers read it.
"""

from billing.accounts.errors import InvalidChange
from billing.changes.rules import Author


def read_author(actor: str, reason: str) -> Author:
    """Who changes something, and why. Raises InvalidChange."""
    author = Author(actor.strip(), reason.strip())
    if not 1 <= len(author.actor) <= 100 or len(author.reason) > 255:
        raise InvalidChange("actor: 1 to 100 characters; reason: at most 255")
    return author
