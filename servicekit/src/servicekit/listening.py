"""Where a process listens: which addresses only this machine reaches, and what is said where others reach it.

Whoever listens beyond loopback in plain text must have been asked to, and says so at each start.
"""

from ipaddress import IPv6Address, ip_address

import structlog

log = structlog.get_logger()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a port on `host`. A name other than localhost may mean anything: no."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def joined(host: str, port: int) -> str:
    """`host` and `port` as gRPC wants them: 127.0.0.1:50051, [::1]:50051."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def warn_of_plaintext(host: str) -> None:
    """Say at a start that others may read and write what goes over the wire; nothing to say on loopback."""
    if not is_loopback(host):
        log.warning("listens_in_plaintext", host=host, advice="let a proxy or a private network guard this port")
