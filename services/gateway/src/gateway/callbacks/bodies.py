"""The bytes of a request's body: read to a bound and in time, and unpacked. Apart from parsing, which knows no HTTP."""

import asyncio
import zlib
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from gateway.callbacks.parsing import MAX_BODY_BYTES
from gateway.responses import refusal

# A longer body is read this far and thrown away, so that its sender gets to see the answer.
_MAX_READ_BYTES = 8 * 1024 * 1024
_READ_SECONDS = 10.0

_GZIP = b"\x1f\x8b\x08"
# As zlib's wbits.
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15


@dataclass(frozen=True, slots=True)
class ReadBody:
    """The first MAX_BODY_BYTES of a body, unpacked; `truncated` when there was more."""

    content: bytes
    truncated: bool


async def read_body(request: Request) -> ReadBody:
    """The request's body; raises HTTPException when it does not arrive in time or at all."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return _unpacked(await _read_all(request), request.headers.get("content-encoding", ""))
    except TimeoutError:
        raise refusal(408, "body: did not arrive in time") from None
    except ClientDisconnect:
        raise refusal(400, "body: broken off") from None  # nobody reads it; it only ends the request in order


async def _read_all(request: Request) -> ReadBody:
    kept, seen, more = bytearray(), 0, True
    while more and seen <= _MAX_READ_BYTES:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        seen += len(chunk)
        kept += chunk[: MAX_BODY_BYTES - len(kept)]
    return ReadBody(bytes(kept), seen > MAX_BODY_BYTES)


def _unpacked(body: ReadBody, encoding: str) -> ReadBody:
    """The body without gzip or deflate, so that whoever reads it later needs no header; else as it came.

    gzip is known by its first bytes: no text begins like that.
    """
    packed = body.content.startswith(_GZIP) or encoding.strip().lower() == "deflate"
    if body.truncated or not packed:
        return body
    for form in (_GZIP_OR_ZLIB, _RAW_DEFLATE):
        unpacking = zlib.decompressobj(form)
        try:
            # However much is packed into it, no more than this is ever unpacked.
            content = unpacking.decompress(body.content, MAX_BODY_BYTES + 1)
        except zlib.error:
            continue
        if len(content) > MAX_BODY_BYTES:
            return ReadBody(content[:MAX_BODY_BYTES], truncated=True)
        if unpacking.eof and not unpacking.unused_data:
            return ReadBody(content, truncated=False)
    return body
