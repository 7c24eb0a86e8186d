"""Takes what is posted to a callback's address that was registered a little wrong.

M-Pesa registers whatever it is given and tells nobody of a 404. So slashes, case and stray blanks do not matter, and an
address that has a live secret in it is never simply unknown. But a validation's body looks like a confirmation's, and
its money has not been paid: only an address that says which of the two it is stands for one of them.
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

import structlog
from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, NoMatchFound, request_response
from starlette.types import Receive, Scope, Send

from gateway.callbacks import malformed, routes, validation
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.rules import Sources
from gateway.refusals import refusal

log = structlog.get_logger()

# What no secret contains parts the words of an address. Honest ones have few; each costs a comparison.
_NO_SECRET = re.compile(r"[^A-Za-z0-9_.~-]+", re.ASCII)
_MAX_WORDS = 50
# What a part of an odd address may look like in a log: too short for a secret.
_PART = re.compile(r"[a-z0-9_-]{1,12}|callbackprocess", re.ASCII)
_UNKNOWN_ADDRESS = "address: neither a confirmation's nor a validation's; replay it only if M-Pesa has the payment"

CONFIRMATION, VALIDATION, UNCLEAR = "confirmation", "validation", "unclear"
_KINDS = {
    tuple(path.split("/")[1:]): kind
    for kind, paths in ((CONFIRMATION, routes.PATHS), (VALIDATION, validation.PATHS))
    for path in paths
}


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """`route` tells the address without its secret, for logs; `secret`: what stands where it belongs, or ""."""

    route: str
    kind: str
    secret: str


class OddAddressRoute(BaseRoute):
    """Matches what goes nearly to a callback's address, and whatever carries a live secret."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL for every method: only a post is taken, and `handle` says so."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = _decoded(scope["path"])
        address, odd = _exact_address(path), False
        if not (address and scope["method"] == "POST" and self._sources.knows(address.secret)):
            query = _decoded(scope["query_string"].decode("latin-1"))
            if live := self._live_secret_in(f"{path}?{query}"):
                address, odd = _guessed_address(path, live), True
        if address is None:
            return Match.NONE, {}
        return Match.FULL, {
            "gateway.route": address.route,
            "gateway.address": address,
            "gateway.odd": odd,
            "path_params": {"secret": address.secret},
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a callback."""
        address: CallbackAddress = scope["gateway.address"]
        posted = scope["method"] == "POST"
        if scope["gateway.odd"]:
            taken_as = address.kind if posted else "nothing"
            log.warning("callback_at_odd_address", route=address.route, method=scope["method"], taken_as=taken_as)
        if not posted:
            _refuse_method(address)
        await _HANDLERS[address.kind](scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """No address can be made from a name."""
        raise NoMatchFound(name, path_params)

    def _live_secret_in(self, target: str) -> str:
        """The live secret that is a word of a request's path or query; "" when none is."""
        words = _NO_SECRET.split(target)[:_MAX_WORDS] if self._sources.secrets else []
        live = [word for word in words if self._sources.knows(word)]
        return live[0] if live else ""


@routes.measured(UNCLEAR)
async def hold(request: Request) -> JSONResponse:
    """Keeps what comes to an unknown address with a live secret: there may be money in it, paid or not yet."""
    callback = await routes.receive(request, routes.admit(request))
    fault = MalformedCallback("address", _UNKNOWN_ADDRESS, worth_keeping=bool(callback.body.strip()))
    return await malformed.keep(request.app.state.callbacks, callback, fault, status=404)


_HANDLERS = {
    CONFIRMATION: request_response(routes.confirm),
    VALIDATION: request_response(validation.validate),
    UNCLEAR: request_response(hold),
}


def _refuse_method(address: CallbackAddress) -> NoReturn:
    if address.kind == UNCLEAR:
        raise refusal(404, "Not Found")
    raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})


def _decoded(target: str) -> str:
    """A path or query without its escapes; some senders escape what is escaped already."""
    for _ in range(2 if "%" in target else 0):
        target = unquote(target)
    return target


def _exact_address(path: str) -> CallbackAddress | None:
    """The address of a decoded path that is a callback's, or one with a single part more, the secret."""
    parts = _parts(path)
    lowered = tuple(part.lower() for part in parts)
    if kind := _KINDS.get(lowered):
        return CallbackAddress("/" + "/".join(lowered), kind, "")
    if kind := _KINDS.get(lowered[:-1]):
        return CallbackAddress("/".join(("", *lowered[:-1], "{secret}")), kind, parts[-1])
    return None


def _guessed_address(path: str, secret: str) -> CallbackAddress:
    """The address of any decoded path with a live secret somewhere in the request's target."""
    parts = _parts(path)
    words = "/".join(part.replace(secret, "") for part in parts).lower()
    validates, confirms = "valid" in words, "confirm" in words or "callbackprocess" in words
    kind = UNCLEAR if validates == confirms else VALIDATION if validates else CONFIRMATION
    return CallbackAddress("/".join(("", *(_shown(part, secret) for part in parts))), kind, secret)


def _parts(path: str) -> list[str]:
    return [stripped for part in path.split("/") if (stripped := part.strip())]


def _shown(part: str, secret: str) -> str:
    if secret in part:
        return "{secret}"
    return part.lower() if _PART.fullmatch(part.lower()) else "*"
