"""QuarantineService."""

import grpc
from rejesha.billing.v1 import quarantine_service_pb2 as pb
from rejesha.billing.v1 import quarantine_service_pb2_grpc
from sqlalchemy import Engine

from billing.paging import last_id, next_token, page_size
from billing.payments.rules import check_batch
from billing.payments.servicer import checked_trans_id
from billing.policy import Policy
from billing.quarantine import service
from billing.quarantine.errors import InvalidCallback
from billing.quarantine.rules import (
    MAX_BODY_BYTES,
    MAX_KEY_LENGTH,
    NewCallback,
    QuarantinedCallback,
    QuarantineState,
)

_STATES = {state: pb.QuarantineState.Value(f"QUARANTINE_STATE_{state.name}") for state in QuarantineState}
_STATES_BACK = {number: state for state, number in _STATES.items()}


class QuarantineServicer(quarantine_service_pb2_grpc.QuarantineServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def QuarantineCallbacks(
        self, request: pb.QuarantineCallbacksRequest, context: grpc.ServicerContext
    ) -> pb.QuarantineCallbacksResponse:
        check_batch(len(request.callbacks))
        kept = service.keep(self._engine, self._policy, [_read(message) for message in request.callbacks])
        return pb.QuarantineCallbacksResponse(callback_ids=kept)

    def GetQuarantinedCallback(
        self, request: pb.GetQuarantinedCallbackRequest, context: grpc.ServicerContext
    ) -> pb.GetQuarantinedCallbackResponse:
        callback = service.get(self._engine, request.callback_id)
        return pb.GetQuarantinedCallbackResponse(callback=_message(callback))

    def ListQuarantinedCallbacks(
        self, request: pb.ListQuarantinedCallbacksRequest, context: grpc.ServicerContext
    ) -> pb.ListQuarantinedCallbacksResponse:
        limit = page_size(request.page_size)
        state = _STATES_BACK.get(request.state)
        callbacks = service.list_newest(self._engine, state, last_id(request.page_token), limit)
        return pb.ListQuarantinedCallbacksResponse(
            callbacks=[_message(callback) for callback in callbacks],
            next_page_token=next_token([callback.callback_id for callback in callbacks], limit),
        )

    def ResolveQuarantinedCallback(
        self, request: pb.ResolveQuarantinedCallbackRequest, context: grpc.ServicerContext
    ) -> pb.ResolveQuarantinedCallbackResponse:
        trans_id = checked_trans_id(request.trans_id) if request.trans_id.strip() else ""
        callback = service.resolve(self._engine, request.callback_id, trans_id, request.note)
        message = _message(callback)
        message.ClearField("callback_body")
        return pb.ResolveQuarantinedCallbackResponse(callback=message)


def _read(message: pb.QuarantinedCallback) -> NewCallback:
    if not 1 <= len(message.idempotency_key) <= MAX_KEY_LENGTH:
        raise InvalidCallback(f"idempotency_key: 1 to {MAX_KEY_LENGTH} characters")
    body = message.callback_body
    truncated = message.truncated or len(body) > MAX_BODY_BYTES
    return NewCallback(message.idempotency_key, body[:MAX_BODY_BYTES], message.fault, message.source_address, truncated)


def _message(callback: QuarantinedCallback) -> pb.QuarantinedCallback:
    return pb.QuarantinedCallback(
        callback_id=callback.callback_id,
        callback_body=callback.callback_body,
        truncated=callback.truncated,
        fault=callback.fault,
        source_address=callback.source_address,
        create_time=callback.create_time,
        state=_STATES[callback.state],
        trans_id=callback.trans_id,
        note=callback.note,
    )
