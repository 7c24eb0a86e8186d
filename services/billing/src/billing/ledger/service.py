"""Reads the ledger back, and checks it. Moves nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from servicekit.database import transact
from servicekit.money import grouped
from sqlalchemy import Connection, Engine

from billing.ledger import rules
from billing.ledger.store import reading
from billing.ledger.store.reading import StoredTransfer, TransferFilter
from billing.payments.rules import Outcome

# Of payments that differ so many are named; where there are more, one cause has spoilt them all.
_MAX_NAMED = 20
_ONE_MOMENT = "REPEATABLE READ"


@dataclass(frozen=True, slots=True)
class Page:
    """Transfers, and what the account that was asked for held before the first of all pages."""

    transfers: Sequence[StoredTransfer]
    opening_cents: int


def list_accounts(engine: Engine, name: str = "") -> Mapping[str, int]:
    """Every account, or the one of this name, with its balance in cents, by name."""
    if name:
        return transact(engine, lambda connection: {name: reading.balance(connection, name)})
    return transact(engine, reading.balances)


def list_transfers(engine: Engine, asked: TransferFilter, after_id: int, limit: int) -> Page:
    """Transfers, oldest first."""

    def work(connection: Connection) -> Page:
        opening = reading.balance_before(connection, asked.account, asked.start) if asked.start and asked.account else 0
        return Page(reading.list_transfers(connection, asked, after_id, limit), opening)

    return transact(engine, work)


def check(engine: Engine) -> list[str]:
    """What is wrong with the books, in sentences; nothing when they are right. Some 40 s for a million payments.

    All of it is read as it is at one moment, though payments come in meanwhile.
    """
    # SQLite has one writer, which this transaction is.
    at_once = engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level=_ONE_MOMENT)
    return transact(at_once, lambda connection: list(_faults(connection)))


def _faults(connection: Connection) -> Iterator[str]:
    balances = reading.balances(connection)
    if total := sum(balances.values()):
        yield f"the balances of all accounts sum to KES {grouped(total)} and not to nothing"
    for isp_id, cents in sorted(reading.wallets(connection).items()):
        if cents != (posted := balances.get(rules.wallet(isp_id), 0)):
            yield f"the wallet of ISP {isp_id} holds KES {grouped(cents)}, and its transfers KES {grouped(posted)}"
    for account, outcome in ((rules.HELD, Outcome.UNMATCHED), (rules.DISMISSED, Outcome.DISMISSED)):
        there, posted = reading.total_cents(connection, outcome), balances.get(account, 0)
        if there != posted:
            yield f"{outcome} payments are KES {grouped(there)}, and the account {account} holds KES {grouped(posted)}"
    there, posted = reading.total_cents(connection, Outcome.REVERSED), reading.given_back_cents(connection)
    if there != posted:
        yield f"reversed payments are KES {grouped(there)}, and KES {grouped(posted)} went back to paybills"
    if differ := list(islice(reading.payments_that_differ(connection), _MAX_NAMED)):
        named = ", ".join(differ)
        yield f"payments whose transfers are missing (`rejesha migrate` makes them) or have another amount: {named}"
