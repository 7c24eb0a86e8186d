"""What OpenAPI says of M-Pesa's routes: shapes only.

The routes here are never served: they only describe those of gateway.callbacks.routes and validation.
"""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.callbacks import routes, validation

Json = dict[str, Any]


class ProcessingResult(BaseModel):
    """What became of a payment. `success`: the money is where it belongs; otherwise it is held."""

    outcome: str = Field(
        examples=["customer_paid"], description='"spooled": safe on our disk, billing decides when it is back'
    )
    success: bool
    repeated: bool = Field(description="True when this was not the first delivery of the payment")
    reason: str | None = Field(None, description="Why the money is held", examples=["user_not_found"])
    ispId: int | None = None  # noqa: N815
    customerId: int | None = None  # noqa: N815


class Recorded(BaseModel):
    """The payment is stored for good."""

    ResultCode: Literal[0]
    ResultDesc: Literal["Accepted"]
    success: Literal[True]
    processed: Literal[True]
    transactionId: str  # noqa: N815
    processingResult: ProcessingResult  # noqa: N815
    timestamp: str


class Rejected(BaseModel):
    """Nothing was recorded as a payment; `error` says why."""

    ResultCode: Literal[1]
    ResultDesc: Literal["Rejected"]
    success: Literal[False]
    error: str
    timestamp: str
    quarantineId: int | None = Field(None, description="The kept body, for an operator to replay")  # noqa: N815


class ValidationAnswer(BaseModel):
    """What M-Pesa is told before it takes the money."""

    ResultCode: Literal["0", "C2B00012", "C2B00013", "C2B00015"]
    ResultDesc: Literal["Accepted", "Rejected"]


_TEXT_OR_NUMBER: Json = {"oneOf": [{"type": "string"}, {"type": "number"}]}
_SHILLINGS = {
    "oneOf": [
        {"type": "string", "pattern": r"^(KES )?([1-9][0-9]{0,8}|[1-9][0-9]{0,2}(,[0-9]{3}){1,2})(\.[0-9]{2})?$"},
        {"type": "integer", "minimum": 1, "maximum": 9_999_999_999},
    ]
}

CALLBACK_BODY: Json = {
    "required": True,
    "description": (
        "M-Pesa's C2B body, at most 64 KiB. Read tolerantly, whatever the content type: keys in any case, amounts as "
        'text or number ("1,000.00", "KES 1000", 1000.5), names absent or null, MSISDN whole, masked or hashed.'
    ),
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["TransID", "TransAmount"],
                "properties": {
                    "TransID": {"type": "string", "pattern": "^[A-Za-z0-9]{1,50}$"},
                    "TransAmount": _SHILLINGS,
                    "BusinessShortCode": _TEXT_OR_NUMBER,
                    "BillRefNumber": _TEXT_OR_NUMBER,
                    "TransactionType": {"type": "string"},
                    "TransTime": {"type": "string"},
                    "InvoiceNumber": {"type": "string"},
                    "OrgAccountBalance": {"type": "string"},
                    "ThirdPartyTransID": {"type": "string"},
                    "MSISDN": {"type": "string"},
                    "FirstName": {"type": "string"},
                },
                "example": {
                    "TransactionType": "Pay Bill",
                    "TransID": "SAMPLE0001",
                    "TransTime": "20260131120000",
                    "TransAmount": "1000.00",
                    "BusinessShortCode": "600000",
                    "BillRefNumber": "0949AQ",
                    "MSISDN": "2547 ***** 126",
                    "FirstName": "Sample",
                },
            }
        }
    },
}

READING = {
    400: {"model": Rejected, "description": "Malformed: `error` names the fault"},
    403: {"model": Rejected, "description": "The sender may not send callbacks"},
    408: {"model": Rejected, "description": "The body did not arrive in time"},
    413: {"model": Rejected, "description": "The body is longer than 64 KiB; its beginning was kept"},
    500: {"model": Rejected, "description": "A fault of the gateway"},
}
_STORING = {503: {"model": Rejected, "description": "It could not be stored: send it again"}}

CONFIRMATION: Json = {
    "response_model": Recorded,
    "responses": {**READING, **_STORING},
    "openapi_extra": {"requestBody": CALLBACK_BODY},
}
VALIDATION: Json = {
    "response_model": ValidationAnswer,
    "responses": {status: READING[status] for status in (400, 403, 408, 500)},
    "openapi_extra": {"requestBody": CALLBACK_BODY},
}


def described() -> APIRouter:
    """Each of a callback's addresses, also with a secret behind it, for OpenAPI alone."""
    router = APIRouter(tags=["callbacks"])
    for path in routes.PATHS:
        _describe(router, path, description=routes.confirm.__doc__, **CONFIRMATION)
    for path in validation.PATHS:
        _describe(router, path, description=validation.validate.__doc__, **VALIDATION)
    return router


def _describe(router: APIRouter, path: str, **shapes: Any) -> None:
    name = path.strip("/").replace("/", "_")
    router.post(path, name=name, **shapes)(_without_secret)
    router.post(f"{path}/{{secret}}", name=f"{name}_with_secret", **shapes)(_with_secret)


async def _without_secret() -> None:
    raise NotImplementedError


async def _with_secret(secret: str) -> None:
    raise NotImplementedError
