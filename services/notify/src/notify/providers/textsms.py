"""The TextSMS HTTP API: sendsms for one message, sendbulk for up to 20.

Owns the call and its deadline; `responses` reads the answer. The credentials travel in the body and are never logged.
"""

import json
import ssl
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from notify.providers import responses
from notify.providers.deadline import Deadline
from notify.providers.provider import Outcome, OutcomeKind, Sms

_MAX_ANSWER = 1_000_000
_CONNECT_SECONDS = 5.0
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "*/*",
    "User-Agent": "rejesha-notify",
    # On a kept connection that the other side closes meanwhile nobody knows what became of the request.
    "Connection": "close",
}


class NoConnection(Exception):
    """Nothing of the request has left, so sending again is safe."""


class AnswerTooLarge(HTTPException):
    """The provider sends more than any answer of its own would need."""


class TextSms:
    """One TextSMS account; may be used by several threads at once. `deadline`: for a whole call, in seconds."""

    def __init__(self, url: str, *, api_key: str, partner_id: str, shortcode: str, deadline: float = 20) -> None:
        self.deadline = deadline
        # A socket's timeout limits each step, not the whole: an answer that drips in byte by byte, or a slow name
        # server, would keep us for ever.
        self._whole_call = Deadline(deadline)
        self._account = {"apikey": api_key, "partnerID": partner_id, "shortcode": shortcode}
        address = urlsplit(url)
        self._host, self._port, self._folder = address.hostname or "", address.port, address.path.rstrip("/")
        # Made once, because reading all the authorities' certificates takes longer than a call.
        self._tls = ssl.create_default_context() if address.scheme == "https" else None

    def send(self, batch: Sequence[Sms]) -> list[Outcome]:
        try:
            status, body = self._whole_call.keep(lambda: self._post(batch))
        except NoConnection as error:
            return [Outcome(OutcomeKind.UNREACHABLE, f"no connection: {error}")] * len(batch)
        except TimeoutError:
            return [Outcome(OutcomeKind.UNKNOWN, f"no answer within {self.deadline:g} s")] * len(batch)
        except (OSError, HTTPException) as error:
            return [Outcome(OutcomeKind.UNKNOWN, f"the call broke off: {type(error).__name__}")] * len(batch)
        return responses.read(status, body, batch)

    def _post(self, batch: Sequence[Sms]) -> tuple[int, bytes]:
        path, body = self._request(batch)
        written = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        with closing(self._connect()) as connection:
            connection.request("POST", f"{self._folder}/{path}", written, _HEADERS)
            response = connection.getresponse()
            return response.status, _read(response)

    def _connect(self) -> HTTPConnection:
        seconds = min(self.deadline / 2, _CONNECT_SECONDS)
        if self._tls:
            connection: HTTPConnection = HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connection.connect()
        except OSError as error:  # also of the name server and of TLS
            connection.close()
            raise NoConnection(type(error).__name__) from error
        connection.sock.settimeout(self.deadline)
        return connection

    def _request(self, batch: Sequence[Sms]) -> tuple[str, dict[str, Any]]:
        if len(batch) == 1:
            return "sendsms/", self._item(batch[0])
        items = [{**self._item(sms), "pass_type": "plain", "clientsmsid": sms.reference} for sms in batch]
        return "sendbulk/", {"count": len(items), "smslist": items}

    def _item(self, sms: Sms) -> dict[str, Any]:
        return {**self._account, "mobile": sms.phone, "message": sms.text}


def _read(response: HTTPResponse) -> bytes:
    body = response.read(_MAX_ANSWER + 1)
    if len(body) > _MAX_ANSWER:
        raise AnswerTooLarge("answer too large")
    return body
