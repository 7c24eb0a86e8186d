"""What every callback route does before it looks at the content: who sent it, and its bytes."""

import asyncio
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from starlette.requests import ClientDisconnect, Request

from gateway.callbacks import answers
from gateway.callbacks.answers import JsonResponse
from gateway.callbacks.parsing import MAX_BODY_BYTES
from gateway.callbacks.sources import Sources

log = structlog.get_logger()

# A longer body is read this far and thrown away, so that its sender gets to see the answer.
_MAX_READ_BYTES = 8 * 1024 * 1024
_READ_SECONDS = 10.0

_GZIP = b"\x1f\x8b\x08"
# As zlib's wbits.
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15


class AnswerNow(Exception):
    """Ends a request with `response`, whatever was going on."""

    def __init__(self, response: JsonResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class ReadBody:
    """The first MAX_BODY_BYTES of a body, unpacked; `truncated` when there was more."""

    content: bytes
    truncated: bool


def refuse(status: int, error: str, *, retry_after: int = 0) -> AnswerNow:
    """An answer that says no."""
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return AnswerNow(JsonResponse(answers.rejected(error, datetime.now(UTC)), status, headers))


def admit(request: Request, sources: Sources, secret: str = "") -> str:
    """The sender's address; raises AnswerNow when it may not send callbacks."""
    peer, _ = request.scope["client"] or ("", 0)
    sender = sources.sender(peer, _forwarded_for(request))
    if not sources.admits(sender, secret):
        log.warning("callback_refused", source=str(sender or "unknown"), peer=peer, secret_given=bool(secret))
        raise refuse(403, "Forbidden")
    return str(sender or "")


def _forwarded_for(request: Request) -> list[str]:
    return [value.decode("latin-1") for name, value in request.scope["headers"] if name == b"x-forwarded-for"]


async def read_body(request: Request) -> ReadBody:
    """The request's body; raises AnswerNow when it does not arrive in time or at all."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return _unpacked(await _read_all(request), request.headers.get("content-encoding", ""))
    except TimeoutError:
        raise refuse(408, "body: did not arrive in time") from None
    except ClientDisconnect:
        raise refuse(400, "body: broken off") from None  # nobody reads it; it only ends the request in order


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
