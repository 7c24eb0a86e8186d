"""router-control and notify as the gateway sees them, and what all fakes stand on: real gRPC on loopback."""

# ruff: noqa: N802  # the RPCs' names are the protos'

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from rejesha.notify.v1 import notify_service_pb2 as notify_pb
from rejesha.notify.v1 import notify_service_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb
from rejesha.router_control.v1 import router_control_service_pb2_grpc

from chaos import ports


async def abort(context, code, reason, message="said the fake"):
    """End an RPC as servicekit does."""
    status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="rejesha"))
    await context.abort_with_status(rpc_status.to_status(status))


def now():
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


class Health(health_pb2_grpc.HealthServicer):
    serving = True

    async def Check(self, request, context):
        states = health_pb2.HealthCheckResponse
        return states(status=states.SERVING if self.serving else states.NOT_SERVING)


@dataclass
class FakeRouterControl(router_control_service_pb2_grpc.RouterControlServiceServicer):
    """Keeps what each router holds. `dead` routers are unreachable after `dead_after` seconds."""

    lines: dict[tuple[int, str], bool] = field(default_factory=dict)
    calls: list[router_pb.SetAccessRequest] = field(default_factory=list)
    at_once: Counter = field(default_factory=Counter)
    max_at_once: Counter = field(default_factory=Counter)
    dead: set[int] = field(default_factory=set)
    dead_after: float = 0.0
    hangs: set[int] = field(default_factory=set)
    delay: float = 0.0
    refuses: str = ""  # the username that no request may hold

    async def SetAccess(self, request, context):
        self.calls.append(request)
        self.at_once[request.router_id] += 1
        self.max_at_once[request.router_id] = max(self.at_once[request.router_id], self.max_at_once[request.router_id])
        try:
            return await self._set(request, context)
        finally:
            self.at_once[request.router_id] -= 1

    async def _set(self, request, context):
        users = [change.username for change in request.changes]
        if len(set(users)) != len(users) or self.refuses in users:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ACCESS_REQUEST")
        if request.router_id in self.hangs:
            await asyncio.sleep(3600)
        dead = request.router_id in self.dead
        await asyncio.sleep(self.dead_after if dead else self.delay)
        results = [self._change(request.router_id, change, dead=dead) for change in request.changes]
        return router_pb.SetAccessResponse(results=results, router_name=f"router-{request.router_id}")

    def _change(self, router_id, change, *, dead):
        if dead:
            return router_pb.AccessResult(
                username=change.username, outcome=router_pb.ACCESS_OUTCOME_UNREACHABLE, detail="no route to host"
            )
        wanted = change.access == router_pb.ACCESS_ENABLED
        same = self.lines.get((router_id, change.username)) is wanted
        self.lines[router_id, change.username] = wanted
        outcome = router_pb.ACCESS_OUTCOME_ALREADY_SO if same else router_pb.ACCESS_OUTCOME_CHANGED
        return router_pb.AccessResult(username=change.username, outcome=outcome, access=change.access)


@dataclass
class FakeNotify(notify_service_pb2_grpc.NotifyServiceServicer):
    """Accepts a message once by its id."""

    messages: dict[str, notify_pb.OutgoingMessage] = field(default_factory=dict)
    call_sizes: list[int] = field(default_factory=list)
    refuses: str = ""  # the message_id that no request may hold

    async def SendMessages(self, request, context):
        self.call_sizes.append(len(request.messages))
        if any(message.message_id == self.refuses for message in request.messages):
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MESSAGE_ID")
        receipts = []
        for message in request.messages:
            repeated = message.message_id in self.messages
            self.messages.setdefault(message.message_id, message)
            receipts.append(notify_pb.MessageReceipt(message_id=message.message_id, repeated=repeated))
        return notify_pb.SendMessagesResponse(receipts=receipts)

    async def ListMessages(self, request, context):
        found = [
            notify_pb.Message(
                message_id=message.message_id,
                phone=message.phone,
                text="you are on",
                subject=message.subject,
                state=notify_pb.MESSAGE_STATE_SENT,
                create_time=now(),
                update_time=now(),
            )
            for message in self.messages.values()
            if (message.phone == request.phone if request.phone else message.subject == request.subject)
        ]
        return notify_pb.ListMessagesResponse(messages=found[::-1])


class FakeService:
    """A fake behind a real port, which is its own while it is down as well."""

    def __init__(self, fake, *registrations):
        self.fake = fake
        self.health = Health()
        self._reserved = ports.reservation()
        self.port = self._reserved.getsockname()[1]
        self._registrations = (*registrations,)
        self._server = None

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    async def up(self):
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for register in self._registrations:
            register(self.fake, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        self._server.add_insecure_port(self.target)
        await self._server.start()
        return self

    async def down(self):
        if self._server:
            await self._server.stop(None)
            self._server = None

    async def close(self):
        await self.down()
        self._reserved.close()


def router_control_service():
    return FakeService(FakeRouterControl(), router_control_service_pb2_grpc.add_RouterControlServiceServicer_to_server)


def notify_service():
    return FakeService(FakeNotify(), notify_service_pb2_grpc.add_NotifyServiceServicer_to_server)
