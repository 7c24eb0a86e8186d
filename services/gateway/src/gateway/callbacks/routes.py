"""The routes that M-Pesa posts to: confirmations and validations."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request

from gateway.callbacks import answers
from gateway.callbacks.addresses import PATHS, Kind
from gateway.callbacks.answers import JsonResponse
from gateway.callbacks.parsing import MAX_BODY_BYTES, MalformedCallback, parse_callback
from gateway.callbacks.requests import AnswerNow, ReadBody, admit, read_body, refuse
from gateway.clients.billing import Receipt
from gateway.errors import CallFailed, NotSpooled, Refused
from gateway.intake import Intake
from gateway.operations import schemas
from gateway.spool.callback import Callback

log = structlog.get_logger()

router = APIRouter(tags=["callbacks"])

_UNKNOWN_ADDRESS = "address: neither a confirmation's nor a validation's; replay it only if M-Pesa has the payment"


def _intake(request: Request) -> Intake:
    return request.app.state.intake  # type: ignore[no-any-return]


async def confirm(request: Request, secret: str = "") -> JsonResponse:
    """Takes a confirmation: 200 means that the payment is stored for good, whatever became of it."""
    intake = _intake(request)
    source = admit(request, intake.sources, secret)
    body = await read_body(request)
    try:
        receipt = await _record(intake, body, source)
    except MalformedCallback as malformed:
        return await _keep_aside(intake, body, malformed, source)
    return JsonResponse(answers.recorded(receipt, datetime.now(UTC)))


async def validate(request: Request, secret: str = "") -> JsonResponse:
    """Says whether M-Pesa should take a payment. In doubt yes: money held beats money refused."""
    intake = _intake(request)
    source = admit(request, intake.sources, secret)
    body = await read_body(request)
    try:
        verdict = await intake.validator.submit(parse_callback(body.content, source))
    except MalformedCallback as malformed:
        log.warning("validation_malformed", fault=malformed.fault, source=source)
        bad_amount = malformed.field == "TransAmount"
        return JsonResponse(
            answers.refused_by_code(answers.INVALID_AMOUNT) if bad_amount else answers.accepted_by_code()
        )
    except (CallFailed, TimeoutError) as error:
        log.warning("validation_unanswered", cause=str(error) or type(error).__name__)
        return JsonResponse(answers.accepted_by_code())
    return JsonResponse(answers.verdict(verdict))


async def hold(request: Request, secret: str = "") -> JsonResponse:
    """Keeps what comes to an unknown address with a live secret: there may be money in it, paid or not yet."""
    intake = _intake(request)
    source = admit(request, intake.sources, secret)
    body = await read_body(request)
    malformed = MalformedCallback("address", _UNKNOWN_ADDRESS, worth_keeping=bool(body.content.strip()))
    return await _keep_aside(intake, body, malformed, source, status=404)


async def _record(intake: Intake, body: ReadBody, source: str) -> Receipt:
    if body.truncated:
        raise MalformedCallback("body", f"body: longer than {MAX_BODY_BYTES} bytes")
    payment = parse_callback(body.content, source, datetime.now(UTC))
    try:
        return await intake.recording.record(payment)
    except Refused as error:
        raise MalformedCallback("payment", f"payment: {error.detail or error.reason}") from None
    except NotSpooled as error:
        raise _not_stored(payment.trans_id, error) from None


def _not_stored(trans_id: str, error: NotSpooled) -> AnswerNow:
    """The one place where a payment is turned away, because neither billing nor the spool could store it."""
    log.error("payment_not_stored", trans_id=trans_id, cause=str(error))
    return refuse(503, "The payment could not be stored; send it again", retry_after=5)


async def _keep_aside(
    intake: Intake, body: ReadBody, malformed: MalformedCallback, source: str, *, status: int = 400
) -> JsonResponse:
    callback_id = None
    if malformed.worth_keeping:
        callback = Callback(
            body.content, source, datetime.now(UTC), fault=malformed.fault[:255], truncated=body.truncated
        )
        try:
            callback_id = await intake.recording.keep(callback)
        except NotSpooled as error:
            # There may be money in it: the sender must not believe that we have it.
            log.error("callback_not_kept", fault=malformed.fault, cause=str(error))  # noqa: TRY400
            raise refuse(503, "The callback could not be kept; send it again", retry_after=5) from None
    log.warning("callback_malformed", fault=malformed.fault, callback_id=callback_id, source=source)
    answer = answers.rejected(malformed.fault, datetime.now(UTC), quarantine_id=callback_id)
    return JsonResponse(answer, 413 if body.truncated else status)


Handler = Callable[[Request, str], Awaitable[JsonResponse]]

# Each path is also taken with a secret behind it. `gateway.callbacks.door` looks here too.
HANDLERS: dict[Kind, Handler] = {
    Kind.CONFIRMATION: confirm,
    Kind.VALIDATION: validate,
    Kind.UNCLEAR: hold,
}


def _register(path: str, handler: Handler) -> None:
    described = schemas.VALIDATION if handler is validate else schemas.CONFIRMATION

    async def without_secret(request: Request) -> JsonResponse:
        return await handler(request, "")

    async def with_secret(request: Request, secret: str) -> JsonResponse:
        return await handler(request, secret)

    name = path.strip("/").replace("/", "_")
    router.post(path, name=name, description=handler.__doc__, **described)(without_secret)
    with_path = f"{path}/{{secret}}"
    router.post(with_path, name=f"{name}_with_secret", description=handler.__doc__, **described)(with_secret)


for path, kind in PATHS.items():
    _register(path, HANDLERS[kind])
