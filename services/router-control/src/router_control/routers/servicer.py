"""The RPCs on routers: requests to use cases and back. Protobuf stops here."""

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb

from router_control.routeros.errors import AccessOutcome
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit
from router_control.routers.reachability import Reachability
from router_control.routers.rules import Registration
from router_control.routers.service import Registry


class RoutersServicer:
    """The registry's RPCs, CheckRouter and GetRouterCertificate."""

    def __init__(self, registry: Registry, reachability: Reachability, pool: Pool) -> None:
        self._registry, self._reachability, self._pool = registry, reachability, pool

    def CheckRouter(self, request: pb.CheckRouterRequest, context: grpc.ServicerContext) -> pb.CheckRouterResponse:
        check = self._reachability.check(request.router_id, TimeLimit.of_caller())
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
        self._pool.forget(updated.router_id)
        return pb.UpdateRouterResponse(router=_router(updated))

    def GetRouterCertificate(
        self, request: pb.GetRouterCertificateRequest, context: grpc.ServicerContext
    ) -> pb.GetRouterCertificateResponse:
        certificate = self._reachability.certificate(request.router_id, TimeLimit.of_caller())
        return pb.GetRouterCertificateResponse(
            outcome=_outcome(certificate.outcome),
            shown_sha256=certificate.shown,
            remembered_sha256=certificate.remembered,
            detail=certificate.detail,
        )

    def TrustRouter(self, request: pb.TrustRouterRequest, context: grpc.ServicerContext) -> pb.TrustRouterResponse:
        trusted = self._registry.trust(request.router_id, request.certificate_sha256)
        self._pool.forget(trusted.router_id)
        return pb.TrustRouterResponse(router=_router(trusted))

    def GetRouter(self, request: pb.GetRouterRequest, context: grpc.ServicerContext) -> pb.GetRouterResponse:
        return pb.GetRouterResponse(router=_router(self._registry.get(request.router_id)))

    def ListRouters(self, request: pb.ListRoutersRequest, context: grpc.ServicerContext) -> pb.ListRoutersResponse:
        return pb.ListRoutersResponse(routers=[_router(registration) for registration in self._registry.list()])

    def DeleteRouter(self, request: pb.DeleteRouterRequest, context: grpc.ServicerContext) -> pb.DeleteRouterResponse:
        self._registry.delete(request.router_id)
        self._pool.forget(request.router_id)
        return pb.DeleteRouterResponse()


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
