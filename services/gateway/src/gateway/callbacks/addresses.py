"""Which callback an address means, also where it was registered a little wrong. Pure.

M-Pesa registers whatever it is given and tells nobody of a 404. So slashes, case and stray blanks do not matter, and an
address that has a live secret in it is never simply unknown. But a validation's body looks like a confirmation's, and
its money has not been paid: only an address that says which of the two it is stands for one of them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote


class Kind(StrEnum):
    """What is posted to an address."""

    CONFIRMATION = "confirmation"
    VALIDATION = "validation"
    UNCLEAR = "unclear"


PATHS = {
    "/callbackprocess": Kind.CONFIRMATION,
    "/c2b/confirmation": Kind.CONFIRMATION,
    "/c2b/validation": Kind.VALIDATION,
}
_PATHS = {tuple(path.split("/")[1:]): kind for path, kind in PATHS.items()}
# What a part of an odd address may look like in a log: too short for a secret.
_WORD = re.compile(r"[a-z0-9_-]{1,12}|callbackprocess", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """`route` tells the address without its secret, for logs; `secret`: what stands where it belongs, or ""."""

    route: str
    kind: Kind
    secret: str


def decoded(target: str) -> str:
    """A path or query without its escapes; some senders escape what is escaped already."""
    for _ in range(2 if "%" in target else 0):
        target = unquote(target)
    return target


def exact(path: str) -> Address | None:
    """The address of a decoded path that is one of PATHS, or one with a single part more, the secret."""
    parts = _parts(path)
    lowered = tuple(part.lower() for part in parts)
    if kind := _PATHS.get(lowered):
        return Address("/" + "/".join(lowered), kind, "")
    if kind := _PATHS.get(lowered[:-1]):
        return Address("/".join(("", *lowered[:-1], "{secret}")), kind, parts[-1])
    return None


def guessed(path: str, secret: str) -> Address:
    """The address of any decoded path with a live secret somewhere in the request's target."""
    parts = _parts(path)
    words = "/".join(part.replace(secret, "") for part in parts).lower()
    validates, confirms = "valid" in words, "confirm" in words or "callbackprocess" in words
    kind = Kind.UNCLEAR if validates == confirms else Kind.VALIDATION if validates else Kind.CONFIRMATION
    return Address("/".join(("", *(_shown(part, secret) for part in parts))), kind, secret)


def _parts(path: str) -> list[str]:
    return [stripped for part in path.split("/") if (stripped := part.strip())]


def _shown(part: str, secret: str) -> str:
    if secret in part:
        return "{secret}"
    return part.lower() if _WORD.fullmatch(part.lower()) else "*"
