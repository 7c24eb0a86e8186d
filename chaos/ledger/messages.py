"""No message is lost, and every doubled one is explained by a doubt that notify has noted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chaos.accounts import ADMIN, ISP_PHONE
from chaos.callbacks import Callback
from chaos.findings import Findings
from chaos.ledger import money
from chaos.ledger.books import Books, Sms
from chaos.sender import Attempt

Inbox = Mapping[tuple[str, str], int]
_TRANS_ID_LENGTH = 10


def check(findings: Findings, attempts: Sequence[Attempt], books: Books, inbox: Inbox) -> None:
    """Everybody who must hear of a payment has a message, and each message came to an end."""
    states = Counter(sms.state for sms in books.messages)
    findings.note(messages=len(books.messages), messages_by_state=dict(sorted(states.items())))
    told = {(trans_id, sms.phone) for sms in books.messages for trans_id in _trans_ids(sms.text)}
    untold = [
        f"{callback.trans_id} to {role}"
        for callback in money.applied(attempts, books)
        for role, phone in _recipients(callback)
        if (callback.trans_id, phone) not in told
    ]
    findings.must_be_none("sms_lost", untold + list(_not_ended(books.messages)) + list(_not_arrived(books, inbox)))
    _check_doubled(findings, books, inbox)
    _check_conflicts(findings, books)


def _trans_ids(text: str) -> Iterator[str]:
    for word in text.replace("(", " ").replace(")", " ").split():
        if word.startswith("CH") and len(word := word.rstrip(".:,")) == _TRANS_ID_LENGTH:
            yield word


def _recipients(callback: Callback) -> Iterator[tuple[str, str]]:
    yield "the admin", ADMIN
    if callback.outcome != "unmatched":
        yield "the ISP", ISP_PHONE
    if callback.customer:
        yield "the customer", callback.customer.phone


def _not_ended(messages: Sequence[Sms]) -> Iterator[str]:
    for sms in messages:
        if sms.state not in {"SENT", "UNKNOWN"} and not (sms.state == "FAILED" and sms.detail):
            yield f"a message that is {sms.state} {sms.detail}".strip()


def _not_arrived(books: Books, inbox: Inbox) -> Iterator[str]:
    sent = Counter((sms.phone, sms.text) for sms in books.messages if sms.state == "SENT")
    for (phone, text), count in sent.items():
        if inbox.get((phone, text), 0) < count:
            yield f"a message called sent that never arrived: {text[:40]}"


def _check_doubled(findings: Findings, books: Books, inbox: Inbox) -> None:
    """More arrivals than messages are doubles; a doubt is an attempt that may have arrived all the same."""
    held = Counter((sms.phone, sms.text) for sms in books.messages)
    doubts: Counter[tuple[str, str]] = Counter()
    for sms in books.messages:
        doubts[sms.phone, sms.text] += sms.doubts
    doubled = {key: count - held[key] for key, count in inbox.items() if count > held[key]}
    findings.note(sms_doubled=sum(doubled.values()), sms_in_doubt=sum(doubts.values()))
    unexplained = [key[1][:40] for key, extra in doubled.items() if extra > doubts[key]]
    findings.must_be_none("sms_doubled_unexplained", unexplained)


def _check_conflicts(findings: Findings, books: Books) -> None:
    """The admin has a message for each contradiction."""
    told = Counter(
        trans_id
        for sms in books.messages
        if "came twice with different content" in sms.text and sms.phone == ADMIN
        for trans_id in list(_trans_ids(sms.text))[:1]
    )
    wanted = {trans_id: len(set(amounts)) for trans_id, amounts in books.contradictions.items()}
    findings.note(conflicts=sum(wanted.values()))
    findings.must_be_none(
        "conflicts_untold", [trans_id for trans_id, count in wanted.items() if told[trans_id] != count]
    )
