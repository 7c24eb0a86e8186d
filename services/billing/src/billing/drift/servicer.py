"""DriftService."""

import grpc
from rejesha.billing.v1 import drift_service_pb2 as pb
from rejesha.billing.v1 import drift_service_pb2_grpc
from sqlalchemy import Engine

from billing.drift import service
from billing.drift.errors import InvalidSecrets
from billing.drift.rules import Access, HeldSecret
from billing.drift.service import Found, Span
from billing.policy import Policy

_MAX_SECRETS = 5000
_ACCESS = {
    pb.HELD_ACCESS_ENABLED: Access.ENABLED,
    pb.HELD_ACCESS_DISABLED: Access.DISABLED,
    pb.HELD_ACCESS_LIMITED: Access.LIMITED,
}


class DriftServicer(drift_service_pb2_grpc.DriftServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def CompareSecrets(
        self, request: pb.CompareSecretsRequest, context: grpc.ServicerContext
    ) -> pb.CompareSecretsResponse:
        span = Span(request.after, request.until)
        secrets = _secrets(request, span)
        done = service.compare(self._engine, self._policy, request.router_id, secrets, span)
        return pb.CompareSecretsResponse(drifts=[_drift(one) for one in done.found], lines=done.lines)

    def ListLineRouters(
        self, request: pb.ListLineRoutersRequest, context: grpc.ServicerContext
    ) -> pb.ListLineRoutersResponse:
        return pb.ListLineRoutersResponse(router_ids=service.routers(self._engine))


def _secrets(request: pb.CompareSecretsRequest, span: Span) -> list[HeldSecret]:
    if request.router_id < 1 or len(request.secrets) > _MAX_SECRETS:
        raise InvalidSecrets(f"router_id: 1 or more; secrets: at most {_MAX_SECRETS}")
    if any(one.access not in _ACCESS or not span.holds(one.username) for one in request.secrets):
        raise InvalidSecrets("each secret has an access, and a name within the span")
    return [
        HeldSecret(one.username, _ACCESS[one.access], one.profile, one.sessions, one.service) for one in request.secrets
    ]


def _drift(found: Found) -> pb.Drift:
    secret = found.drift.secret
    return pb.Drift(
        kind=pb.DriftKind.Value(f"DRIFT_KIND_{found.drift.kind.name}"),
        username=found.drift.username,
        customer_id=found.drift.customer_id,
        account_name=found.account_name,
        profile=secret.profile if secret else "",
        sessions=secret.sessions if secret else 0,
        mending=found.mending,
    )
