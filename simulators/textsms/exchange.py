"""Takes or refuses messages as TextSMS does. Knows no HTTP.

Source of the codes: the provider's list, the same at its siblings on the same platform.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.textsms.faults import Faults
from simulators.textsms.inbox import Inbox, Received, spell

DESCRIPTIONS = {
    200: "Success",
    1001: "Invalid sender id",
    1002: "Network not allowed",
    1003: "Invalid mobile number",
    1004: "Low bulk credits",
    1005: "Failed. System error",
    1006: "Invalid credentials",
    1007: "Failed. System error",
    1008: "No Delivery Report",
    1009: "Unsupported data type",
    1010: "Unsupported request type",
    4090: "Internal Error. Try again after 5 minutes",
    4091: "No Partner ID is Set",
    4092: "No API KEY Provided",
    4093: "Details Not Found",
}
_MOBILE = re.compile(r"254[17]\d{8}")


@dataclass(frozen=True, slots=True)
class Account:
    """What a call must name; an empty value accepts anything."""

    api_key: str = ""
    partner_id: str = ""
    shortcode: str = ""


class Exchange:
    """One account with its credits, its inbox and its faults."""

    def __init__(self, account: Account, inbox: Inbox, faults: Faults, *, credits_left: int = 1_000_000) -> None:
        self.account = account
        self.inbox = inbox
        self.faults = faults
        self.credits_left = credits_left

    def take(self, item: Mapping[str, Any], endpoint: str) -> dict[str, Any] | None:
        """Take one message, or not; answers its result, None when a fault swallows it."""
        mobile = spell(str(item.get("mobile", "")))
        fault = self.faults.draw("code", mobile=mobile)
        code = self._judge(item, mobile) if fault is None else fault.code
        if code != 200:
            return result(code) | _echo(item)
        self.credits_left -= 1
        taken = Received(
            messageid=self.inbox.next_id(),
            mobile=mobile,
            message=str(item["message"]),
            shortcode=str(item["shortcode"]),
            clientsmsid=str(item.get("clientsmsid", "")),
            endpoint=endpoint,
            time=time.time(),
        )
        self.inbox.add(taken)
        if self.faults.draw("omit", mobile=mobile):
            return None
        about = {"mobile": int(mobile), "messageid": taken.messageid, "networkid": "1"}
        return result(200) | about | _echo(item)

    def _judge(self, item: Mapping[str, Any], mobile: str) -> int:
        if refused := self.check_login(item):
            return refused
        shortcode, message = item.get("shortcode"), item.get("message")
        if not shortcode or self.account.shortcode not in {"", str(shortcode)}:
            return 1001
        if not _MOBILE.fullmatch(mobile):
            return 1003
        if not isinstance(message, str) or not message:
            return 1009
        return 200 if self.credits_left > 0 else 1004

    def check_login(self, item: Mapping[str, Any]) -> int | None:
        """The code of a login that is refused, None for one that is not."""
        if not item.get("partnerID"):
            return 4091
        if not item.get("apikey"):
            return 4092
        wanted, given = self.account, item
        if wanted.partner_id not in {"", str(given["partnerID"])} or wanted.api_key not in {"", str(given["apikey"])}:
            return 1006
        return None


def result(code: int | None) -> dict[str, Any]:
    """A code with its description, under the misspelt key that the provider documents."""
    return {"respose-code": code, "response-description": DESCRIPTIONS.get(code or 0, "Unknown")}


def failure(code: int | None) -> dict[str, Any]:
    """The body of a call that is refused as a whole."""
    return {"response-code": code, "response-description": DESCRIPTIONS.get(code or 0, "Unknown")}


def _echo(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"clientsmsid": item["clientsmsid"]} if "clientsmsid" in item else {}
