"""How a column that is there is made to hold what we write, or why it cannot. Pure.

Never narrows, never drops. Text becomes utf8mb4, said in the column and not left to the
schema: what people type is bound to no alphabet.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from servicekit.schema.findings import Change
from servicekit.schema.snapshot import Column, quoted

# Both servers have these, and both take "A " for "A" with them. The first tells any two texts apart; the second finds
# what a person typed in another case, and tells emoji apart, which utf8mb4_general_ci and _unicode_ci do not.
EXACT = "utf8mb4_bin"
READABLE = "utf8mb4_unicode_520_ci"

_TEXTS = ("tinytext", "text", "mediumtext", "longtext")
_TEXT_BYTES = {"tinytext": 255, "text": 65_535, "mediumtext": 2**24 - 1, "longtext": 2**32 - 1}
_BOUNDED = {"char", "varchar"}
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_DIGITS = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 18, "float": 18, "double": 18}
_MAX_VARCHAR = 16_383  # characters of utf8mb4

# A definition that a column would need, or None when it is fine as it is.
Wider = str | None


class DoesNotFit(Exception):
    """The column cannot be made to hold what we write; the message says why, as the rest of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands in its table: in a foreign key, on either side; in the primary key."""

    in_foreign_key: bool = False
    in_primary_key: bool = False


def fit(there: Column, wanted: "sa.Column[Any]", place: Place, dialect: Dialect) -> Change | None:
    """The change that a column needs; None when it is fine. Raises DoesNotFit."""
    if wanted.computed is not None:
        _check_computed(there)
        return None
    if there.generated:
        raise DoesNotFit("is computed by the database, and we must be able to write it")
    definition = _wider(there, wanted, place, dialect)
    is_id = wanted.primary_key
    new = replace(
        there,
        nullable=not is_id and (there.nullable or bool(wanted.info.get("null"))),
        auto_increment=is_id or there.auto_increment,
        default=None if is_id else there.default,
    )
    if definition is None and (new.nullable, new.auto_increment) == (there.nullable, there.auto_increment):
        return None
    if new.nullable and place.in_primary_key:
        raise DoesNotFit("is part of the primary key, and we must be able to leave it empty")
    return Change(redefine(new, definition or _as_it_is(there)), _in_words(there, new, definition))


def _wider(there: Column, wanted: "sa.Column[Any]", place: Place, dialect: Dialect) -> Wider:
    type_ = wanted.type.dialect_impl(dialect)
    if isinstance(type_, sa.TypeDecorator):
        type_ = type_.load_dialect_impl(dialect)
    if there.type == "enum" and isinstance(type_, sa.String):
        wider = _fit_enum(there, wanted)
    else:
        wider = next(find for kind, find in _KINDS if isinstance(type_, kind))(there, type_)
    if wider is None or not place.in_foreign_key:
        return wider
    if there.charset is None:
        return None  # a number, which is as wide as those that it refers to
    raise DoesNotFit(
        f"is {there.definition} in {there.charset}, must become {wider}, and is held by a foreign key: drop the key,"
        " change both of its columns to utf8mb4, and add the key again"
    )


def _in_words(there: Column, new: Column, definition: Wider) -> str:
    said = [f"{_short(_as_it_is(there))} becomes {_short(definition)}"] if definition else []
    if new.nullable != there.nullable:
        said.append("may be NULL" if new.nullable else "is never NULL")
    if new.auto_increment != there.auto_increment:
        said.append("is numbered by the server")
    return f"{there.name}: {', '.join(said)}"


def _short(definition: str) -> str:
    return re.sub(r" CHARACTER SET (\w+) COLLATE \w+", r" in \1", definition)


def redefine(column: Column, definition: str) -> str:
    """A MODIFY clause: a column with this type, and all else as it says."""
    words = [f"MODIFY COLUMN `{column.name}`", definition, "NULL" if column.nullable else "NOT NULL"]
    if column.default is not None:
        words.append(f"DEFAULT {column.default}")
    if column.auto_increment:
        words.append("AUTO_INCREMENT")
    if column.comment:
        words.append(f"COMMENT {quoted(column.comment)}")
    return " ".join(words)


def _as_it_is(there: Column) -> str:
    in_charset = f" CHARACTER SET {there.charset} COLLATE {there.collation}" if there.charset else ""
    return there.definition + in_charset


def _check_computed(there: Column) -> None:
    if not there.generated or there.type not in _BOUNDED or there.collation != EXACT:
        raise DoesNotFit("must be a column that the database computes, of our own making")


def text(length: int, collation: str = EXACT) -> str:
    """A column's type for text, said in full."""
    return f"VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE {collation}"


def _fit_text(there: Column, wanted: TypeEngine[Any]) -> Wider:
    length = wanted.length if isinstance(wanted, sa.String) and not isinstance(wanted, sa.Text) else None
    if there.type in _TEXTS:
        return _wider_text(there, 4 * (length or 0))
    if there.type not in _BOUNDED:
        raise DoesNotFit(f"must hold text, such as {_sample(wanted)}")
    if length is None:
        return f"TEXT CHARACTER SET utf8mb4 COLLATE {_collation(there)}"
    longest = max(length, there.length or 0)
    if there.charset == "utf8mb4" and longest == there.length:
        return None
    if longest > _MAX_VARCHAR:
        return f"MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE {_collation(there)}"
    return text(longest, _collation(there))


def _wider_text(there: Column, octets: int) -> Wider:
    """A letter of another alphabet takes more bytes in utf8mb4: the next longer type surely holds all that is there."""
    if there.charset == "utf8mb4" and _TEXT_BYTES[there.type] >= octets:
        return None
    wider = _TEXTS[min(_TEXTS.index(there.type) + 1, len(_TEXTS) - 1)]
    return f"{wider.upper()} CHARACTER SET utf8mb4 COLLATE {_collation(there)}"


def _collation(there: Column) -> str:
    if there.charset == "utf8mb4" and there.collation:
        return there.collation
    told_apart = (there.collation or "").endswith(("_bin", "_cs"))
    return EXACT if told_apart else READABLE


def _fit_enum(there: Column, wanted: "sa.Column[Any]") -> Wider:
    """An ENUM is fine that has our words; one that lacks some becomes text, which holds all."""
    words: Sequence[str] = wanted.type.enums if isinstance(wanted.type, sa.Enum) else wanted.info.get("words", ())
    theirs = there.definition.lower().split("'")[1::2]
    if words and not set(words) - set(theirs):
        return None
    longest = max(getattr(wanted.type, "length", 0) or 0, *map(len, theirs))
    return text(longest, READABLE)


def _fit_json(there: Column, wanted: TypeEngine[Any]) -> Wider:  # noqa: ARG001  # one signature for all kinds
    return None if there.type == "json" else _fit_text(there, sa.Text())


def _fit_integer(there: Column, wanted: TypeEngine[Any]) -> Wider:
    if there.type not in _INTEGERS:
        raise DoesNotFit(f"must hold whole numbers, such as {_sample(wanted)}")
    least = "bigint" if isinstance(wanted, sa.BigInteger) else "int"
    if _INTEGERS.index(there.type) >= _INTEGERS.index(least):
        return None
    return least.upper() + (" UNSIGNED" if there.unsigned else "")


def _fit_flag(there: Column, wanted: TypeEngine[Any]) -> Wider:
    if there.type not in _INTEGERS:
        raise DoesNotFit(f"must hold 0 or 1, such as {_sample(wanted)}")
    return None


def _fit_money(there: Column, wanted: TypeEngine[Any]) -> Wider:
    if there.type != "decimal" and there.type not in _DIGITS:
        raise DoesNotFit(f"must hold an amount, such as {_sample(wanted)}")
    precision, scale = _precision(wanted)
    digits = precision - scale
    if there.type == "decimal":
        old = there.precision - there.scale
        if old >= digits and there.scale >= scale:
            return None
        digits, scale = max(old, digits), max(there.scale, scale)
    else:
        digits = max(digits, _DIGITS[there.type])
    return f"DECIMAL({digits + scale}, {scale})"


def _precision(type_: TypeEngine[Any]) -> tuple[int, int]:
    return (type_.precision or 10, type_.scale or 0) if isinstance(type_, sa.Numeric) else (20, 0)


def _fit_date(there: Column, wanted: TypeEngine[Any]) -> Wider:  # noqa: ARG001
    """Whoever asks for this sees to it that no time of day is lost."""
    if there.type == "date":
        return None
    if there.type in {"datetime", "timestamp"}:
        return "DATE"
    raise DoesNotFit("must hold a date: DATE")


def _fit_moment(there: Column, wanted: TypeEngine[Any]) -> Wider:
    if there.type not in {"datetime", "timestamp"}:
        raise DoesNotFit(f"must hold a moment, such as {_sample(wanted)}")
    return None


def _sample(wanted: TypeEngine[Any]) -> str:
    return str(wanted.compile(mysql.dialect()))


# The first that a type is an instance of.
_KINDS: Sequence[tuple[type[TypeEngine[Any]], Callable[[Column, TypeEngine[Any]], Wider]]] = (
    (sa.JSON, _fit_json),
    (sa.String, _fit_text),
    (sa.Boolean, _fit_flag),
    (sa.Integer, _fit_integer),
    (sa.Numeric, _fit_money),
    (sa.Date, _fit_date),
    (sa.DateTime, _fit_moment),
)


def octets(column: Column, clause: str = "") -> int:
    """The bytes of a column's longest value in a row after the change with this clause; 0: it is kept beside it."""
    if found := re.search(r"VARCHAR\((\d+)\)", clause):
        return 4 * int(found[1])
    return 0 if "TEXT" in clause or column.type in _TEXTS or column.type.endswith("blob") else column.octets


def collation(column: Column, clause: str = "") -> str | None:
    """A column's collation after the change with this clause."""
    found = re.search(r"COLLATE (\w+)", clause)
    return found[1] if found else column.collation
