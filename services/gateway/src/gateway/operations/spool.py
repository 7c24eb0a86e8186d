"""What operators see of the spool: counts and heads. Never a body."""

from dataclasses import asdict

from fastapi import APIRouter, Depends, Request

from gateway.callbacks.answers import Body, JsonResponse, timestamp
from gateway.callbacks.requests import refuse
from gateway.operations import schemas
from gateway.operations.tokens import require_token
from gateway.spool import trouble
from gateway.spool.breaker import Breaker
from gateway.spool.database import DiskFailed
from gateway.spool.entries import Entry
from gateway.spool.spool import Spool

router = APIRouter(tags=["operator"], dependencies=[Depends(require_token)])

_MAX_SHOWN = 50


@router.get("/spool", **schemas.SPOOL)
async def show_spool(request: Request) -> JsonResponse:
    """What waits on this gateway's disk for billing, oldest first, and how the disk is."""
    intake = request.app.state.intake
    try:
        entries = await intake.spool.heads(_MAX_SHOWN)
    except DiskFailed as error:
        raise refuse(503, f"The spool cannot be read: {error}") from None
    return JsonResponse(
        {
            **describe(intake.spool, intake.breaker),
            "billing": "away" if intake.breaker.is_open else "reachable",
            "counters": asdict(intake.spool.counters),
            "callbacks": [_head(entry) for entry in entries],
        }
    )


def describe(spool: Spool, breaker: Breaker) -> Body:
    """The spool's state, as GET /health shows it."""
    state = spool.state
    found = trouble.waiting(state, breaker)
    return {
        "state": state.word,
        "waiting": state.waiting,
        "deferred": state.deferred,
        "bytes": state.size,
        "oldest": timestamp(state.oldest) if state.oldest else None,
        "rejected": state.rejected,
        "cause": found.cause if found else None,
    }


def _head(entry: Entry) -> Body:
    callback = entry.callback
    return {
        "receivedAt": timestamp(callback.received),
        "state": "rejected" if entry.rejected else "deferred" if entry.deferrals else "waiting",
        "transactionId": callback.trans_id or None,
        "fault": callback.fault or entry.note or None,
        "sourceAddress": callback.source_address or None,
        "bytes": len(callback.body),
    }
