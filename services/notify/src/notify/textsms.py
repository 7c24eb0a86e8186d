"""The TextSMS HTTP API: sendsms for one message, sendbulk for up to 20.

Owns the call and its deadline; `responses` reads the answer. The credentials travel in the body and are never logged.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx

from notify import responses
from notify.provider import Outcome, Sms, Verdict

T = TypeVar("T")

# Nothing of the request has left when one of these is raised, so sending again is safe.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LARGEST_ANSWER = 1_000_000
_CONNECT_SECONDS = 5.0


class AnswerTooLarge(httpx.HTTPError):
    """The provider sends more than any answer of its own would need."""


class TextSms:
    """One TextSMS account; may be used by several threads at once. `deadline`: for a whole call, in seconds."""

    def __init__(self, url: str, *, api_key: str, partner_id: str, shortcode: str, deadline: float = 20) -> None:
        self.deadline = deadline
        self._account = {"apikey": api_key, "partnerID": partner_id, "shortcode": shortcode}
        self._client = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(deadline, connect=min(deadline / 2, _CONNECT_SECONDS)),
            # On a kept connection that the other side closes meanwhile nobody knows what became of the request.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, batch: Sequence[Sms]) -> list[Outcome]:
        try:
            status, body = _within(self.deadline, lambda: self._post(batch))
        except _NOTHING_SENT as error:
            return [Outcome(Verdict.UNREACHABLE, f"no connection: {type(error).__name__}")] * len(batch)
        except TimeoutError:
            return [Outcome(Verdict.UNKNOWN, f"no answer within {self.deadline:g} s")] * len(batch)
        except httpx.HTTPError as error:
            return [Outcome(Verdict.UNKNOWN, f"the call broke off: {type(error).__name__}")] * len(batch)
        return responses.read(status, body, batch)

    def _post(self, batch: Sequence[Sms]) -> tuple[int, bytes]:
        path, body = self._request(batch)
        with self._client.stream("POST", path, json=body) as response:
            return response.status_code, _read(response)

    def _request(self, batch: Sequence[Sms]) -> tuple[str, dict[str, Any]]:
        if len(batch) == 1:
            return "sendsms/", self._item(batch[0])
        items = [{**self._item(sms), "pass_type": "plain", "clientsmsid": sms.reference} for sms in batch]
        return "sendbulk/", {"count": len(items), "smslist": items}

    def _item(self, sms: Sms) -> dict[str, Any]:
        return {**self._account, "mobile": sms.phone, "message": sms.text}


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise AnswerTooLarge("answer too large")
    return bytes(body)


def _within(seconds: float, call: Callable[[], T]) -> T:
    """The call's result, or TimeoutError.

    httpx limits each step, not the whole: an answer that drips in byte by byte, or a slow name server, would keep us
    for ever. The call is left behind on its own thread then, and its result, if one comes, is nobody's.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001  # raised again where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="textsms-call", daemon=True).start()
    return future.result(seconds)
