"""The RPC that lists a router's secrets. Protobuf stops here."""

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb

from router_control.lines import rules
from router_control.lines.errors import InvalidAccessRequest
from router_control.lines.service import Lines
from router_control.lines.servicer import NUMBERS
from router_control.routeros.protocol import TimeLimit
from router_control.secrets.listing import Listed, Listing

_MAX_PAGE = 5000
_MAX_LISTS = 100


class SecretsServicer:
    """ListSecrets."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def ListSecrets(self, request: pb.ListSecretsRequest, context: grpc.ServicerContext) -> pb.ListSecretsResponse:
        if request.page_token and not rules.is_name(request.page_token):
            raise InvalidAccessRequest("a page token was given out before")
        if len(request.address_lists) > _MAX_LISTS or not all(map(rules.is_name, request.address_lists)):
            raise InvalidAccessRequest(f"address lists have names, and are at most {_MAX_LISTS}")
        size = min(request.page_size, _MAX_PAGE) if request.page_size > 0 else _MAX_PAGE
        listing = Listing(size, request.page_token, list(request.address_lists))
        router_name = self._lines.list_secrets(request.router_id, listing, TimeLimit.of_caller())
        return pb.ListSecretsResponse(
            outcome=pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{listing.outcome.name}"),
            secrets=[_secret(one) for one in listing.secrets],
            next_page_token=listing.secrets[-1].name if listing.more else "",
            router_name=router_name,
            detail=listing.detail,
        )


def _secret(listed: Listed) -> pb.Secret:
    return pb.Secret(
        username=listed.name,
        access=NUMBERS[listed.access],
        profile=listed.profile,
        service=listed.service,
        sessions=listed.sessions,
        address_lists=listed.address_lists,
    )
