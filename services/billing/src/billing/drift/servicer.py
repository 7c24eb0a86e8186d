"""DriftService."""

from collections.abc import Sequence
from datetime import timedelta

import grpc
from rejesha.billing.v1 import drift_service_pb2 as pb
from rejesha.billing.v1 import drift_service_pb2_grpc
from sqlalchemy import Engine

from billing.checks import service as checks
from billing.checks.errors import InvalidCheck
from billing.checks.rules import Check
from billing.drift import service
from billing.drift.errors import InvalidSecrets
from billing.drift.rules import Access, HeldSecret
from billing.drift.service import Found, Span
from billing.policy import Policy

_MAX_SECRETS = 5000
_MIN_SECONDS, _MAX_SECONDS = 60, 30 * 86_400
_MAX_FAULT = 30
_ACCESS = {
    pb.HELD_ACCESS_ENABLED: Access.ENABLED,
    pb.HELD_ACCESS_DISABLED: Access.DISABLED,
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

    def ClaimRouterCheck(
        self, request: pb.ClaimRouterCheckRequest, context: grpc.ServicerContext
    ) -> pb.ClaimRouterCheckResponse:
        if not _MIN_SECONDS <= request.interval.seconds <= _MAX_SECONDS:
            raise InvalidCheck("interval: a minute to 30 days")
        claimed = checks.claim(self._engine, timedelta(seconds=request.interval.seconds))
        return pb.ClaimRouterCheckResponse(router=_check(*claimed) if claimed else None)

    def ReportRouterCheck(
        self, request: pb.ReportRouterCheckRequest, context: grpc.ServicerContext
    ) -> pb.ReportRouterCheckResponse:
        if request.router_id < 1 or min(request.lines, request.drifts) < 0 or len(request.fault) > _MAX_FAULT:
            raise InvalidCheck(f"router_id: 1 or more; counts: 0 or more; fault: at most {_MAX_FAULT} characters")
        check = Check(request.router_id, lines=request.lines, drifts=request.drifts, fault=request.fault)
        checks.report(self._engine, check)
        return pb.ReportRouterCheckResponse()

    def ListRouterChecks(
        self, request: pb.ListRouterChecksRequest, context: grpc.ServicerContext
    ) -> pb.ListRouterChecksResponse:
        return pb.ListRouterChecksResponse(routers=[_check(*one) for one in checks.list_checks(self._engine)])


def _check(check: Check, address_lists: Sequence[str]) -> pb.RouterCheck:
    return pb.RouterCheck(
        router_id=check.router_id,
        address_lists=address_lists,
        check_time=check.check_time,
        lines=check.lines,
        drifts=check.drifts,
        report_time=check.report_time,
        fault=check.fault,
        unchecked_since=check.unchecked_since,
    )


def _secrets(request: pb.CompareSecretsRequest, span: Span) -> list[HeldSecret]:
    if request.router_id < 1 or len(request.secrets) > _MAX_SECRETS:
        raise InvalidSecrets(f"router_id: 1 or more; secrets: at most {_MAX_SECRETS}")
    if any(one.access not in _ACCESS or not span.holds(one.username) for one in request.secrets):
        raise InvalidSecrets("each secret has an access, and a name within the span")
    return [_secret(one) for one in request.secrets]


def _secret(one: pb.HeldSecret) -> HeldSecret:
    return HeldSecret(
        one.username, _ACCESS[one.access], one.profile, one.sessions, one.service, frozenset(one.address_lists)
    )


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
