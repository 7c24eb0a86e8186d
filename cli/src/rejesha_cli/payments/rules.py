"""A payment's timeline as `GET /payments/{TransID}` tells it, and what it means for the operator. Pure.

The only place that knows the gateway's JSON. It takes what it knows and leaves the rest: a newer gateway may say more,
and a timeline that cannot be understood in part is still shown in part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from rejesha_cli.payments.advice import advice
from rejesha_cli.records import Record, local_time

Level = Literal["good", "wait", "bad"]


@dataclass(frozen=True)
class Verdict:
    """What became of a payment in one sentence, and what the operator can do."""

    level: Level
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Timeline:
    """The gateway's document. Times are ISO 8601 in East Africa Time, amounts shillings as text.

    `messages` is None when notify could not be asked.
    """

    payment: Record
    events: list[Record]
    tasks: list[Record]
    messages: list[Record] | None
    conflicts: int
    notes: list[str]

    @classmethod
    def read(cls, document: Record) -> Self:
        """From the gateway's JSON."""
        messages = document.get("messages")
        return cls(
            payment=_local(_object(document.get("payment"))),
            events=_objects(document.get("timeline")),
            tasks=_objects(document.get("tasks")),
            messages=_objects(messages) if isinstance(messages, list) else None,
            conflicts=sum(bool(one.get("conflicting")) for one in _objects(document.get("deliveries"))),
            notes=_texts(document.get("notes")),
        )

    @property
    def code(self) -> str:
        return str(self.payment.get("transactionId") or "?")

    @property
    def customer(self) -> str:
        """Who was found for the reference, as billing says it; empty when nobody was."""
        return next((str(event.get("message")) for event in self._named("USER_FOUND")), "")

    @property
    def paid_until(self) -> str:
        """The day until which this payment pays; empty when it moved no date."""
        days = (_object(event.get("details")).get("due_date") for event in self._named("PROCESSING_COMPLETE"))
        return next((str(day) for day in days if day), "") if self.payment.get("outcome") == "customer_paid" else ""

    @property
    def line_task(self) -> Record | None:
        """The task that switches the line: the newest, if it was tried anew."""
        lines = [task for task in self.tasks if task.get("kind") == "set_access"]
        return lines[-1] if lines else None

    @property
    def missing(self) -> str:
        """What is missing to the package, as billing says it."""
        return next((str(event.get("message")) for event in self._named("INSUFFICIENT_PAYMENT")), "")

    def _named(self, name: str) -> Iterator[Record]:
        return (event for event in self.events if event.get("event") == name)


def judge(timeline: Timeline) -> Verdict:
    """The answer to "I have paid, what about my internet?"."""
    outcome = str(timeline.payment.get("outcome") or "unknown")
    if outcome == "customer_paid":
        return _judge_line(timeline)
    if outcome == "customer_partial":
        what = f": {timeline.missing}" if timeline.missing else ""
        return Verdict("wait", f"Paid too little for the package{what}.", "The money is in the wallet, the line stays.")
    if outcome == "unmatched":
        reason = str(timeline.payment.get("reason") or "no reason given")
        what_to_do = advice(timeline.code, reason, str(timeline.payment.get("reference") or ""))
        return Verdict("bad", f"Held: nobody got this money ({_spaced(reason)}).", what_to_do)
    return _OTHERS.get(outcome, Verdict("wait", f"Its outcome is {outcome.replace('_', ' ')}."))


_OTHERS = {
    "sms_credits": Verdict("good", "SMS credits were bought."),
    "whatsapp_credits": Verdict("good", "WhatsApp credits were bought."),
    "service_payment": Verdict("good", "It is in the ISP's wallet."),
    "predecessor": Verdict("good", "It was applied by the system before this one; more is not known of it."),
    "dismissed": Verdict("good", "It was held, and closed without crediting anybody.", "The last entry says why."),
    "reversed": Verdict(
        "good", "Its money went back to the payer, and what it gave was taken back.", "The last entry says why."
    ),
    "conflict": Verdict("bad", "It contradicts an earlier payment with this code; nothing was applied."),
}


def _judge_line(timeline: Timeline) -> Verdict:
    task = timeline.line_task
    paid = f"Paid until {timeline.paid_until}" if timeline.paid_until else "Paid"
    if task is None:
        advice = "Put a router and a username on the customer's record, or switch the line by hand."
        return Verdict("wait", f"{paid}, but no line was switched: no router or username on record.", advice)
    why = f": {_spaced(task['lastError'])}" if task.get("lastError") else ""
    match task.get("state"):
        case "done":
            return Verdict("good", f"{paid}, and the line is on.")
        case "open":
            return Verdict("wait", f"{paid}, but the line is not on yet{why}.", _next_try(task))
        case "given_up":
            advice = f"Mend that, then: rejesha payment retry {timeline.code}"
            return Verdict("bad", f"{paid}, but the line could not be switched on{why}.", advice)
        case "expired":
            return Verdict("bad", f"{paid}, but that time ran out before the line was on{why}.")
        case state:
            return Verdict("wait", f"{paid}; the line's task is {_spaced(state)}{why}.")


def _next_try(task: Record) -> str:
    due = str(task.get("dueTime") or "")[11:19]
    times = task.get("attempts") or 0
    tried = f"Tried {times} time{'' if times == 1 else 's'}" if times else "Not tried yet"
    when = ", and is being tried now" if task.get("leaseExpireTime") else f", next at {due}" if due else ""
    return f"{tried}; it goes on by itself{when}. Nothing to do but mend the cause."


def _spaced(word: object) -> str:
    return str(word).replace("_", " ")


def _object(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Record]:
    return [_local(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _local(found: Record) -> Record:
    """The same object with its moments in East Africa Time."""
    return {key: _moment(value) if _is_moment(key) else value for key, value in found.items()}


def _is_moment(key: str) -> bool:
    return key == "time" or (key.endswith(("At", "Time")) and key != "transTime")  # which is M-Pesa's own spelling


def _moment(value: Any) -> Any:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return local_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
