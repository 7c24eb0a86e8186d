"""Puts the gateway together: routes, error answers, and what starts and stops with the process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from gateway.batching import Batcher
from gateway.callbacks import routes as callbacks
from gateway.callbacks.answers import JsonResponse
from gateway.callbacks.door import CallbackDoor
from gateway.callbacks.ordering import Turns
from gateway.callbacks.requests import AnswerNow, refuse
from gateway.callbacks.service import Recording
from gateway.callbacks.sources import Sources
from gateway.clients.billing import Billing
from gateway.clients.channels import Clients, Targets
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.service import Dispatcher, owner
from gateway.errors import Unavailable
from gateway.intake import Intake
from gateway.lifecycle import Lifecycle
from gateway.middleware import FaultMiddleware
from gateway.operations import health, payments, quarantine
from gateway.operations import spool as spool_status
from gateway.operations.alarm import Alarm, AlarmPace
from gateway.operations.counts import Counts
from gateway.spool.breaker import Breaker
from gateway.spool.drain import Drain, DrainPace
from gateway.spool.spool import Spool
from gateway.spool.store import Store

log = structlog.get_logger()

_DESCRIPTION = "Takes M-Pesa's C2B callbacks in; 200 means that the payment is stored for good."


@dataclass(frozen=True)
class Plan:
    """What this process is to be. Times in seconds. Who takes in needs a store, which is closed at the end."""

    targets: Targets
    takes_in: bool
    dispatches: bool
    sources: Sources = field(default_factory=Sources)
    api_token: str = ""
    # M-Pesa waits about 8 s for a validation; no limit for a confirmation is known.
    intake_deadline: float = 5.0
    validation_deadline: float = 3.0
    dispatch_limits: DispatchLimits = field(default_factory=DispatchLimits)
    store: Store | None = None
    drain_pace: DrainPace = field(default_factory=DrainPace)
    admin_phones: Sequence[str] = ()
    alarm_pace: AlarmPace = field(default_factory=AlarmPace)


def create_app(plan: Plan, lifecycle: Lifecycle) -> ASGIApp:
    """What the server runs. Everything that needs an event loop is made when it starts."""
    api = create_api(plan, lifecycle)
    return CallbackDoor(api) if plan.takes_in else api


def create_api(plan: Plan, lifecycle: Lifecycle) -> FastAPI:
    """Every route, as OpenAPI describes it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(app, plan, lifecycle):
            yield

    app = FastAPI(title="Rejesha gateway", version="1", description=_DESCRIPTION, lifespan=lifespan)
    app.state.lifecycle = lifecycle
    app.include_router(health.router)
    if plan.takes_in:
        app.include_router(callbacks.router)
        app.include_router(payments.router)
        app.include_router(quarantine.router)
        app.include_router(spool_status.router)
    app.add_middleware(FaultMiddleware)
    app.add_exception_handler(AnswerNow, _answer_now)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    return app


@asynccontextmanager
async def _running(app: FastAPI, plan: Plan, lifecycle: Lifecycle) -> AsyncIterator[None]:
    clients = Clients.connect(plan.targets)
    intake = _intake(plan, clients, lifecycle.stopping) if plan.takes_in else None
    app.state.clients, app.state.intake = clients, intake
    work = []
    if plan.dispatches:
        dispatcher = Dispatcher(clients, owner(), lifecycle.stopping, plan.dispatch_limits)
        work += [asyncio.create_task(dispatcher.run())]
    if intake:
        work += [asyncio.create_task(intake.drain.run()), asyncio.create_task(intake.alarm.run(lifecycle.stopping))]
    lifecycle.started = True
    log.info("gateway_ready", takes_in=plan.takes_in, dispatches=plan.dispatches)
    try:
        yield
    finally:
        lifecycle.stopping.set()
        await asyncio.gather(*work)
        if intake:
            await intake.close()
        await clients.close()
        log.info("gateway_stopped")


def _intake(plan: Plan, clients: Clients, stopping: asyncio.Event) -> Intake:
    assert plan.store
    billing = Billing(
        clients.payments,
        clients.quarantine,
        intake_deadline=plan.intake_deadline,
        validation_deadline=plan.validation_deadline,
    )
    recorder = Batcher(billing.record, deadline=plan.intake_deadline)
    # Who stands in the queue then need not wait to find out as well.
    breaker = Breaker(on_trip=lambda cause: recorder.give_back(Unavailable("billing", cause)))
    spool = Spool(plan.store)
    if spool.state.waiting:
        breaker.trip("SPOOL_NOT_EMPTY")  # as it was when we stopped; the drain finds out
    return Intake(
        sources=plan.sources,
        api_token=plan.api_token,
        billing=billing,
        notify=clients.notify,
        recorder=recorder,
        validator=Batcher(billing.validate, deadline=plan.validation_deadline),
        spool=spool,
        breaker=breaker,
        recording=Recording(billing, recorder, spool, breaker, Turns(), plan.drain_pace.first_deferral),
        drain=Drain(spool, billing, breaker, stopping, plan.drain_pace),
        alarm=Alarm(spool, breaker, clients.notify, plan.admin_phones, socket.gethostname(), plan.alarm_pace),
        counts=Counts(billing),
    )


async def _answer_now(_request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, AnswerNow)
    return error.response


async def _no_route(_request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, HTTPException)
    answer = refuse(error.status_code, str(error.detail)).response
    answer.headers.update(error.headers or {})
    return answer


async def _bad_parameter(_request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, RequestValidationError)
    places = {".".join(str(part) for part in fault["loc"]) for fault in error.errors()}
    return refuse(422, f"{', '.join(sorted(places))}: wrong").response
