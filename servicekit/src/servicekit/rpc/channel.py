"""Client channels to the other services: kept alive, spread over all addresses.

A call that found nobody is repeated only if its RPC says in the proto that it may be: `idempotency_level`.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_MAY_BE_REPEATED = {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}

_RETRY_POLICY = {
    "maxAttempts": 3,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A peer that vanished without a word is noticed within about half a minute.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Our services are neighbours: a proxy meant for the world must not stand between them.
    ("grpc.enable_http_proxy", 0),
    # Reconnect soon after a restart: gRPC's own default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def connect(target: str, *, service: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.Channel:
    """A channel for threads. `target`: host:port, or dns:///name:port for all of a name's addresses.

    `service`: whom we call, such as "router-control"; its RPCs are those of the package rejesha.router_control.v1.
    Without `credentials` it speaks in plain text.
    """
    options = options_for(contract(service))
    return grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)


def connect_async(target: str, *, service: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """A channel for asyncio; the arguments as in `connect`."""
    options = options_for(contract(service))
    if credentials:
        return grpc.aio.secure_channel(target, credentials, options=options)
    return grpc.aio.insecure_channel(target, options=options)


def contract(service: str) -> list[ServiceDescriptor]:
    """The gRPC services that a service of ours answers, from its generated code; none where it has no protos."""
    package = f"rejesha.{service.replace('-', '_')}.v1"
    try:
        folder = importlib.import_module(package)
    except ModuleNotFoundError:
        return []
    names = [module.name for module in pkgutil.iter_modules(folder.__path__) if module.name.endswith("_pb2")]
    files = [importlib.import_module(f"{package}.{name}").DESCRIPTOR for name in names]
    return [one for file in files for one in file.services_by_name.values()]


def options_for(services: Iterable[ServiceDescriptor]) -> list[tuple[str, int | str]]:
    """A channel's options: those of all our channels, and which RPCs of these services it may repeat."""
    repeated = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level in _MAY_BE_REPEATED
    ]
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if repeated:
        config["methodConfig"] = [{"name": repeated, "retryPolicy": _RETRY_POLICY}]
    return [("grpc.service_config", json.dumps(config)), *_OPTIONS]
