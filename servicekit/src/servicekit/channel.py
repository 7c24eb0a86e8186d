"""Client channels to the other services: kept alive, spread over all addresses, retried only when UNAVAILABLE.

Every RPC of Rejesha is safe to repeat, so a transport failure may be retried here; nothing else is.
"""

import json

import grpc

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
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


def connect(target: str) -> grpc.Channel:
    """A channel for threads. `target`: host:port, or dns:///name:port for all of a name's addresses."""
    return grpc.insecure_channel(target, options=OPTIONS)


def connect_async(target: str) -> grpc.aio.Channel:
    """A channel for asyncio; `target` as in `connect`."""
    return grpc.aio.insecure_channel(target, options=OPTIONS)
