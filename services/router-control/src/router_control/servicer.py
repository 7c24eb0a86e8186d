"""RouterControlService on the wire: requests to use cases and back. Protobuf stops here."""

# gRPC gives the methods their names and arguments

from collections.abc import Iterable

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc

from router_control.access import AccessControl, Answer, InvalidAccessRequest, check_names
from router_control.deadline import Deadline
from router_control.outcome import Outcome, Result
from router_control.registration import Registration
from router_control.routers import Registry
from router_control.workers import Workers

_ACCESS = {pb.ACCESS_ENABLED: True, pb.ACCESS_DISABLED: False}
_DEFAULT_SECONDS = 10.0
# However patient a caller is, a router's other callers wait behind it.
_MAX_SECONDS = 60.0


class RouterControlServicer(pb_grpc.RouterControlServiceServicer):
    """Answers the RPCs."""

    def __init__(self, registry: Registry, access: AccessControl, workers: Workers) -> None:
        self._registry, self._access, self._workers = registry, access, workers

    def SetAccess(self, request: pb.SetAccessRequest, context: grpc.ServicerContext) -> pb.SetAccessResponse:
        names = [change.username for change in request.changes]
        check_names(names)
        if any(change.access not in _ACCESS for change in request.changes):
            raise InvalidAccessRequest("a wanted access is ENABLED or DISABLED")
        wanted = {change.username: _ACCESS[change.access] for change in request.changes}
        answer = self._access.set(request.router_id, wanted, _deadline(context))
        return pb.SetAccessResponse(results=_results(names, answer), router_name=answer.router_name)

    def GetAccess(self, request: pb.GetAccessRequest, context: grpc.ServicerContext) -> pb.GetAccessResponse:
        check_names(request.usernames)
        answer = self._access.get(request.router_id, tuple(request.usernames), _deadline(context))
        return pb.GetAccessResponse(results=_results(request.usernames, answer), router_name=answer.router_name)

    def CheckRouter(self, request: pb.CheckRouterRequest, context: grpc.ServicerContext) -> pb.CheckRouterResponse:
        check = self._access.check(request.router_id, _deadline(context))
        return pb.CheckRouterResponse(
            outcome=_outcome(check.outcome),
            identity=check.identity,
            version=check.version,
            elapsed_ms=round(check.elapsed * 1000),
            detail=check.detail,
        )

    def CreateRouter(self, request: pb.CreateRouterRequest, context: grpc.ServicerContext) -> pb.CreateRouterResponse:
        created = self._registry.create(_registration(request.router, use_default_login=request.use_default_login))
        return pb.CreateRouterResponse(router=_router(created))

    def UpdateRouter(self, request: pb.UpdateRouterRequest, context: grpc.ServicerContext) -> pb.UpdateRouterResponse:
        updated = self._registry.update(_registration(request.router, use_default_login=request.use_default_login))
        self._workers.registration_changed(updated.router_id)
        return pb.UpdateRouterResponse(router=_router(updated))

    def GetRouterCertificate(
        self, request: pb.GetRouterCertificateRequest, context: grpc.ServicerContext
    ) -> pb.GetRouterCertificateResponse:
        certificate = self._access.certificate(request.router_id, _deadline(context))
        return pb.GetRouterCertificateResponse(
            outcome=_outcome(certificate.outcome),
            shown_sha256=certificate.shown,
            remembered_sha256=certificate.remembered,
            detail=certificate.detail,
        )

    def TrustRouter(self, request: pb.TrustRouterRequest, context: grpc.ServicerContext) -> pb.TrustRouterResponse:
        trusted = self._registry.trust(request.router_id, request.certificate_sha256)
        self._workers.registration_changed(trusted.router_id)
        return pb.TrustRouterResponse(router=_router(trusted))

    def GetRouter(self, request: pb.GetRouterRequest, context: grpc.ServicerContext) -> pb.GetRouterResponse:
        return pb.GetRouterResponse(router=_router(self._registry.get(request.router_id)))

    def ListRouters(self, request: pb.ListRoutersRequest, context: grpc.ServicerContext) -> pb.ListRoutersResponse:
        return pb.ListRoutersResponse(routers=[_router(registration) for registration in self._registry.list()])

    def DeleteRouter(self, request: pb.DeleteRouterRequest, context: grpc.ServicerContext) -> pb.DeleteRouterResponse:
        self._registry.delete(request.router_id)
        self._workers.retire(request.router_id)
        return pb.DeleteRouterResponse()


def _deadline(context: grpc.ServicerContext) -> Deadline:
    """The caller's deadline less a slice, in which our answer travels; ten seconds when the caller has none."""
    remaining = context.time_remaining()
    if remaining is None or remaining > 86_400:  # "none" arrives as the end of time
        return Deadline.after(_DEFAULT_SECONDS)
    return Deadline.after(min(remaining - min(0.1 + remaining * 0.1, 0.5), _MAX_SECONDS))


def _results(names: Iterable[str], answer: Answer) -> list[pb.AccessResult]:
    return [_result(name, answer.results[name]) for name in names]


def _result(name: str, result: Result) -> pb.AccessResult:
    access = {None: pb.ACCESS_UNSPECIFIED, True: pb.ACCESS_ENABLED, False: pb.ACCESS_DISABLED}[result.enabled]
    return pb.AccessResult(
        username=name,
        outcome=_outcome(result.outcome),
        access=access,
        sessions=result.sessions,
        detail=result.detail,
    )


def _outcome(outcome: Outcome) -> pb.AccessOutcome.ValueType:
    return pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{outcome.name}")


def _registration(router: pb.Router, *, use_default_login: bool) -> Registration:
    return Registration(
        router_id=router.router_id,
        name=router.name,
        address=router.address,
        port=router.port,
        tls=router.tls,
        verify_certificate=router.verify_certificate,
        username=router.username,
        password=router.password if router.HasField("password") else None,
        use_default_login=use_default_login,
    )


def _router(registration: Registration) -> pb.Router:
    """The password stays where it is."""
    return pb.Router(
        router_id=registration.router_id,
        name=registration.name,
        address=registration.address,
        port=registration.port,
        tls=registration.tls,
        verify_certificate=registration.verify_certificate,
        username=registration.username,
        has_password=bool(registration.password_encrypted),
        certificate_sha256=registration.certificate,
    )
