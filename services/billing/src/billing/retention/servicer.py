"""RetentionService."""

from datetime import UTC

import grpc
from rejesha.billing.v1 import retention_service_pb2 as pb
from rejesha.billing.v1 import retention_service_pb2_grpc
from servicekit.retention import InvalidRetention
from sqlalchemy import Engine

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
