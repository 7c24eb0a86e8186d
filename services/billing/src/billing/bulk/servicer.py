"""BulkService."""

import grpc
from rejesha.billing.v1 import bulk_service_pb2 as pb
from rejesha.billing.v1 import bulk_service_pb2_grpc
from sqlalchemy import Engine

from billing.bulk import effects, rules, service
from billing.bulk.changing import Pair
from billing.bulk.errors import InvalidBulk
from billing.bulk.rules import Action, BulkState, Filter, MemberState, Plan
from billing.bulk.service import Progress
from billing.changes.rules import Author
from billing.paging import last_id, next_token, page_size
from billing.policy import Policy

_PAID: dict["pb.BulkPaid.ValueType", bool] = {pb.BULK_PAID_PAID: True, pb.BULK_PAID_UNPAID: False}
_PAID_WORDS = {fact: number for number, fact in _PAID.items()}
_STATES = {state: pb.BulkState.Value(f"BULK_STATE_{state.name}") for state in BulkState}


class BulkServicer(bulk_service_pb2_grpc.BulkServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def PreviewBulk(self, request: pb.PreviewBulkRequest, context: grpc.ServicerContext) -> pb.PreviewBulkResponse:
        plan = _read(request.plan)
        seen = service.preview(self._engine, plan)
        return pb.PreviewBulkResponse(
            token=seen.token,
            customer_ids=seen.ids,
            sample=[_sample(plan, one) for one in seen.sample],
            total_cents=seen.total_cents,
            undated=seen.undated,
            left_out=[pb.BulkLeftOut(note=note, count=count) for note, count in sorted(seen.left_out.items())],
            overdue=seen.overdue,
            sms_count=seen.sms_count,
            cost_cents=seen.cost_cents,
        )

    def ApplyBulk(self, request: pb.ApplyBulkRequest, context: grpc.ServicerContext) -> pb.ApplyBulkResponse:
        author = _author(request.actor, request.reason)
        return pb.ApplyBulkResponse(bulk=_bulk(service.apply(self._engine, self._policy, request.token, author)))

    def UndoBulk(self, request: pb.UndoBulkRequest, context: grpc.ServicerContext) -> pb.UndoBulkResponse:
        author = _author(request.actor, request.reason)
        return pb.UndoBulkResponse(bulk=_bulk(service.undo(self._engine, self._policy, request.bulk_id, author)))

    def GetBulk(self, request: pb.GetBulkRequest, context: grpc.ServicerContext) -> pb.GetBulkResponse:
        return pb.GetBulkResponse(bulk=_bulk(service.get(self._engine, request.bulk_id)))

    def ListBulks(self, request: pb.ListBulksRequest, context: grpc.ServicerContext) -> pb.ListBulksResponse:
        limit = page_size(request.page_size)
        found = service.list_bulks(self._engine, last_id(request.page_token), limit)
        token = next_token([one.bulk.bulk_id for one in found], limit)
        return pb.ListBulksResponse(bulks=[_bulk(one) for one in found], next_page_token=token)


def _read(plan: pb.BulkPlan) -> Plan:
    paid = _PAID.get(plan.paid)
    chosen = Filter(plan.isp_id, plan.router_id, plan.package_cents, paid, plan.due_from, plan.due_until)
    match plan.WhichOneof("action"):
        case "extend_days":
            return Plan(chosen, Action.EXTEND, plan.extend_days)
        case "price_cents":
            return Plan(chosen, Action.PRICE, plan.price_cents)
        case "message":
            return Plan(chosen, Action.MESSAGE, text=plan.message)
        case "suspension":
            return Plan(chosen, Action.SUSPEND)
        case _:
            raise InvalidBulk("say what is to be done: extend_days, price_cents, message or suspension")


def _author(actor: str, reason: str) -> Author:
    author = Author(actor.strip(), reason.strip())
    if not 1 <= len(author.actor) <= 100 or not 1 <= len(author.reason) <= rules.MAX_REASON:
        raise InvalidBulk(f"actor: 1 to 100 characters; reason: 1 to {rules.MAX_REASON}")
    return author


def _sample(plan: Plan, pair: Pair) -> pb.BulkSample:
    before, after = effects.shown(plan, pair.old, pair.new)
    old = pair.old
    return pb.BulkSample(
        customer_id=old.customer_id,
        account_name=old.account_name,
        full_name=old.full_name,
        before=before,
        after=after,
    )


def _bulk(progress: Progress) -> pb.Bulk:
    bulk = progress.bulk
    return pb.Bulk(
        bulk_id=bulk.bulk_id,
        plan=_plan(bulk.plan),
        state=_STATES[bulk.state],
        actor=bulk.author.actor,
        reason=bulk.author.reason,
        create_time=bulk.create_time,
        **{str(state): progress.counts.get(state, 0) for state in MemberState},
        handed_over=progress.handed_over,
        exceptions=[
            pb.BulkException(customer_id=one.member.customer_id, account_name=one.account_name, note=one.member.note)
            for one in progress.not_changed
        ],
    )


def _plan(plan: Plan) -> pb.BulkPlan:
    chosen = plan.filter
    told = pb.BulkPlan(
        isp_id=chosen.isp_id,
        router_id=chosen.router_id,
        package_cents=chosen.package_cents,
        paid=pb.BULK_PAID_UNSPECIFIED if chosen.paid is None else _PAID_WORDS[chosen.paid],
        due_from=chosen.due_from,
        due_until=chosen.due_until,
    )
    match plan.action:
        case Action.EXTEND:
            told.extend_days = plan.value
        case Action.PRICE:
            told.price_cents = plan.value
        case Action.MESSAGE:
            told.message = plan.text
        case Action.SUSPEND:
            told.suspension.SetInParent()
    return told
