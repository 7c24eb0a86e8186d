"""Routers from a CSV file: what its columns mean, and what becomes of each line."""

from collections.abc import Iterator, Sequence

from rejesha.router_control.v1.router_control_service_pb2 import CreateRouterRequest, ListRoutersRequest, Router

from rejesha_cli.channels import Channels
from rejesha_cli.errors import ServiceRefused
from rejesha_cli.imports.rules import BadValue, Field, Line, bounded, host, wanted_id, whole_number, yes_no
from rejesha_cli.imports.service import LineResult, Parsed

FIELDS = (
    Field("id", also=("router_id", "router_no", "no", "#")),
    Field("name", also=("router", "router_name"), required=True),
    Field("address", also=("local_ip", "ip", "host"), required=True),
    Field("port"),
    Field("tls"),
    Field("verify_certificate"),
    Field("username", also=("login", "user")),
    Field("password"),
)


def read(line: Line) -> Parsed[Router]:
    """A line as a router. Raises BadValue."""
    tls = yes_no(line.get("tls"), "tls")
    verify = yes_no(line.get("verify_certificate"), "verify_certificate")
    if verify and not tls:
        raise BadValue("a certificate can only be verified with tls")
    if line.get("password") and not line.get("username"):
        raise BadValue("a password needs a username")
    router = Router(
        router_id=wanted_id(line.get("id")),
        name=bounded(line.get("name"), "name", 100),
        address=host(line.get("address")),
        port=whole_number(line.get("port"), "port", 65535),
        tls=tls,
        verify_certificate=verify,
        username=line.get("username"),
        password=line.get("password") or None,
    )
    return Parsed(line.number, router.name, router.name.casefold(), router, router.router_id)


def create(
    channels: Channels, items: Sequence[Parsed[Router]], *, default_login: bool, dry_run: bool
) -> Iterator[LineResult]:
    """Add what is not there yet, or say what adding it would come to."""
    answer = channels.routers.ListRouters(ListRoutersRequest())
    known = {router.name.casefold(): router for router in answer.routers}
    owners = {router.router_id: router.name for router in answer.routers}
    for item in items:
        if other := known.get(item.key):
            yield _compare(item, other)
            continue
        if item.wanted_id in owners:
            owner = owners[item.wanted_id]
            yield LineResult(item.number, item.name, "bad", f"id {item.wanted_id} belongs to {owner!r} already")
            continue
        created = item.item
        if not created.username and not default_login:
            yield LineResult(item.number, item.name, "bad", "has no username, and --default-login is not given")
            continue
        request = CreateRouterRequest(router=created, use_default_login=not created.username)
        try:
            if not dry_run:
                created = channels.routers.CreateRouter(request).router
        except ServiceRefused as refusal:
            yield LineResult(item.number, item.name, "bad", str(refusal))
        else:
            yield LineResult(item.number, item.name, "created", id=created.router_id)


def _compare(item: Parsed[Router], other: Router) -> LineResult:
    if item.wanted_id not in {0, other.router_id}:
        error = f"there is a router of this name already, with the id {other.router_id}"
        return LineResult(item.number, item.name, "bad", error)
    # The password is left out: it never comes out of the registry.
    differs = [
        name
        for name in ("address", "port", "tls", "verify_certificate", "username")
        if getattr(item.item, name) != getattr(other, name)
    ]
    if not differs:
        return LineResult(item.number, item.name, "unchanged", id=other.router_id)
    hint = f"`rejesha router update {other.router_id}` changes it"
    return LineResult(item.number, item.name, "bad", f"is there already with another {' and '.join(differs)}: {hint}")
