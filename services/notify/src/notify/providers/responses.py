"""Reads what TextSMS answers. Pure.

The codes are the whole contract: HTTP statuses are undocumented, so a code in the body decides and the status speaks
only where there is none. A result counts for a message only when it is certain whose it is.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from notify.providers.provider import Outcome, OutcomeKind, Sms

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


def classify(code: int | None) -> OutcomeKind:
    """What a response code means; UNKNOWN when there is none or nobody has documented it."""
    return _KINDS.get(code, OutcomeKind.UNKNOWN) if code is not None else OutcomeKind.UNKNOWN


def read(status: int, body: bytes, batch: Sequence[Sms]) -> list[Outcome]:
    """One outcome for each message of the batch, in its order."""
    try:
        answer = json.loads(body)
    except ValueError:  # also UnicodeDecodeError
        return _all(batch, Outcome(OutcomeKind.UNKNOWN, f"HTTP {status}, and the answer is not JSON"))
    if isinstance(answer, dict) and isinstance(answer.get("responses"), list):
        return _each(batch, [result for result in answer["responses"] if isinstance(result, dict)])
    if isinstance(answer, dict) and _code(answer) is not None:
        return _all(batch, _overall(answer, alone=len(batch) == 1))
    return _all(batch, Outcome(OutcomeKind.UNKNOWN, f"HTTP {status}, and the answer has no response code"))


def _all(batch: Sequence[Sms], outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(batch)


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
    return Outcome(classify(code), detail, str(result.get("messageid") or "")[:100])


def _code(result: dict[str, Any]) -> int | None:
    for key in _CODE_KEYS:
        written = str(result.get(key, "")).strip()
        if written.isascii() and written.isdigit() and len(written) < 10:
            return int(written)
    return None
