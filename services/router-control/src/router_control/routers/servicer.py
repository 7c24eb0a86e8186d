"""The RPCs on routers: requests to use cases and back. Protobuf stops here."""

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb

from router_control.routeros.errors import AccessOutcome
from router_control.routeros.protocol import TimeLimit
from router_control.routeros.workers import Workers
from router_control.routers.reachability import Reachability
from router_control.routers.rules import Registration
from router_control.routers.service import Registry

_DEFAULT_SECONDS = 10.0
# However patient a caller is, a router's other callers wait behind it.
_MAX_SECONDS = 60.0


class RoutersServicer:
    """The registry's RPCs, CheckRouter and GetRouterCertificate."""

    def __init__(self, registry: Registry, reachability: Reachability, workers: Workers) -> None:
        self._registry, self._reachability, self._workers = registry, reachability, workers

    def CheckRouter(self, request: pb.CheckRouterRequest, context: grpc.ServicerContext) -> pb.CheckRouterResponse:
        check = self._reachability.check(request.router_id, time_limit(context))
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
        certificate = self._reachability.certificate(request.router_id, time_limit(context))
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


def time_limit(context: grpc.ServicerContext) -> TimeLimit:
    """The caller's deadline less a slice, in which our answer travels; ten seconds when the caller has none.

    It is cancelled when the call ends, by the caller or by its answer.
    """
    remaining = context.time_remaining()
    if remaining is None or remaining > 86_400:  # "none" arrives as the end of time
        limit = TimeLimit.after(_DEFAULT_SECONDS)
    else:
        limit = TimeLimit.after(min(remaining - min(0.1 + remaining * 0.1, 0.5), _MAX_SECONDS))
    if not context.add_callback(limit.cancel):  # it has ended already
        limit.cancel()
    return limit


def _outcome(outcome: AccessOutcome) -> pb.AccessOutcome.ValueType:
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
