"""Nothing acknowledged is missing, nothing is applied twice, no answer was wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chaos.accounts import first_due_date
from chaos.callbacks import Callback
from chaos.findings import Findings
from chaos.ledger.books import Books, Payment
from chaos.sender import Attempt


def check(findings: Findings, attempts: Sequence[Attempt], books: Books) -> None:
    """All about payments, wallets and due dates."""
    acknowledged = [attempt for attempt in attempts if attempt.is_acknowledged]
    statuses = Counter(attempt.status for attempt in attempts)
    findings.note(
        sent=len(attempts),
        acknowledged=len(acknowledged),
        unanswered=statuses.pop(None, 0),
        answered_otherwise=sum(count for status, count in statuses.items() if status != 200),
        payments=sum(map(len, books.payments.values())),
    )
    findings.must_be_none("acknowledged_missing", [a.callback.trans_id for a in acknowledged if not _kept(a, books)])
    findings.must_be_none("not_applied_once", list(_not_once(attempts, books)))
    findings.must_be_none("wrong_verdicts", list(_wrong_verdicts(acknowledged, books)))
    findings.must_be_none("later_won", list(_later_won(attempts, books)))
    _check_wallet(findings, attempts, books)
    findings.must_be_none("wrong_due_dates", list(_wrong_due_dates(attempts, books)))


def applied(attempts: Iterable[Attempt], books: Books) -> list[Callback]:
    """The callbacks as they were applied: for each payment in the books the one of the log that it came from."""
    sent = {(a.callback.trans_id, a.callback.content): a.callback for a in attempts}
    found: list[Callback] = []
    for trans_id, rows in books.payments.items():
        found.extend(sent[trans_id, row.content] for row in rows if (trans_id, row.content) in sent)
    return found


def _kept(attempt: Attempt, books: Books) -> bool:
    """In its payment's row, or beside it as a contradiction, or in quarantine."""
    callback = attempt.callback
    if any(row.content == callback.content for row in books.payments.get(callback.trans_id, ())):
        return True
    if callback.trans_id in books.payments:
        return callback.amount_cents in books.contradictions.get(callback.trans_id, ())
    return callback.trans_id in books.quarantined


def _not_once(attempts: Sequence[Attempt], books: Books) -> Iterator[str]:
    """Payments that stand twice in the books, that nobody sent, or whose wallet entry is not what they are worth."""
    by_content = {(a.callback.trans_id, a.callback.content): a.callback for a in attempts}
    for trans_id, rows in books.payments.items():
        callback = by_content.get((trans_id, rows[0].content))
        if len(rows) != 1:
            yield f"{trans_id} stands {len(rows)} times"
        elif callback is None:
            yield f"{trans_id} was never sent like that"
        elif list(books.entries.get(trans_id, ())) != ([callback.wallet_cents] if callback.wallet_cents else []):
            yield f"{trans_id} is in the wallet as {books.entries.get(trans_id, ())}"
        elif sum(books.paid_in.get(trans_id, ())) != callback.amount_cents:
            yield f"{trans_id} came in as {books.paid_in.get(trans_id, ())}"
    yield from (f"{trans_id} is in the wallet only" for trans_id in books.entries if trans_id not in books.payments)


def _wrong_verdicts(acknowledged: Iterable[Attempt], books: Books) -> Iterator[str]:
    """Answers that say something else than the books."""
    for attempt in acknowledged:
        rows = books.payments.get(attempt.callback.trans_id)
        if rows and attempt.outcome != "spooled" and attempt.outcome != _true_outcome(attempt.callback, rows[0]):
            yield f"{attempt.callback.trans_id} was answered {attempt.outcome}"


def _true_outcome(callback: Callback, row: Payment) -> str:
    return callback.outcome if row.content == callback.content else "conflict"


def _later_won(attempts: Iterable[Attempt], books: Books) -> Iterator[str]:
    """Payments applied with a content that was first sent after another content had been acknowledged.

    Each gateway has a spool of its own, and which of two hands over first is open: what one has spooled does not count
    against what another took.
    """
    by_trans_id: Mapping[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_trans_id[attempt.callback.trans_id].append(attempt)
    for trans_id, deliveries in by_trans_id.items():
        row = next(iter(books.payments.get(trans_id, ())), None)
        same = [a for a in deliveries if row and a.callback.content == row.content]
        winner = min(same, key=lambda a: a.sent_at, default=None)
        if winner and any(_had_to_win(a, winner) for a in deliveries):
            yield trans_id


def _had_to_win(one: Attempt, winner: Attempt) -> bool:
    binding = one.is_acknowledged and (one.outcome != "spooled" or one.port == winner.port)
    return binding and one.answered_at is not None and one.answered_at < winner.sent_at


def _check_wallet(findings: Findings, attempts: Sequence[Attempt], books: Books) -> None:
    entries = sum(map(sum, books.entries.values()))
    owed = sum(callback.wallet_cents for callback in applied(attempts, books))
    findings.note(wallet_cents=books.wallet_cents)
    sentence = f"wallet {books.wallet_cents}, entries {entries}, by the sender's log {owed}"
    findings.must("wallet_is_its_entries", books.wallet_cents == entries == owed, sentence)


def _wrong_due_dates(attempts: Sequence[Attempt], books: Books) -> Iterator[str]:
    """Customers whose date has not moved exactly a month for each month that they paid."""
    months = Counter(c.customer.account for c in applied(attempts, books) if c.is_full and c.customer)
    first = first_due_date()
    for account, due in books.due_dates.items():
        moved = (due.year - first.year) * 12 + due.month - first.month
        if moved != months[account] or due.day != first.day:
            yield f"{account}: due {due}, {months[account]} months paid from {first}"
