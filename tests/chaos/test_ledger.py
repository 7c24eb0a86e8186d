"""The harness can fail: sound books pass, and each thing that may be wrong in them is reported by its name."""

from dataclasses import replace

import pytest

from chaos.accounts import ADMIN, ISP_PHONE, first_due_date
from chaos.callbacks import Callback, Customer
from chaos.findings import Findings
from chaos.ledger import lines, messages, money
from chaos.ledger.books import Books, Payment, Sms
from chaos.sender import Attempt

JANE = Customer("CH0001", "254712000001", 0)
FULL = Callback("CH00000001", "CH0001", 100_000, JANE)
CREDITS = Callback("CH00000002", "SMS001", 10_030)
CHANGED = replace(FULL, amount_cents=150_000)
ATTEMPTS = [
    Attempt(FULL, 1.0, 1.1, 200, "customer_paid"),
    Attempt(CREDITS, 2.0, 2.1, 200, "sms_credits"),
    Attempt(CHANGED, 3.0, 3.1, 200, "conflict"),
    Attempt(Callback("CH00000003", "ACC001", 500), 4.0, 4.1, fault="ConnectionResetError"),
]
TEXTS = [
    (ADMIN, "CH00000001: KES 1,000.00 from Jane"),
    (ISP_PHONE, "CH00000001: KES 1,000.00 from Jane"),
    (JANE.phone, "Payment of KES 1,000.00 received (CH00000001)."),
    (ADMIN, "bought 200 SMS credits (CH00000002)."),
    (ISP_PHONE, "bought 200 SMS credits (CH00000002)."),
    (ADMIN, "Payment CH00000001 came twice with different content."),
]


def a_month_on():
    first = first_due_date()
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


SOUND = Books(
    payments={
        "CH00000001": [Payment("CH0001", 100_000, "customer_paid")],
        "CH00000002": [Payment("SMS001", 10_030, "sms_credits")],
    },
    contradictions={"CH00000001": [150_000]},
    quarantined="",
    entries={"CH00000001": [100_000], "CH00000002": [30]},
    paid_in={"CH00000001": [100_000], "CH00000002": [10_000, 30]},
    wallet_cents=100_030,
    due_dates={"CH0001": a_month_on(), "CH0002": first_due_date()},
    reconnections={"CH00000001": 1},
    relapses=[],
    tasks={"done": 4},
    messages=[Sms(phone, text, "SENT", "", 0) for phone, text in TEXTS],
)
INBOX = dict.fromkeys(TEXTS, 1)


class RoutersThatHold:
    """Routers of which only the names of the enabled secrets are known."""

    def __init__(self, *enabled):
        self._enabled = enabled
        self.count = len(enabled)

    def enabled(self, router):
        return self._enabled[router]


ROUTERS = RoutersThatHold({"CH0001"})


def audit(books=SOUND, attempts=ATTEMPTS, routers=ROUTERS, inbox=INBOX):
    findings = Findings()
    money.check(findings, attempts, books)
    lines.check(findings, attempts, books, routers)
    messages.check(findings, attempts, books, inbox)
    return set(findings.broken)


def test_sound_books_pass():
    assert audit() == set()


@pytest.mark.parametrize(("other_port", "reported"), [(1, {"later_won"}), (2, set())])
def test_a_later_content_must_not_win_from_the_same_gateway_s_spool(other_port, reported):
    """Two gateways have a spool each, and which of them hands over first is open."""
    spooled = [
        Attempt(FULL, 1.0, 1.1, 200, "spooled", port=1),
        Attempt(CHANGED, 3.0, 3.1, 200, "spooled", port=other_port),
    ]
    books = replace(SOUND, payments=SOUND.payments | {FULL.trans_id: [Payment("CH0001", 150_000, "customer_paid")]})
    findings = Findings()
    money.check(findings, [*spooled, ATTEMPTS[1]], books)
    assert set(findings.broken) & {"later_won"} == reported


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ({"payments": without(SOUND.payments, "CH00000002")}, "acknowledged_missing"),
        ({"contradictions": {}}, "acknowledged_missing"),
        ({"payments": SOUND.payments | {"CH00000002": SOUND.payments["CH00000002"] * 2}}, "not_applied_once"),
        (
            {"payments": SOUND.payments | {"CH00000009": [Payment("ACC001", 100, "service_payment")]}},
            "not_applied_once",
        ),
        ({"entries": SOUND.entries | {"CH00000001": [100_000, 100_000]}}, "not_applied_once"),
        ({"entries": without(SOUND.entries, "CH00000001")}, "not_applied_once"),
        ({"paid_in": SOUND.paid_in | {"CH00000002": [10_000]}}, "not_applied_once"),
        ({"payments": SOUND.payments | {"CH00000001": [Payment("CH0001", 150_000, "customer_paid")]}}, "later_won"),
        ({"wallet_cents": 100_031}, "wallet_is_its_entries"),
        ({"due_dates": {"CH0001": first_due_date()}}, "wrong_due_dates"),
        ({"due_dates": SOUND.due_dates | {"CH0002": a_month_on()}}, "wrong_due_dates"),
        ({"reconnections": {}}, "not_reconnected_once"),
        ({"reconnections": {"CH00000001": 2}}, "not_reconnected_once"),
        ({"relapses": ["CH00000001"]}, "failed_after_success"),
        ({"tasks": {"done": 3, "given_up": 1}}, "tasks_done"),
        ({"messages": [*SOUND.messages[:2], *SOUND.messages[3:]]}, "sms_lost"),
        ({"messages": [replace(SOUND.messages[0], state="EXPIRED"), *SOUND.messages[1:]]}, "sms_lost"),
        ({"messages": [replace(SOUND.messages[0], state="FAILED"), *SOUND.messages[1:]]}, "sms_lost"),
        ({"messages": SOUND.messages[:-1]}, "conflicts_untold"),
    ],
)
def test_what_is_wrong_in_the_books_is_reported(wrong, reported):
    assert reported in audit(replace(SOUND, **wrong))


def test_an_answer_that_differs_from_the_books_is_reported():
    lied = [replace(ATTEMPTS[1], outcome="unmatched"), *ATTEMPTS[2:], ATTEMPTS[0]]
    assert audit(attempts=lied) == {"wrong_verdicts"}


def test_a_spooled_answer_promises_only_that_the_payment_is_kept():
    assert audit(attempts=[replace(attempt, outcome="spooled") for attempt in ATTEMPTS]) == set()


def test_a_payment_in_quarantine_is_not_missing():
    held = replace(SOUND, quarantined='{"TransID": "CH00000003"}')
    assert audit(held, [*ATTEMPTS[:3], replace(ATTEMPTS[3], status=200, outcome="quarantined")]) == set()


def test_lines_that_are_off_though_paid_or_on_though_unpaid_are_reported():
    assert audit(routers=RoutersThatHold(set())) == {"paid_but_off"}
    assert audit(routers=RoutersThatHold({"CH0001"}, {"CH0001"})) == {"on_but_unpaid"}


def test_a_doubled_message_needs_a_doubt_that_explains_it():
    doubled = INBOX | {TEXTS[2]: 2}
    assert audit(inbox=doubled) == {"sms_doubled_unexplained"}
    in_doubt = [replace(sms, doubts=int(sms.phone == JANE.phone)) for sms in SOUND.messages]
    assert audit(replace(SOUND, messages=in_doubt), inbox=doubled) == set()


def test_a_message_called_sent_must_have_arrived():
    assert audit(inbox=without(INBOX, TEXTS[2])) == {"sms_lost"}
