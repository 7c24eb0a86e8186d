"""What OpenAPI says of the routes: shapes only. The bodies are made by callbacks.answers and operations.timeline."""

from typing import Any, Literal

from pydantic import BaseModel, Field

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


class Alive(BaseModel):
    """A probe's answer."""

    status: str


class SpoolState(BaseModel):
    """What waits on this gateway's disk for billing."""

    state: Literal["ok", "draining", "full", "failing"]
    waiting: int
    deferred: int = Field(description="Of those: put off, because billing could not record them yet")
    bytes: int
    oldest: str | None = Field(description="When the oldest one was received")
    rejected: int = Field(description="What nobody takes, kept for an operator; damaged files are counted, too")
    cause: str | None = Field(description="Why callbacks wait, in words; null when none does")


class SpooledCallback(BaseModel):
    """A callback without its body. `fault`: why it is for the quarantine, or was rejected."""

    receivedAt: str  # noqa: N815
    state: Literal["waiting", "deferred", "rejected"]
    transactionId: str | None  # noqa: N815
    fault: str | None
    sourceAddress: str | None  # noqa: N815
    bytes: int


class SpoolContent(SpoolState):
    """The spool's state, what happened since the process started, and the oldest callbacks."""

    billing: Literal["reachable", "away"] = Field(description="Away: new callbacks go straight to the spool")
    counters: dict[str, int]
    callbacks: list[SpooledCallback]


class WaitingForPeople(BaseModel):
    """What waits for a person, in billing."""

    openCallbacks: int = Field(description="In quarantine, neither replayed nor dismissed")  # noqa: N815
    unmatchedPayments: int = Field(description="Held until they are assigned")  # noqa: N815


class Health(BaseModel):
    """The predecessor's keys, and one state for each service. Never "healthy" while money waits unseen: in the spool,
    or in the quarantine.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    database: Literal["connected", "disconnected"] = Field(description="As billing sees it")
    service: str
    services: dict[str, Literal["serving", "not_serving", "unreachable"]]
    spool: SpoolState | None = Field(None, description="Absent where no callbacks are taken in")
    waiting: WaitingForPeople | None = Field(None, description="As of some seconds ago; null when billing is away")
    timestamp: str
    error: str | None = None


class PaymentFacts(BaseModel):
    """A payment as the ledger holds it."""

    transactionId: str  # noqa: N815
    amount: str = Field(description="In shillings, two decimals", examples=["1000.00"])
    currency: Literal["KES"]
    shortcode: str
    reference: str
    assignedReference: str | None  # noqa: N815
    firstName: str  # noqa: N815
    transTime: str  # noqa: N815
    receivedAt: str | None  # noqa: N815
    outcome: str
    reason: str | None
    ispId: int | None  # noqa: N815
    customerId: int | None  # noqa: N815


class Event(BaseModel):
    """One thing that happened."""

    time: str
    source: Literal["mpesa", "billing", "task", "notify"]
    event: str
    message: str
    details: Any


class PaymentStory(BaseModel):
    """A payment and everything that happened to it, in order."""

    payment: PaymentFacts
    timeline: list[Event]
    tasks: list[Json]
    deliveries: list[Json]
    messages: list[Json] | None = Field(description="null when notify could not be asked")
    notes: list[str]


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

_READING = {
    400: {"model": Rejected, "description": "Malformed: `error` names the fault"},
    403: {"model": Rejected, "description": "The sender may not send callbacks"},
    408: {"model": Rejected, "description": "The body did not arrive in time"},
    413: {"model": Rejected, "description": "The body is longer than 64 KiB; its beginning was kept"},
    500: {"model": Rejected, "description": "A fault of the gateway"},
}
_STORING = {503: {"model": Rejected, "description": "It could not be stored: send it again"}}
_OPERATOR = {
    401: {"model": Rejected, "description": "The bearer token is missing or wrong"},
    404: {"model": Rejected, "description": "There is no such thing"},
    500: _READING[500],
    503: {"model": Rejected, "description": "billing cannot be asked right now"},
}

CONFIRMATION: Json = {
    "response_model": Recorded,
    "responses": {**_READING, **_STORING},
    "openapi_extra": {"requestBody": CALLBACK_BODY},
}
VALIDATION: Json = {
    "response_model": ValidationAnswer,
    "responses": {status: _READING[status] for status in (400, 403, 408, 500)},
    "openapi_extra": {"requestBody": CALLBACK_BODY},
}
TIMELINE: Json = {"response_model": PaymentStory, "responses": _OPERATOR}
REPLAY: Json = {
    "response_model": Recorded,
    "responses": {
        **_OPERATOR,
        400: _READING[400],
        408: _READING[408],
        409: {"model": Rejected, "description": "It was replayed or dismissed before"},
        413: {"model": Rejected, "description": "The corrected body is longer than 64 KiB"},
        422: {"model": Rejected, "description": "The id is not a number"},
    },
    "openapi_extra": {
        "requestBody": {
            **CALLBACK_BODY,
            "required": False,
            "description": "The corrected callback; without a body the kept one is read again",
        }
    },
}
SPOOL: Json = {
    "response_model": SpoolContent,
    "responses": {
        401: _OPERATOR[401],
        500: _READING[500],
        503: {"model": Rejected, "description": "The spool cannot be read"},
    },
}
HEALTH: Json = {
    "response_model": Health,
    "responses": {503: {"model": Health, "description": "billing cannot store payments"}, 500: _READING[500]},
}
READY: Json = {
    "response_model": Alive,
    "responses": {
        503: {"model": Alive, "description": "Starting or stopping, or no payment could be stored"},
        500: _READING[500],
    },
}
