"""Reads what is no plain JSON in UTF-8, as far as it can be read in one way only: what is packed, in another encoding,
with a comma too many, or a form. Pure. gateway.callbacks.parsing says what the content means.
"""

import json
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from gateway.callbacks.errors import MalformedCallback

# A comma before a closing bracket; strings, also one that never ends, are matched only to be passed over.
_COMMA_TOO_MANY = re.compile(r'("(?:[^"\\]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)
# No JSON, however broken, may be read as a form: what a payer typed could then pass for fields.
_FORM = re.compile(r"[A-Za-z_-]+=[^\x00-\x1f\x7f\"{}\[\]<>]*")
# Bytes that are no UTF-8 are decoded to these, and mean what they mean in Windows' Latin-1.
_NO_UTF_8 = re.compile("[\udc80-\udcff]")
_LATIN_1 = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}

# No text begins like that.
GZIP = b"\x1f\x8b\x08"
# As zlib's wbits.
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15


def read(body: bytes, read_json: Callable[[str], Any]) -> Any:
    """What the body says by `read_json`, which raises JSONDecodeError or RecursionError. Raises MalformedCallback."""
    text = _decoded(body)
    if not text.strip():
        raise MalformedCallback("body", "body: empty", worth_keeping=False)
    try:
        return read_json(text)
    except json.JSONDecodeError as error:
        fault = f"body: not JSON (line {error.lineno}, column {error.colno})"
        return _read_mended(text, read_json, fault)
    except RecursionError:
        raise MalformedCallback("body", "body: nested too deeply") from None


def _decoded(body: bytes) -> str:
    """The body's text; bytes that are no UTF-8 become half surrogates."""
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict")
    except UnicodeDecodeError:
        raise MalformedCallback("body", "body: not UTF-8") from None


def _read_mended(text: str, read_json: Callable[[str], Any], fault: str) -> Any:
    try:
        return read_json(_form_as_json(text) if _FORM.fullmatch(text.strip()) else _COMMA_TOO_MANY.sub(r"\1", text))
    except (ValueError, RecursionError):
        raise MalformedCallback("body", fault) from None


def _form_as_json(text: str) -> str:
    """The fields of an application/x-www-form-urlencoded body as a JSON object. Raises ValueError: none is TransID."""
    pairs = parse_qsl(text.strip(), keep_blank_values=True, strict_parsing=True, errors="surrogateescape")
    if not any(re.sub(r"[\s_-]", "", key).lower() == "transid" for key, _ in pairs):
        raise ValueError("no callback")
    # A field that is given twice must be seen twice, so no dict.
    return "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"


def is_utf_8(text: str) -> bool:
    """Whether all of a text that was read here was UTF-8."""
    return not _NO_UTF_8.search(text)


def encodable(text: str) -> str:
    """A text that UTF-8, and so protobuf, can hold: JSON can spell half a surrogate pair, and bytes may be no UTF-8."""
    return text.translate(_LATIN_1).encode("utf-8", "replace").decode("utf-8")


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """A gzip or deflate body unpacked, to no more than `most` bytes and one, however much is packed into it; else as it
    came. `encoding`: what the Content-Encoding header says.
    """
    if not body.startswith(GZIP) and encoding.strip().lower() != "deflate":
        return body
    for form in (_GZIP_OR_ZLIB, _RAW_DEFLATE):
        unpacking = zlib.decompressobj(form)
        try:
            content = unpacking.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(content) > most or (unpacking.eof and not unpacking.unused_data):
            return content
    return body
