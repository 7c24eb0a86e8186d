"""TextSMS over HTTP: sendsms for one message, sendbulk for up to 20, and what its answers mean.

The credentials travel in the body and are never logged. The codes are the whole contract: HTTP statuses are
undocumented, so a code in the body decides and the status speaks only where there is none, and only those that say
that nothing was taken. A result counts for a message only when it is certain whose it is.
"""

import json
import ssl
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from notify.providers.provider import Outcome, OutcomeKind, Sms

_MAX_ANSWER = 1_000_000
_MAX_CONNECT_SECONDS = 5.0
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "rejesha-notify",
    # On a kept connection that the other side closes meanwhile nobody knows what became of the request.
    "Connection": "close",
}

# The provider's own documentation misspells the key; its siblings spell it right.
_CODE_KEYS = ("response-code", "respose-code")

# What is wrong with our account would fail every message alike, so those wait for an operator instead of failing.
_KINDS = {
    200: OutcomeKind.SENT,
    1001: OutcomeKind.ACCOUNT_REFUSED,  # invalid sender id: ours
    1002: OutcomeKind.REFUSED,  # network not allowed
    1003: OutcomeKind.REFUSED,  # invalid mobile number
    1004: OutcomeKind.LATER,  # low credits: until someone tops up
    1005: OutcomeKind.BUSY,  # system error
    1006: OutcomeKind.ACCOUNT_REFUSED,  # invalid credentials
    1007: OutcomeKind.BUSY,  # system error
    1008: OutcomeKind.UNKNOWN,  # no delivery report: says nothing about sending
    1009: OutcomeKind.REFUSED,  # unsupported data type
    1010: OutcomeKind.REFUSED,  # unsupported request type
    4090: OutcomeKind.LATER,  # "try again after 5 minutes"
    4091: OutcomeKind.ACCOUNT_REFUSED,  # no partner id
    4092: OutcomeKind.ACCOUNT_REFUSED,  # no API key
    4093: OutcomeKind.REFUSED,  # details not found
}

# Without a code: what says by itself that the call was turned away before anybody looked at the messages.
_STATUSES = {
    402: OutcomeKind.LATER,  # payment required: until someone tops up
    429: OutcomeKind.LATER,  # too many requests
    503: OutcomeKind.BUSY,  # nobody behind the provider's door
}


class NoConnection(Exception):
    """Nothing of the request has left, so sending again is safe."""


class BrokenAnswer(Exception):
    """The provider sends more than an answer needs, or less than it said it would."""


class NoBalance(Exception):
    """Nobody knows what is left of the account; the text says why."""


class TextSms:
    """One TextSMS account; may be used by several threads at once. `deadline`: for a whole call, in seconds.

    By http.client, not by httpx: that takes 0.7 ms of CPU a call instead of 0.15, which is 5 % of a payment's in all.
    """

    name = "textsms"

    def __init__(self, url: str, *, api_key: str, partner_id: str, shortcode: str, deadline: float = 20) -> None:
        self.deadline = deadline
        self._account = {"apikey": api_key, "partnerID": partner_id, "shortcode": shortcode}
        address = urlsplit(url)
        self._host, self._port, self._folder = address.hostname or "", address.port, address.path.rstrip("/")
        # Made once, because reading all the authorities' certificates takes longer than a call.
        self._tls = ssl.create_default_context() if address.scheme == "https" else None

    def send(self, batch: Sequence[Sms]) -> list[Outcome]:
        try:
            status, body = self._post(*self._request(batch))
        except NoConnection as error:
            return _all(batch, OutcomeKind.UNREACHABLE, f"no connection: {error}")
        except TimeoutError:
            return _all(batch, OutcomeKind.UNKNOWN, f"no answer within {self.deadline:g} s")
        except (OSError, HTTPException, BrokenAnswer) as error:
            return _all(batch, OutcomeKind.UNKNOWN, f"the call broke off: {type(error).__name__}")
        return read(status, body, batch)

    def balance(self) -> float:
        """What is left of the account, as the provider counts. Raises NoBalance."""
        login = {name: self._account[name] for name in ("apikey", "partnerID")}
        try:
            status, body = self._post("getbalance/", login)
        except NoConnection as error:
            raise NoBalance(f"no connection: {error}") from error
        except (OSError, HTTPException, BrokenAnswer) as error:
            raise NoBalance(f"no answer: {type(error).__name__}") from error
        return read_balance(status, body)

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        ends = time.monotonic() + self.deadline
        written = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        with closing(self._connect()) as connection:
            stream = connection.sock
            stream.settimeout(_left(ends))
            connection.request("POST", f"{self._folder}/{path}", written, _HEADERS)
            stream.settimeout(_left(ends))
            response = connection.getresponse()
            return response.status, _body(response, stream, ends)

    def _connect(self) -> HTTPConnection:
        seconds = min(self.deadline / 2, _MAX_CONNECT_SECONDS)
        if self._tls:
            connection: HTTPConnection = HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connection.connect()
        except OSError as error:  # also of the name server and of TLS
            connection.close()
            raise NoConnection(type(error).__name__) from error
        return connection

    def _request(self, batch: Sequence[Sms]) -> tuple[str, dict[str, Any]]:
        if len(batch) == 1:
            return "sendsms/", self._item(batch[0])
        items = [{**self._item(sms), "pass_type": "plain", "clientsmsid": sms.reference} for sms in batch]
        return "sendbulk/", {"count": len(items), "smslist": items}

    def _item(self, sms: Sms) -> dict[str, Any]:
        return {**self._account, "mobile": sms.phone, "message": sms.text}


def _body(response: HTTPResponse, stream: socket, ends: float) -> bytes:
    """The whole body. A socket's timeout limits each step: an answer that drips in would keep us for ever."""
    body = bytearray()
    while not response.isclosed():  # from Python 3.13 on it closes the socket itself behind the last byte
        stream.settimeout(_left(ends))
        part = response.read1(_MAX_ANSWER)
        if not part:
            break
        body += part
        if len(body) > _MAX_ANSWER:
            raise BrokenAnswer
    if response.length:
        raise BrokenAnswer
    return bytes(body)


def _left(ends: float) -> float:
    """Seconds until then; raises TimeoutError when there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def classify(code: int | None) -> OutcomeKind:
    """What a response code means; UNKNOWN when there is none or nobody has documented it."""
    return _KINDS.get(code, OutcomeKind.UNKNOWN) if code is not None else OutcomeKind.UNKNOWN


def read(status: int, body: bytes, batch: Sequence[Sms]) -> list[Outcome]:
    """What an answer says: one outcome for each message of the batch, in its order."""
    try:
        answer = json.loads(body)
    except ValueError:  # also UnicodeDecodeError
        return _all(batch, _of_status(status), f"HTTP {status}, and the answer is not JSON")
    if isinstance(answer, dict) and isinstance(answer.get("responses"), list):
        return _each(batch, [result for result in answer["responses"] if isinstance(result, dict)])
    if isinstance(answer, dict) and _code(answer) is not None:
        return [_overall(answer, alone=len(batch) == 1)] * len(batch)
    return _all(batch, _of_status(status), f"HTTP {status}, and the answer has no response code")


def _of_status(status: int) -> OutcomeKind:
    return _STATUSES.get(status, OutcomeKind.UNKNOWN)


def read_balance(status: int, body: bytes) -> float:
    """What an answer says is left: its "credit", or "balance" as others call it. Raises NoBalance."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NoBalance(f"HTTP {status}, and the answer is no JSON object")
    try:
        return float(str(answer.get("credit", answer.get("balance"))).replace(",", ""))
    except ValueError as error:
        raise NoBalance(_outcome(answer).detail) from error


def _all(batch: Sequence[Sms], kind: OutcomeKind, detail: str) -> list[Outcome]:
    return [Outcome(kind, detail)] * len(batch)


def _overall(answer: dict[str, Any], *, alone: bool) -> Outcome:
    # A refusal of the whole call holds for all; a success without results proves nothing about twenty messages.
    outcome = _outcome(answer)
    if outcome.kind is OutcomeKind.SENT and not alone:
        return Outcome(OutcomeKind.UNKNOWN, "success without results")
    return outcome


def _each(batch: Sequence[Sms], results: list[dict[str, Any]]) -> list[Outcome]:
    found = _match(batch, results)
    missing = Outcome(OutcomeKind.UNKNOWN, "the answer has no result for this message")
    return [_outcome(found[sms.reference]) if sms.reference in found else missing for sms in batch]


def _match(batch: Sequence[Sms], results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each message's result by its reference: echoed, else by order, else by number."""
    references = {sms.reference for sms in batch}
    found: dict[str, dict[str, Any]] = {}
    nameless = []
    for result in results:
        echoed = str(result.get("clientsmsid", ""))
        if echoed in references:
            found.setdefault(echoed, result)
        else:
            nameless.append(result)
    rest = [sms for sms in batch if sms.reference not in found]
    if _same_order(rest, nameless):
        return found | {sms.reference: result for sms, result in zip(rest, nameless, strict=True)}
    return found | _match_by_number(rest, nameless)


def _same_order(batch: Sequence[Sms], results: Sequence[dict[str, Any]]) -> bool:
    if len(batch) != len(results):
        return False
    return all(_number(result) in {"", sms.phone} for sms, result in zip(batch, results, strict=True))


def _match_by_number(batch: Sequence[Sms], results: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    by_number = defaultdict(list)
    for result in results:
        by_number[_number(result)].append(result)
    to_number = defaultdict(list)
    for sms in batch:
        to_number[sms.phone].append(sms.reference)
    found: dict[str, dict[str, Any]] = {}
    for number, names in to_number.items():
        if len(names) == len(by_number[number]):
            found.update(zip(names, by_number[number], strict=True))
    return found


def _number(result: dict[str, Any]) -> str:
    """The result's mobile number in our spelling; empty when it has none."""
    digits = "".join(filter(str.isdigit, str(result.get("mobile", ""))))
    return "254" + digits[-9:] if len(digits) >= 9 else digits


def _outcome(result: dict[str, Any]) -> Outcome:
    code = _code(result)
    said = str(result.get("response-description", ""))[:200]
    detail = f"{code}: {said}" if code is not None else "the result has no response code"
    known = code if code in _KINDS else None
    return Outcome(classify(code), detail, str(result.get("messageid") or "")[:100], known)


def _code(result: dict[str, Any]) -> int | None:
    for key in _CODE_KEYS:
        written = str(result.get(key, "")).strip()
        if written.isascii() and written.isdigit() and len(written) < 10:
            return int(written)
    return None
