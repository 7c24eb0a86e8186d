"""Whose a held payment may be: where to look for candidates, and how well each of them fits. Pure.

What is looked for is bounded by what was typed, not by how many customers there are: see `near_spellings`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA
from servicekit.money import grouped

from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind
from billing.payees.rules import Customer, Isp
from servicekit import phones, references

MAX_SUGGESTIONS = 3
# How alike two spellings must be at least, of 100; and of a longer text nothing is made up.
_ALIKE, _LONGEST = 70, 40
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# What is mistaken for each other, on paper and on a phone's keys.
_LOOKALIKES = ("0OQ", "1IL", "2Z", "5S", "6G", "8B", "VU")
_FOLD = str.maketrans({letter: group[0] for group in _LOOKALIKES for letter in group[1:]})
_MAX_FOLDED = 64
# An account within what was typed, such as "WIFI 0949AQ", is looked for from so many letters on.
_SHORTEST_PART = 4

# How much each reason counts, of 100.
_THE_SAME, _LOOKS_THE_SAME, _PART, _PHONE, _PAID_BEFORE, _AGREES = 100, 97, 92, 94, 90, 8


@dataclass(slots=True)
class Candidate:
    """Who may be meant: a customer, or an ISP by one of its accounts. `score`: higher is likelier."""

    account: str
    isp_id: int | None
    customer: Customer | None = None
    name: str = ""
    score: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, score: float, reason: str) -> None:
        """A further reason: the best one counts, and each other a little."""
        self.score = max(self.score, score) + (_AGREES if self.reasons else 0)
        self.reasons.append(reason)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a held payment beside its amount. `reference`: normalised. `paid_before`: how often this payer
    paid for each customer, by id; `is_sure`: whether that payer is known by the number, or by a part of it and a name.
    `phoned`: the customers whose number was typed as account; `calling`: those whose number is the payer's.
    """

    reference: str
    amount_cents: int
    paid_before: dict[int, int]
    is_sure: bool
    phoned: frozenset[int]
    calling: frozenset[int]


def near_spellings(reference: str) -> set[str]:
    """The accounts that a normalised reference may have been meant for: itself, one letter more, less, other or changed
    places, letters that look alike, and what stands in it. A few hundred, two thousand at most.
    """
    text = reference[:_LONGEST]
    if not text:
        return set()
    found = {text, *_parts(text)}
    if len(text) <= _LONGEST // 2:
        found.update(_one_letter_off(text))
        found.update(islice(_folded(text), _MAX_FOLDED))
    return found


def _parts(text: str) -> Iterator[str]:
    for first in range(len(text)):
        for end in range(first + _SHORTEST_PART, len(text) + 1):
            yield text[first:end]


def _one_letter_off(text: str) -> Iterator[str]:
    for place in range(len(text) + 1):
        before, after = text[:place], text[place:]
        yield from (before + letter + after for letter in _LETTERS)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in _LETTERS)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _folded(text: str) -> Iterator[str]:
    choices = [next((group for group in _LOOKALIKES if letter in group), letter) for letter in text]
    return map("".join, product(*choices))


def phone_spellings(written: str) -> Sequence[str]:
    """How a number may stand on record; none where it is no Kenyan mobile number."""
    try:
        number = phones.normalise(written)
    except phones.NotAMobileNumber:
        return ()
    return number, f"+{number}", f"0{number[3:]}", number[3:]


def rank(customers: Sequence[Customer], isps: Sequence[Isp], known: Evidence) -> list[Candidate]:
    """The likeliest first, those alone for whom something speaks."""
    found = [_of_customer(one, known) for one in customers if not one.closed]
    found += [
        _of_isp(isp, account, known) for isp in isps if not isp.closed for _, account in isp.accounts() if account
    ]
    found = [one for one in found if one.reasons]
    priced = [one for one in found if one.customer and one.customer.package_cents == known.amount_cents]
    if len(priced) == 1:
        priced[0].add(0, f"KES {grouped(known.amount_cents)} is the package, and no other's of these")
    return sorted(found, key=lambda one: (-one.score, one.account))[:MAX_SUGGESTIONS]


def _of_customer(customer: Customer, known: Evidence) -> Candidate:
    one = Candidate(customer.account_name, customer.isp_id, customer, customer.full_name)
    _add_spelling(one, known.reference)
    if customer.customer_id in known.phoned:
        one.add(_PHONE, "its phone number was typed")
    if customer.customer_id in known.calling:
        one.add(_PHONE, "the payer's number is the customer's")
    if times := known.paid_before.get(customer.customer_id):
        who = "this payer" if known.is_sure else "a payer of this name and number, as far as it shows,"
        one.add(_PAID_BEFORE, f"{who} paid for it {times} time{'s' if times > 1 else ''} before")
    return one


def _of_isp(isp: Isp, account: str, known: Evidence) -> Candidate:
    one = Candidate(account, isp.isp_id, name=isp.name)
    _add_spelling(one, known.reference)
    return one


def _add_spelling(one: Candidate, typed: str) -> None:
    account = references.normalise(one.account)
    if not account or not typed:
        return
    if account == typed:
        one.add(_THE_SAME, "it is what was typed")
    elif account.translate(_FOLD) == typed.translate(_FOLD):
        one.add(_LOOKS_THE_SAME, "it looks like what was typed")
    elif len(account) >= _SHORTEST_PART and account in typed:
        one.add(_PART, "it stands in what was typed")
    elif (alike := fuzz.ratio(account, typed[:_LONGEST])) >= _ALIKE:
        one.add(alike, "one letter differs" if OSA.distance(account, typed) == 1 else "it is spelled nearly so")


def is_clear(ranked: Sequence[Candidate]) -> bool:
    """Whether the first is likelier than any other."""
    return bool(ranked) and (len(ranked) == 1 or ranked[0].score > ranked[1].score)


def dismissal(trans_id: str, amount_cents: int, moved_before: int, by: str) -> Transfer:
    """A held payment is closed."""
    return Transfer(trans_id, moved_before + 1, TransferKind.DISMISSAL, ledger.HELD, ledger.DISMISSED, amount_cents, by)
