"""RetentionService."""

from datetime import UTC

import grpc
from rejesha.billing.v1 import retention_service_pb2 as pb
from rejesha.billing.v1 import retention_service_pb2_grpc
from servicekit.retention import InvalidRetention
from sqlalchemy import Engine

from billing.accounts.errors import InvalidChange
from billing.changes.rules import Author
from billing.paging import last_id
from billing.retention import service
from billing.retention.rules import RecordKind

_KINDS = {pb.RecordKind.Value(f"RECORD_KIND_{kind.name}"): kind for kind in RecordKind}


class RetentionServicer(retention_service_pb2_grpc.RetentionServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def PurgeRecords(self, request: pb.PurgeRecordsRequest, context: grpc.ServicerContext) -> pb.PurgeRecordsResponse:
        if request.kind not in _KINDS or not request.HasField("before"):
            raise InvalidRetention("kind and before: both must be named")
        before = request.before.ToDatetime(tzinfo=UTC)
        after_id = last_id(request.page_token)
        bite = service.purge(self._engine, _KINDS[request.kind], before, after_id, request.max_rows)
        return pb.PurgeRecordsResponse(deleted=bite.deleted, next_page_token=str(bite.last_id or ""))

    def EraseCustomer(
        self, request: pb.EraseCustomerRequest, context: grpc.ServicerContext
    ) -> pb.EraseCustomerResponse:
        author = Author(request.actor.strip(), request.reason.strip())
        if not 1 <= len(author.actor) <= 100 or not 1 <= len(author.reason) <= 255:
            raise InvalidChange("actor: 1 to 100 characters; reason: 1 to 255")
        trans_ids = service.erase(self._engine, request.customer_id, author, validate_only=request.validate_only)
        return pb.EraseCustomerResponse(trans_ids=trans_ids)
