"""The operator's way to turn a quarantined callback into a payment after all."""

from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Request

from gateway.callbacks import answers
from gateway.callbacks.answers import JsonResponse
from gateway.callbacks.parsing import MalformedCallback, Payment, parse_callback
from gateway.callbacks.requests import read_body, refuse
from gateway.clients.billing import KeptCallback, Receipt
from gateway.errors import CallFailed, NotFound, Refused
from gateway.intake import Intake
from gateway.operations import schemas
from gateway.operations.tokens import require_token

log = structlog.get_logger()

router = APIRouter(tags=["operator"], dependencies=[Depends(require_token)])

# Outcomes after which the callback is still nobody's payment, so that it stays open.
_STILL_OPEN = {"conflict", "quarantined"}

CallbackId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/quarantine/{callback_id}/replay", **schemas.REPLAY)
async def replay(request: Request, callback_id: CallbackId) -> JsonResponse:
    """Reads a kept callback again, or the corrected one in the body, and records it as a payment. Safe to repeat."""
    intake: Intake = request.app.state.intake
    corrected = await read_body(request)
    if corrected.truncated:
        raise refuse(413, "body: too long")
    try:
        kept = await _open_callback(intake, callback_id)
        payment = _parse(corrected.content or kept.callback_body, kept.source_address)
        receipt = await _record(intake, callback_id, payment)
    except (CallFailed, TimeoutError) as error:
        log.warning("replay_unfinished", callback_id=callback_id, cause=str(error) or type(error).__name__)
        raise refuse(503, "billing did not finish it; repeating is safe", retry_after=5) from None
    log.info("callback_replayed", callback_id=callback_id, trans_id=receipt.trans_id, outcome=receipt.outcome)
    return JsonResponse(answers.recorded(receipt, datetime.now(UTC)))


async def _open_callback(intake: Intake, callback_id: int) -> KeptCallback:
    try:
        kept = await intake.billing.get_kept_callback(callback_id)
    except NotFound:
        raise refuse(404, "No such callback in quarantine") from None
    if kept.state != "open":
        raise refuse(409, f"It was {kept.state} before" + (f" as {kept.trans_id}" if kept.trans_id else ""))
    return kept


def _parse(body: bytes, source_address: str) -> Payment:
    try:
        return parse_callback(body, source_address)
    except MalformedCallback as malformed:
        raise refuse(400, malformed.fault) from None


async def _record(intake: Intake, callback_id: int, payment: Payment) -> Receipt:
    if intake.spool.holds(payment.trans_id):
        raise refuse(503, "A callback of this payment waits in the spool; repeat it afterwards", retry_after=5)
    try:
        receipt = await intake.recorder.submit(payment)
    except Refused as error:
        raise refuse(400, f"payment: {error.detail or error.reason}") from None
    if receipt.outcome not in _STILL_OPEN:
        await intake.billing.resolve(callback_id, receipt.trans_id, "replayed through the gateway")
    return receipt
