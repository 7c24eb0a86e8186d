"""What OpenAPI says of the operator's routes and the probes: shapes only. The modules beside it make the bodies."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.callbacks.schemas import CALLBACK_BODY, READING, Recorded, Rejected

Json = dict[str, Any]


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

    receiveTime: str  # noqa: N815
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
    receiveTime: str | None  # noqa: N815
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


class PaymentTimeline(BaseModel):
    """A payment and everything that happened to it, in order."""

    payment: PaymentFacts
    timeline: list[Event]
    tasks: list[Json]
    deliveries: list[Json]
    messages: list[Json] | None = Field(description="null when notify could not be asked")
    notes: list[str]


class CustomerFacts(BaseModel):
    """A customer as on record."""

    customerId: int  # noqa: N815
    account: str
    fullName: str | None  # noqa: N815
    phone: str | None
    package: str | None = Field(description="The price of a period in shillings, two decimals")
    packageName: str | None = Field(description="Which of the ISP's packages; null: none")  # noqa: N815
    period: str | None = Field(description="What the price pays for", examples=["1 month"])
    ispId: int | None  # noqa: N815
    routerId: int | None  # noqa: N815
    username: str | None
    nextPaymentDate: str | None = Field(description="Paid until this day, YYYY-MM-DD")  # noqa: N815
    status: str | None
    closed: bool


class CustomerTimeline(BaseModel):
    """A customer and what happened to them, newest first: payments, changes, routers' answers, messages."""

    customer: CustomerFacts
    timeline: list[Event]
    messages: list[Json] | None = Field(description="To the number on record; null when notify could not be asked")
    notes: list[str]


_OPERATOR = {
    401: {"model": Rejected, "description": "The bearer token is missing or wrong"},
    404: {"model": Rejected, "description": "There is no such thing"},
    500: READING[500],
    503: {"model": Rejected, "description": "billing cannot be asked right now"},
}

TIMELINE: Json = {"response_model": PaymentTimeline, "responses": _OPERATOR}
CUSTOMER: Json = {"response_model": CustomerTimeline, "responses": _OPERATOR}
REPLAY: Json = {
    "response_model": Recorded,
    "responses": {
        **_OPERATOR,
        400: READING[400],
        408: READING[408],
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
        500: READING[500],
        503: {"model": Rejected, "description": "The spool cannot be read"},
    },
}
HEALTH: Json = {
    "response_model": Health,
    "responses": {503: {"model": Health, "description": "billing cannot store payments"}, 500: READING[500]},
}
READY: Json = {
    "response_model": Alive,
    "responses": {
        503: {"model": Alive, "description": "Starting or stopping, or no payment could be stored"},
        500: READING[500],
    },
}
