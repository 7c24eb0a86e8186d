"""LineService."""

import grpc
from rejesha.billing.v1 import line_service_pb2 as pb
from rejesha.billing.v1 import line_service_pb2_grpc
from sqlalchemy import Engine

from billing.changes.rules import Author
from billing.lines import rules, service, sweeping
from billing.lines.errors import InvalidLineChange
from billing.lines.rules import Switch
from billing.lines.service import LineReport, Whom
from billing.paging import last_id, page_size
from billing.payees.rules import Customer, LineReason, LineState
from billing.policy import Policy
from billing.tasks.servicer import STATES

_REASONS = {reason: pb.LineReason.Value(f"LINE_REASON_{reason.name}") for reason in LineReason}
_HOLDS = {_REASONS[reason]: reason for reason in rules.HOLDS}


class LineServicer(line_service_pb2_grpc.LineServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def GetLine(self, request: pb.GetLineRequest, context: grpc.ServicerContext) -> pb.GetLineResponse:
        return pb.GetLineResponse(line=_line(service.get(self._engine, _whom(request.owner))))

    def HoldLine(self, request: pb.HoldLineRequest, context: grpc.ServicerContext) -> pb.HoldLineResponse:
        if request.reason not in _HOLDS:
            raise InvalidLineChange("reason: PAUSED or BY_STAFF")
        author = _author(request.actor, request.note, needed=True)
        why = _HOLDS[request.reason]
        held = service.hold(self._engine, self._policy, _whom(request.owner), why, author)
        return pb.HoldLineResponse(line=_line(held))

    def ReleaseLine(self, request: pb.ReleaseLineRequest, context: grpc.ServicerContext) -> pb.ReleaseLineResponse:
        author = _author(request.actor, request.note)
        released = service.release(self._engine, self._policy, _whom(request.owner), author)
        return pb.ReleaseLineResponse(line=_line(released))

    def ExtendLine(self, request: pb.ExtendLineRequest, context: grpc.ServicerContext) -> pb.ExtendLineResponse:
        if not 1 <= request.days <= rules.MAX_EXTENSION_DAYS:
            raise InvalidLineChange(f"days: 1 to {rules.MAX_EXTENSION_DAYS}, not {request.days}")
        author = _author(request.actor, request.note, needed=True)
        extended = service.extend(self._engine, self._policy, _whom(request.owner), request.days, author)
        return pb.ExtendLineResponse(line=_line(extended))

    def FixLine(self, request: pb.FixLineRequest, context: grpc.ServicerContext) -> pb.FixLineResponse:
        return pb.FixLineResponse(line=_line(service.fix(self._engine, _whom(request.owner))))

    def SweepLines(self, request: pb.SweepLinesRequest, context: grpc.ServicerContext) -> pb.SweepLinesResponse:
        done = sweeping.sweep(self._engine, self._policy, last_id(request.page_token))
        return pb.SweepLinesResponse(
            cut=done.cut, switched_on=done.switched_on, reminded=done.reminded, next_page_token=_token(done.next_id)
        )

    def ListSwitches(self, request: pb.ListSwitchesRequest, context: grpc.ServicerContext) -> pb.ListSwitchesResponse:
        limit = page_size(request.page_size)
        switches, next_id = sweeping.plan(self._engine, last_id(request.page_token), limit)
        return pb.ListSwitchesResponse(switches=[_switch(one) for one in switches], next_page_token=_token(next_id))


def _whom(owner: pb.LineOwner) -> Whom:
    return Whom(owner.customer_id, owner.account_name)


def _author(actor: str, note: str, *, needed: bool = False) -> Author:
    author = Author(actor.strip(), note.strip())
    if not 1 <= len(author.actor) <= 100 or len(author.reason) > 255 or (needed and not author.reason):
        raise InvalidLineChange(f"actor: 1 to 100 characters; note: {'1 to' if needed else 'at most'} 255")
    return author


def _token(next_id: int) -> str:
    return str(next_id) if next_id else ""


def _line(report: LineReport) -> pb.Line:
    customer, reported = report.customer, report.reported
    return pb.Line(
        customer_id=customer.customer_id,
        account_name=customer.account_name,
        router_id=customer.router_id or 0,
        username=customer.username,
        wanted=_state(customer.wanted),
        reason=_reason(customer.reason),
        version=customer.version,
        reported=_state(reported.state),
        reported_version=reported.version,
        report_time=reported.time,
        due_date=customer.next_payment_date.isoformat() if customer.next_payment_date else "",
        cut_time=report.cut_time,
        hold=_reason(customer.hold),
        hold_since=customer.hold_since.isoformat() if customer.hold_since else "",
        waits=report.waits,
        error=report.error,
        credit_cents=report.credit_cents,
        sharers=map(_sharer, report.sharers),
        asked=_state(report.asked),
        package_name=customer.package_name,
        profile=report.policy.profile,
    )


def _sharer(customer: Customer) -> pb.LineSharer:
    return pb.LineSharer(
        customer_id=customer.customer_id,
        account_name=customer.account_name,
        wanted=_state(customer.wanted),
        reason=_reason(customer.reason),
    )


def _state(state: LineState | None) -> pb.LineState.ValueType:
    return STATES[state] if state else pb.LINE_STATE_UNSPECIFIED


def _reason(reason: LineReason | None) -> pb.LineReason.ValueType:
    return _REASONS[reason] if reason else pb.LINE_REASON_UNSPECIFIED


def _switch(one: Switch) -> pb.Switch:
    customer = one.customer
    return pb.Switch(
        customer_id=customer.customer_id,
        account_name=customer.account_name,
        full_name=customer.full_name,
        due_date=customer.next_payment_date.isoformat() if customer.next_payment_date else "",
        wanted=STATES[one.after.state],
        reason=_REASONS[one.after.reason],
    )
