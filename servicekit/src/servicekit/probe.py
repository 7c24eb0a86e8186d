"""`python -m servicekit.probe ADDRESS`: whether a process says that it serves; for images that hold no other tool.

ADDRESS is host:port of a gRPC health service, or a URL that is answered with 200. Exit code 0 or 1. Imports next to
nothing: it runs every few seconds beside each process.
"""

import sys

_SECONDS = 4


def main() -> int:
    match sys.argv[1:]:
        case [address]:
            return 0 if is_serving(address) else 1
        case _:
            sys.exit("usage: python -m servicekit.probe host:port | URL")


def is_serving(address: str) -> bool:
    """What whoever listens at `address` says of itself; no for whoever does not answer."""
    return _answers(address) if "://" in address else _says_serving(address)


def _answers(url: str) -> bool:
    from urllib.error import URLError  # noqa: PLC0415 - gRPC's probe needs none of it
    from urllib.request import urlopen  # noqa: PLC0415

    try:
        with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - the address is the operator's
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _says_serving(address: str) -> bool:
    import grpc  # noqa: PLC0415 - HTTP's probe does without
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(main())
