"""LedgerService."""

from datetime import UTC, datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from rejesha.billing.v1 import ledger_service_pb2 as pb
from rejesha.billing.v1 import ledger_service_pb2_grpc
from sqlalchemy import Engine

from billing import calendar
from billing.changes.authors import read_author
from billing.gaps import service as gaps
from billing.gaps.rules import Gap, Point
from billing.ledger import service
from billing.ledger.rules import TransferKind
from billing.ledger.store.reading import StoredTransfer, TransferFilter
from billing.paging import last_id, next_token, page_size
from billing.payouts import service as payouts

_KINDS = {kind: pb.TransferKind.Value(f"TRANSFER_KIND_{kind.name}") for kind in TransferKind}


class LedgerServicer(ledger_service_pb2_grpc.LedgerServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ListLedgerAccounts(
        self, request: pb.ListLedgerAccountsRequest, context: grpc.ServicerContext
    ) -> pb.ListLedgerAccountsResponse:
        found = service.list_accounts(self._engine, request.name.strip())
        return pb.ListLedgerAccountsResponse(
            accounts=[pb.LedgerAccount(name=name, balance_cents=cents) for name, cents in found.items()]
        )

    def ListTransfers(
        self, request: pb.ListTransfersRequest, context: grpc.ServicerContext
    ) -> pb.ListTransfersResponse:
        asked = TransferFilter(
            account=request.account.strip(),
            trans_id=request.trans_id.strip().upper(),
            start=_moment(request.start_time) if request.HasField("start_time") else None,
            end=_moment(request.end_time) if request.HasField("end_time") else None,
            by_somebody=request.by_somebody,
        )
        limit = page_size(request.page_size)
        page = service.list_transfers(self._engine, asked, last_id(request.page_token), limit)
        return pb.ListTransfersResponse(
            transfers=[_transfer(one) for one in page.transfers],
            opening_balance_cents=page.opening_cents,
            next_page_token=next_token([one.transfer_id for one in page.transfers], limit),
        )

    def ListBalanceGaps(
        self, request: pb.ListBalanceGapsRequest, context: grpc.ServicerContext
    ) -> pb.ListBalanceGapsResponse:
        since = _moment(request.start_time) if request.HasField("start_time") else None
        skipped, limit = last_id(request.page_token), page_size(request.page_size)
        found = gaps.list_gaps(
            self._engine, since, request.shortcode.strip(), skipped, limit, missing_only=request.missing_only
        )
        token = next_token([skipped + number for number in range(1, len(found) + 1)], limit)
        return pb.ListBalanceGapsResponse(gaps=[_gap(one) for one in found], next_page_token=token)

    def CheckLedger(self, request: pb.CheckLedgerRequest, context: grpc.ServicerContext) -> pb.CheckLedgerResponse:
        return pb.CheckLedgerResponse(faults=service.check(self._engine))

    def PayOutCredit(self, request: pb.PayOutCreditRequest, context: grpc.ServicerContext) -> pb.PayOutCreditResponse:
        author = read_author(request.actor, request.reason)
        done = payouts.pay_out(self._engine, request.account_name, request.customer_id, author)
        return pb.PayOutCreditResponse(
            customer_id=done.customer_id, amount_cents=done.cents, credit_cents=done.left_cents
        )

    def TakeBackPayout(
        self, request: pb.TakeBackPayoutRequest, context: grpc.ServicerContext
    ) -> pb.TakeBackPayoutResponse:
        author = read_author(request.actor, request.reason)
        done = payouts.take_back(self._engine, request.account_name, request.customer_id, author)
        return pb.TakeBackPayoutResponse(
            customer_id=done.customer_id, amount_cents=done.cents, credit_cents=done.left_cents
        )


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)


def _gap(one: Gap) -> pb.BalanceGap:
    return pb.BalanceGap(
        shortcode=one.before.shortcode,
        after_trans_id=one.after.trans_id,
        after_time=_made(one.after),
        before_trans_id=one.before.trans_id,
        before_time=_made(one.before),
        missing_cents=max(one.cents, 0),
        taken_out_cents=max(-one.cents, 0),
    )


def _made(point: Point) -> datetime | None:
    try:
        return datetime.strptime(point.time, "%Y%m%d%H%M%S").replace(tzinfo=calendar.NAIROBI)
    except ValueError:  # fourteen letters, but no time
        return None


def _transfer(stored: StoredTransfer) -> pb.Transfer:
    one = stored.transfer
    return pb.Transfer(
        key=one.key,
        trans_id=one.trans_id,
        kind=_KINDS[one.kind],
        from_account=one.from_account,
        to_account=one.to_account,
        amount_cents=one.amount_cents,
        actor=one.actor,
        create_time=stored.create_time,
    )
