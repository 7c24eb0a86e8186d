"""The named texts and the facts each of them needs. Pure.

Customers' texts fit one SMS with facts of ordinary length. Facts never change what a text means: they are put
on one line, cut when overlong, and braces in them stay braces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

# Longer facts are cut, so that one long name does not cost ten SMS.
_FACT_LENGTH = 80


class UnknownTemplate(ValueError):
    """No template has this name."""


class MissingFacts(ValueError):
    """The template needs facts that were not given, or were empty."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for facts.

    `resend` says that receiving it twice does less harm than never receiving it: after an attempt whose outcome is
    unknown it is sent once more.
    """

    text: str
    resend: bool = False

    @property
    def facts(self) -> frozenset[str]:
        """The names of the facts it needs."""
        return _places(self.text)

    def render(self, facts: Mapping[str, str]) -> str:
        """The text with its facts in place."""
        tidy = {name: _tidy(facts.get(name, "")) for name in self.facts}
        if missing := sorted(name for name, fact in tidy.items() if not fact):
            raise MissingFacts(f"missing facts: {', '.join(missing)}")
        return self.text.format_map(tidy)


@lru_cache
def _places(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _tidy(fact: str) -> str:
    line = " ".join(fact.split())
    return line if len(line) <= _FACT_LENGTH else line[: _FACT_LENGTH - 3] + "..."


def find(name: str) -> Template:
    """The template of this name."""
    try:
        return TEMPLATES[name]
    except KeyError:
        raise UnknownTemplate("no such template") from None


def may_resend(name: str) -> bool:
    """Whether a message of this template ("" for a plain text) is sent once more after an unknown outcome."""
    return name in TEMPLATES and TEMPLATES[name].resend


TEMPLATES = {
    # To the customer who paid.
    "customer_connected": Template(
        "Payment of KES {amount} received ({trans_id}). Your internet is on until {due_date}. Thank you.",
        resend=True,
    ),
    "customer_waiting": Template(
        "KES {amount} received ({trans_id}), paid until {due_date}. Your site cannot be reached right now. "
        "You will be reconnected automatically.",
        resend=True,
    ),
    "customer_reconnected": Template(
        "Your internet is on again, until {due_date} ({trans_id}). Thank you for waiting.",
        resend=True,
    ),
    "customer_unassigned_line": Template(
        "Payment of KES {amount} received ({trans_id}), paid until {due_date}. Your provider will connect you."
    ),
    # It must not invite to pay the rest: a second payment below the package is again a partial one.
    "customer_partial": Template(
        "KES {amount} received ({trans_id}). Your package is KES {package}: KES {missing} is missing, "
        "so it was not renewed. Please call your provider."
    ),
    "customer_partial_digest": Template(
        "{count} more payments from {since} to {until}: KES {amount} in all. Each was below your package, so it was "
        "not renewed. Please call your provider."
    ),
    "customer_expired": Template(
        "We could not reconnect your line within the paid time ({trans_id}). Please call your provider."
    ),
    # To admins and the ISP.
    "payment_notice": Template(
        "{trans_id}: KES {amount} from {customer}, account {account}, user {username}, router {router}, "
        "package {package}. Due {previous_due_date}, now {due_date}. Wallet {wallet}. {reconnection}"
    ),
    "reconnection_done": Template("{customer} ({account}) is back on {router}. Payment {trans_id}."),
    "credits_purchased": Template(
        "{isp} bought {credits} {kind} credits for KES {amount} ({trans_id}). Wallet {wallet}."
    ),
    "service_payment": Template("{isp} paid KES {amount} into its wallet ({trans_id}). Wallet {wallet}."),
    "unmatched_payment": Template(
        'Unmatched payment {trans_id}: KES {amount} from {name} for "{reference}" ({reason}). '
        "The money is held until it is assigned."
    ),
    "conflicting_payment": Template(
        "Payment {trans_id} came twice with different content. First: {first}. Then: {second}. Only the first counts."
    ),
    # From a gateway, about what waits on its disk.
    "payments_waiting": Template(
        "{count} callbacks wait on {host}, the first since {since}: {cause}. They are kept, and follow by themselves "
        "once that is mended. See: rejesha spool",
        resend=True,
    ),
    "payments_waiting_over": Template("No callback waits on {host} any more; the first had come at {since}."),
    "callbacks_rejected": Template(
        "{count} callbacks on {host}: {cause}. There may be money in them. They are kept. See: rejesha spool",
        resend=True,
    ),
    "system_error": Template("System error at payment {trans_id}: {error}"),
    # To the same, for all those messages that were not sent one by one.
    "receipt_digest": Template("{count} more payments from {since} to {until}: KES {amount} in all."),
    "reconnection_digest": Template("{count} more lines came back on from {since} to {until}."),
    "unmatched_digest": Template(
        "{count} more payments could not be placed from {since} to {until}: KES {amount} in all, held until assigned. "
        "See: rejesha payment unmatched"
    ),
    "conflict_digest": Template(
        "{count} more deliveries contradicted a payment from {since} to {until}. Only the first ones count. "
        "See payment_conflict in the log of billing."
    ),
    "line_digest": Template(
        "{count} more lines could not be switched from {since} to {until}. See: rejesha customer list --paid-but-not-on"
    ),
    "unreadable_digest": Template(
        "{count} callbacks since {since} could not be read; there may be money in them. See: rejesha quarantine list"
    ),
}
