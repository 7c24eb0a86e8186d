"""The gateway over HTTP: a payment's timeline, its health, and callbacks sent in by hand.

With http.client: importing httpx takes as long as the rest of a command.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from rejesha_cli.errors import GatewayRefused, ServiceUnreachable, SettingMissing
from rejesha_cli.settings import Settings

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """The gateway's answer: its HTTP status, its JSON object, and its Date header."""

    status: int
    document: dict[str, Any]
    date: str = ""

    @property
    def accepted(self) -> bool:
        return self.status == HTTPStatus.OK and self.document.get("success") is not False

    @property
    def outcome(self) -> str:
        """What became of the payment, such as customer_paid; "stored" when that is not known yet."""
        result = self.document.get("processingResult")
        return str(result.get("outcome") or "stored") if isinstance(result, dict) else "stored"

    @property
    def trans_id(self) -> str:
        return str(self.document.get("transactionId") or "?")

    @property
    def fault(self) -> str:
        """Why it was not accepted, as the gateway says it."""
        return str(self.document.get("error") or self.document.get("ResultDesc") or f"HTTP {self.status}")


class Gateway:
    """The one at `gateway_url`."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.gateway_url.rstrip("/")
        self._token = settings.api_token
        self._secret = settings.first_callback_secret

    def timeline(self, trans_id: str) -> dict[str, Any]:
        """A payment's timeline, as `GET /payments/{TransID}` tells it."""
        answer = self._request("GET", f"/payments/{quote(trans_id, safe='')}", headers=self._authorization())
        if answer.status == HTTPStatus.NOT_FOUND:
            raise GatewayRefused(f"there is no payment {trans_id}.")
        return self._granted(answer).document

    def replay(self, callback_id: int, body: bytes) -> Answer:
        """Read a quarantined callback again, or `body` in its place when there is one, and record it."""
        answer = self._request("POST", f"/quarantine/{callback_id}/replay", headers=self._authorization(), content=body)
        return self._granted(answer)

    def spool(self) -> dict[str, Any]:
        """What waits on the gateway's disk, as `GET /spool` tells it."""
        return self._granted(self._request("GET", "/spool", headers=self._authorization())).document

    def health(self) -> Answer:
        """What `GET /health` says, healthy or not."""
        return self._request("GET", "/health")

    def send_callback(self, body: bytes, *, secret: str = "") -> Answer:
        """Post a callback as M-Pesa would. `secret` stands in for the configured one."""
        secret = secret or self._secret
        path = f"/callbackprocess/{quote(secret, safe='')}" if secret else "/callbackprocess"
        answer = self._request("POST", path, content=body, headers={"Content-Type": "application/json"})
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise GatewayRefused(
                f"the gateway does not take callbacks from here (HTTP {answer.status}): REJESHA_CALLBACK_SECRET must be"
                " one of its REJESHA_CALLBACK_SECRETS, and this address in its REJESHA_CALLBACK_NETWORKS."
            )
        return answer

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> Answer:
        connection = self._connection(timeout)
        try:
            connection.request(method, urlsplit(self.url).path + path, content, dict(headers or {}))
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            raise ServiceUnreachable(
                f"the gateway cannot be reached at {self.url}: REJESHA_GATEWAY_URL says where it is."
            ) from error
        finally:
            connection.close()
        return Answer(response.status, self._document(response.status, body), response.headers.get("Date", ""))

    def _connection(self, timeout: float) -> HTTPConnection:
        """The gateway is ours and reached directly, as the services are: no proxy of the surroundings."""
        try:
            url = urlsplit(self.url)
            if url.hostname and url.scheme in {"http", "https"}:
                kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
                return kind(url.hostname, url.port, timeout=timeout)
        except (ValueError, HTTPException):  # of a port that is none
            pass
        raise ServiceUnreachable(f"REJESHA_GATEWAY_URL is no http address: {self.url!r}.")

    def _document(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except ValueError as error:
            raise self._strange(status) from error
        if not isinstance(document, dict):
            raise self._strange(status)
        return document

    def _strange(self, status: int) -> ServiceUnreachable:
        return ServiceUnreachable(
            f"what answers at {self.url} is not the gateway (HTTP {status}): REJESHA_GATEWAY_URL says where it is."
        )

    def _authorization(self) -> dict[str, str]:
        if not self._token:
            raise SettingMissing("REJESHA_API_TOKEN, or REJESHA_API_TOKEN_FILE, is missing: it must be the gateway's.")
        return {"Authorization": f"Bearer {self._token}"}

    def _granted(self, answer: Answer) -> Answer:
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise GatewayRefused("the gateway refuses the token: REJESHA_API_TOKEN must be the same here and there.")
        if not answer.accepted:
            raise GatewayRefused(f"the gateway: {answer.fault} (HTTP {answer.status}).")
        return answer
