"""How a router spells values."""

BOOLEANS = frozenset({"disabled", "dynamic", "radius"})
"""Properties whose values are booleans."""

_SPELLINGS = {"yes": True, "true": True, "no": False, "false": False}


def parse_boolean(text: str) -> bool | None:
    """True or False for any of the four spellings, None for anything else."""
    return _SPELLINGS.get(text)


def same_boolean(left: str, right: str) -> bool:
    """Whether both mean the same, in whichever of the four spellings; other words are compared as text."""
    return left == right or (parse_boolean(left) is not None and parse_boolean(left) == parse_boolean(right))


def boolean(value: bool) -> str:
    """Booleans are written yes/no by clients and read back as true/false."""
    return "true" if value else "false"


def duration(seconds: float) -> str:
    """1w2d3h4m5s, without the parts that are zero."""
    rest, text = int(seconds), ""
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text + f"{rest}s" if rest or not text else text


def flag(text: str) -> bool:
    """Whether a switch like count-only= is on; a switch without a value is."""
    return text == "" or parse_boolean(text) is True
