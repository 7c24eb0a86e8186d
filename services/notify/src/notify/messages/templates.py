"""The named texts and the facts each of them needs. Pure.

Customers' texts fit one SMS with facts of ordinary length. Facts never change what a text means: they are put
on one line, cut when overlong, and braces in them stay braces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter

from notify.messages import kiswahili

# Longer facts are cut, so that one long name does not cost ten SMS.
_MAX_FACT = 80
_MAX_TEXT = 1000


class UnknownTemplate(ValueError):
    """No template has this name."""


class MissingFacts(ValueError):
    """The template needs facts that were not given, or were empty."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a fact says, and a sample of it; `longest`: what is longer is cut."""

    description: str
    sample: str
    longest: int = _MAX_FACT


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for facts, whose names it knows; `description`: whom it tells what.

    `resend` says that receiving it twice does less harm than never receiving it: after an attempt whose outcome is
    unknown it is sent once more.
    """

    description: str
    text: str
    resend: bool = False
    facts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name is not None)
        object.__setattr__(self, "facts", names)

    def render(self, facts: Mapping[str, str]) -> str:
        """The text with its facts in place."""
        tidy = {name: _tidy(facts.get(name, ""), FACTS[name].longest) for name in self.facts}
        if missing := sorted(name for name, fact in tidy.items() if not fact):
            raise MissingFacts(f"missing facts: {', '.join(missing)}")
        return self.text.format_map(tidy)

    @property
    def sample(self) -> str:
        """The text with samples of its facts."""
        return self.render({name: FACTS[name].sample for name in self.facts})


def _tidy(fact: str, longest: int) -> str:
    line = " ".join(fact.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def find(name: str) -> Template:
    """The template of this name."""
    try:
        return TEMPLATES[name]
    except KeyError:
        raise UnknownTemplate("no such template") from None


def may_resend(name: str) -> bool:
    """Whether a message of this template ("" for a plain text) is sent once more after an unknown outcome."""
    return name in TEMPLATES and TEMPLATES[name].resend


FACTS = {
    "account": Fact("the customer's account name", "0949AQ"),
    "amount": Fact("money in KES: of the payment, of all of them together, or to be paid", "1,000.00"),
    "cause": Fact("why, as a part of a sentence", "billing does not answer"),
    "count": Fact("how many", "12"),
    "credit": Fact("money in KES that is kept for the customer", "500.00"),
    "credits": Fact("how many credits were bought", "2,000"),
    "customer": Fact("the customer's full name", "Wanjiku Kamau"),
    "due_date": Fact("the last day that is paid for", "23 Dec 2026"),
    "error": Fact("what went wrong", "the router has no such user"),
    "first": Fact("amount, shortcode and reference as they came first", "KES 1,000.00 to 600123 for 0949AQ"),
    "host": Fact("the gateway's machine", "gateway-1"),
    "isp": Fact("the ISP's name", "Demo Networks"),
    "kind": Fact("SMS or WhatsApp", "SMS"),
    "missing": Fact("money in KES that is missing for the package", "400.00"),
    "name": Fact("the payer's first name", "JOHN"),
    "package": Fact("the package's price in KES", "1,000.00"),
    "paybill": Fact("the paybill that customers pay to", "600100"),
    "previous_due_date": Fact("the due date before this payment, or -", "23 Nov 2026"),
    "reason": Fact("why a payment could not be placed", "user not found"),
    "reconnection": Fact("how the line stands", "CONNECTED"),
    "reference": Fact("what the payer typed as the account", "0949AX"),
    "router": Fact("the router's name or number, or -", "7"),
    "second": Fact("amount, shortcode and reference as they came later", "KES 900.00 to 600123 for 0949AQ"),
    "since": Fact("from when", "14:00"),
    "text": Fact("what an operator wrote", "The tower of Kilifi is down. We work on it.", _MAX_TEXT),
    "trans_id": Fact("M-Pesa's code of the payment", "SLK4H7TR02"),
    "until": Fact("until when", "15:00"),
    "username": Fact("the user on the router, or -", "0949AQ"),
    "wallet": Fact("the balance of the ISP's wallet in KES", "25,400.00"),
}


TEMPLATES = {
    "customer_connected": Template(
        "To a customer who paid: the line is on.",
        "Payment of KES {amount} received ({trans_id}). Your internet is on until {due_date}. Thank you.",
        resend=True,
    ),
    "customer_waiting": Template(
        "To a customer who paid, and whose router cannot be reached.",
        "KES {amount} received ({trans_id}), paid until {due_date}. Your site cannot be reached right now. "
        "You will be reconnected automatically.",
        resend=True,
    ),
    "customer_reconnected": Template(
        "To that customer, once the line is on after all.",
        "Your internet is on again, until {due_date} ({trans_id}). Thank you for waiting.",
        resend=True,
    ),
    "customer_unassigned_line": Template(
        "To a customer who paid, and has no line that we could switch on.",
        "Payment of KES {amount} received ({trans_id}), paid until {due_date}. Your provider will connect you.",
    ),
    "customer_kept_off": Template(
        "To a customer who paid, and whose line staff keep off.",
        "Payment of KES {amount} received ({trans_id}), paid until {due_date}. Your line is kept off by your provider: "
        "please call them.",
    ),
    # It must not invite to pay the rest: a second payment below the package is again a partial one.
    "customer_partial": Template(
        "To a customer who paid less than the package.",
        "KES {amount} received ({trans_id}). Your package is KES {package}: KES {missing} is missing, "
        "so it was not renewed. Please call your provider.",
    ),
    "customer_kept": Template(
        "To a customer who paid less than the package, where that is kept until it makes one.",
        "KES {amount} received ({trans_id}) and kept for you. Your package is KES {package}: pay KES {missing} more, "
        "and it is renewed.",
    ),
    "customer_partial_digest": Template(
        "To that customer, on further such payments within an hour.",
        "{count} more payments from {since} to {until}: KES {amount} in all. Each was below your package, so it was "
        "not renewed. Please call your provider.",
    ),
    "customer_expired": Template(
        "To a customer whose line could not be switched on as long as it was paid.",
        "We could not reconnect your line within the paid time ({trans_id}). Please call your provider.",
    ),
    "customer_reminder": Template(
        "To a customer, before the paid time ends.",
        "Your internet is paid until {due_date}. To stay connected, pay KES {amount} to paybill {paybill}, "
        "account {account}.",
    ),
    "customer_overdue": Template(
        "To a customer, after the paid time has ended.",
        "Your internet was paid until {due_date}. Please pay KES {amount} to paybill {paybill}, account {account}.",
    ),
    "customer_renewed": Template(
        "To a customer whose paid time ended, and who had enough kept for another month.",
        "Your package was renewed with KES {amount} that was kept for you: it is paid until {due_date}. "
        "KES {credit} is left.",
    ),
    "announcement": Template(
        "To many customers: what an operator wrote.",
        "{text}",
    ),
    "customer_switched_off": Template(
        "To a customer whose line was switched off because it is not paid for.",
        "Your internet was switched off: it was paid until {due_date}. Pay KES {amount} to paybill {paybill}, "
        "account {account}, to be connected again.",
    ),
    "payment_notice": Template(
        "To the ISP and the admins: a customer paid.",
        "{trans_id}: KES {amount} from {customer}, account {account}, user {username}, router {router}, "
        "package {package}. Due {previous_due_date}, now {due_date}. Wallet {wallet}. {reconnection}",
    ),
    "reconnection_done": Template(
        "To the ISP and the admins: a line that had to wait is on.",
        "{customer} ({account}) is back on {router}. Payment {trans_id}.",
    ),
    "credits_purchased": Template(
        "To the ISP and the admins: the ISP bought credits.",
        "{isp} bought {credits} {kind} credits for KES {amount} ({trans_id}). Wallet {wallet}.",
    ),
    "service_payment": Template(
        "To the ISP and the admins: the ISP paid into its wallet.",
        "{isp} paid KES {amount} into its wallet ({trans_id}). Wallet {wallet}.",
    ),
    "unmatched_payment": Template(
        "To the admins: a payment that nobody could be credited for.",
        'Unmatched payment {trans_id}: KES {amount} from {name} for "{reference}" ({reason}). '
        "The money is held until it is assigned.",
        resend=True,
    ),
    "conflicting_payment": Template(
        "To the admins: a payment was delivered again with other content.",
        "Payment {trans_id} came twice with different content. First: {first}. Then: {second}. Only the first counts.",
    ),
    "payments_waiting": Template(
        "To the admins, from a gateway: callbacks wait on its disk.",
        "{count} callbacks wait on {host}, the first since {since}: {cause}. They are kept, and follow by themselves "
        "once that is mended. See: rejesha spool",
        resend=True,
    ),
    "payments_waiting_over": Template(
        "To the admins, from a gateway: none waits any more.",
        "No callback waits on {host} any more; the first had come at {since}.",
    ),
    "callbacks_rejected": Template(
        "To the admins, from a gateway: callbacks that nobody takes.",
        "{count} callbacks on {host}: {cause}. There may be money in them. They are kept. See: rejesha spool",
        resend=True,
    ),
    "system_error": Template(
        "To the ISP and the admins: something about a payment needs a person.",
        "System error at payment {trans_id}: {error}",
    ),
    "receipt_digest": Template(
        "To the ISP or the admins: payments that were not told one by one.",
        "{count} more payments from {since} to {until}: KES {amount} in all.",
    ),
    "reconnection_digest": Template(
        "To the ISP or the admins: lines that were not told one by one.",
        "{count} more lines came back on from {since} to {until}.",
    ),
    "unmatched_digest": Template(
        "To the admins: payments without a place that were not told one by one.",
        "{count} more payments could not be placed from {since} to {until}: KES {amount} in all, held until assigned. "
        "See: rejesha payment unmatched",
        resend=True,
    ),
    "conflict_digest": Template(
        "To the admins: contradicting deliveries that were not told one by one.",
        "{count} more deliveries contradicted a payment from {since} to {until}. Only the first ones count. "
        "See payment_conflict in the log of billing.",
    ),
    "line_digest": Template(
        "To the ISP or the admins: lines that could not be switched, not told one by one.",
        "{count} more lines could not be switched from {since} to {until}. "
        "See: rejesha customer list --paid-but-not-on",
    ),
    "unreadable_digest": Template(
        "To the admins: callbacks that could not be read.",
        "{count} callbacks since {since} could not be read; there may be money in them. See: rejesha quarantine list",
        resend=True,
    ),
}

for _name, _text in kiswahili.TEXTS.items():
    _english = TEMPLATES[_name]
    _translated = Template(f"{_english.description} In Kiswahili.", _text, _english.resend)
    TEMPLATES[_name + kiswahili.SUFFIX] = _translated
