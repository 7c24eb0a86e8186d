"""PolicyService."""

import grpc
from rejesha.billing.v1 import policy_service_pb2 as pb
from rejesha.billing.v1 import policy_service_pb2_grpc
from sqlalchemy import Engine

from billing.changes.authors import read_author
from billing.changes.rules import Noun
from billing.policies import fields, service
from billing.policies.errors import InvalidPolicy
from billing.policies.rules import Source
from billing.policies.service import Asked, Owner

_SOURCES = {
    Source.DEFAULT: pb.POLICY_SOURCE_DEFAULT,
    Source.ISP: pb.POLICY_SOURCE_ISP,
    Source.CUSTOMER: pb.POLICY_SOURCE_CUSTOMER,
}


class PolicyServicer(policy_service_pb2_grpc.PolicyServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def GetPolicy(self, request: pb.GetPolicyRequest, context: grpc.ServicerContext) -> pb.GetPolicyResponse:
        found = service.get(self._engine, _asked(request.owner))
        return pb.GetPolicyResponse(fields=_fields(found), owner=_owner(found))

    def SetPolicy(self, request: pb.SetPolicyRequest, context: grpc.ServicerContext) -> pb.SetPolicyResponse:
        author = read_author(request.actor, request.reason)
        wanted = {one.name: one.value for one in request.set}
        if len(wanted) < len(request.set):
            raise InvalidPolicy("a field is set twice")
        after, made = service.change(
            self._engine, _asked(request.owner), wanted, request.unset, author, validate_only=request.validate_only
        )
        told = [pb.PolicyChange(field=one.field, before=one.before, after=one.after) for one in made]
        return pb.SetPolicyResponse(fields=_fields(after), owner=_owner(after), changes=told)


def _asked(owner: pb.PolicyOwner) -> Asked:
    noun = Noun.ISP if owner.WhichOneof("owner") == "isp_id" else Noun.CUSTOMER
    return Asked(noun, owner.isp_id or owner.customer_id, owner.account_name)


def _owner(owner: Owner) -> pb.PolicyOwner:
    is_isp = owner.noun is Noun.ISP
    return pb.PolicyOwner(isp_id=owner.noun_id) if is_isp else pb.PolicyOwner(customer_id=owner.noun_id)


def _fields(owner: Owner) -> list[pb.PolicyField]:
    sources = owner.sources
    return [
        pb.PolicyField(name=name, value=text, source=_SOURCES[sources[name]])
        for name, text in fields.written(owner.policy).items()
    ]
