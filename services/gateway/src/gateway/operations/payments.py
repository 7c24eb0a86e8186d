"""The operator's question: what became of this payment?"""

import re
from typing import TYPE_CHECKING, Annotated

import grpc
import structlog
from fastapi import APIRouter, Depends, Path, Request
from rejesha.notify.v1 import notify_service_pb2

from gateway.callbacks.answers import JsonResponse
from gateway.callbacks.requests import refuse
from gateway.errors import CallFailed, NotFound, from_rpc
from gateway.operations import schemas, timeline
from gateway.operations.tokens import require_token

if TYPE_CHECKING:
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub

log = structlog.get_logger()

router = APIRouter(tags=["operator"], dependencies=[Depends(require_token)])

_TRANS_ID = re.compile(r"[A-Z0-9]{1,50}", re.ASCII)
_NOTIFY_SECONDS = 3.0
_MAX_MESSAGES = 500


@router.get("/payments/{TransID}", **schemas.TIMELINE)
async def get_payment(request: Request, trans_id: Annotated[str, Path(alias="TransID")]) -> JsonResponse:
    """A payment's whole story: what it is, and step by step what was done about it."""
    intake = request.app.state.intake
    wanted = trans_id.strip().upper()
    if not _TRANS_ID.fullmatch(wanted):
        raise refuse(404, "No such payment")
    try:
        payment = await intake.billing.get_payment(wanted)
    except CallFailed as error:
        if intake.spool.holds(wanted):
            raise refuse(503, "It waits in the spool, billing does not have it yet", retry_after=5) from None
        if isinstance(error, NotFound):
            raise refuse(404, "No such payment") from None
        raise refuse(503, f"billing cannot be asked right now ({error.reason})", retry_after=5) from None
    messages, notes = await _messages(intake.notify, wanted)
    return JsonResponse(timeline.compose(payment, messages, notes))


async def _messages(notify: "NotifyServiceAsyncStub", trans_id: str) -> timeline.Messages:
    """The payment's messages, or None and why they are missing."""
    request = notify_service_pb2.ListMessagesRequest(subject=trans_id, page_size=_MAX_MESSAGES)
    try:
        response = await notify.ListMessages(request, timeout=_NOTIFY_SECONDS)
    except grpc.aio.AioRpcError as error:
        reason = from_rpc("notify", error).reason
        log.warning("messages_not_listed", trans_id=trans_id, reason=reason)
        return None, [f"notify cannot be asked right now ({reason}): its messages are missing here"]
    notes = [f"only the newest {_MAX_MESSAGES} messages are shown"] if response.next_page_token else []
    return response.messages, notes
