"""Puts the gateway together: routes, error answers, and what starts and stops with the process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from gateway.batching import Batcher
from gateway.callbacks import routes as callback_routes
from gateway.callbacks import schemas, validation
from gateway.callbacks.odd_addresses import OddAddressRoute
from gateway.callbacks.routes import routes_of
from gateway.callbacks.rules import Sources
from gateway.callbacks.service import CallbackService
from gateway.clients.billing import Billing
from gateway.clients.channels import Clients, Targets
from gateway.clients.customers import Customers
from gateway.clients.notify import Notify
from gateway.clients.operations import Operations
from gateway.clients.quarantine import Quarantine
from gateway.clients.validation import Validation
from gateway.dispatcher.limits import DispatchLimits
from gateway.dispatcher.service import Dispatcher, owner
from gateway.operations import health, measuring, routes
from gateway.operations.alarm import Alarm, AlarmPace
from gateway.operations.health import WaitingCounts
from gateway.refusals import answer_errors
from gateway.spool.drain import Drain, DrainPace
from gateway.spool.service import Spool
from gateway.spool.sharing import SharedDirectory, take_over
from gateway.spool.store import Store

log = structlog.get_logger()

_DESCRIPTION = "Takes M-Pesa's C2B callbacks in; 200 means that the payment is stored for good."


class Lifecycle:
    """Where a process is between its start and its end; `stopping` is set once and never cleared."""

    def __init__(self) -> None:
        self.started = False
        self.stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether new work should come here."""
        return self.started and not self.stopping.is_set()


@dataclass(frozen=True)
class Plan:
    """What this process is to be. Times in seconds. Who takes in needs a store, which is closed at the end; `shared` is
    where it is, if other gateways keep theirs beside it.
    """

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
    shared: SharedDirectory | None = None
    drain_pace: DrainPace = field(default_factory=DrainPace)
    admin_phones: Sequence[str] = ()
    alarm_pace: AlarmPace = field(default_factory=AlarmPace)


class _Operators(FastAPI):
    """The routes of operators and probes."""

    def openapi(self) -> dict[str, Any]:
        """Every route, M-Pesa's among them."""
        if not self.openapi_schema:
            described = schemas.described().routes if self.state.takes_in else []
            self.openapi_schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=[*described, *self.routes],
            )
        return self.openapi_schema


def create_app(plan: Plan, lifecycle: Lifecycle) -> Starlette:
    """What the server runs. Everything that needs an event loop is made when it starts.

    Callbacks do not pass through FastAPI: what it does around a handler takes a sixth of the gateway's CPU.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _running(app, plan, lifecycle):
            yield

    operators = _Operators(title="Rejesha gateway", version="1", description=_DESCRIPTION)
    callbacks = _callbacks(plan.sources) if plan.takes_in else []
    app = Starlette(routes=[*callbacks, Mount("/", operators)], lifespan=lifespan)
    app.state = operators.state
    app.state.lifecycle, app.state.takes_in = lifecycle, plan.takes_in
    app.state.sources, app.state.api_token = plan.sources, plan.api_token
    operators.include_router(health.router)
    if plan.takes_in:
        operators.include_router(routes.router)
    answer_errors(app)
    answer_errors(operators)
    return app


def _callbacks(sources: Sources) -> list[BaseRoute]:
    """M-Pesa's routes. The last one takes what is meant for the others, so it stands before the operator's."""
    return [
        *routes_of(callback_routes.PATHS, callback_routes.confirm, sources),
        *routes_of(validation.PATHS, validation.validate, sources),
        OddAddressRoute(sources),
    ]


@asynccontextmanager
async def _running(app: Starlette, plan: Plan, lifecycle: Lifecycle) -> AsyncIterator[None]:
    clients = Clients.connect(plan.targets)
    app.state.clients, app.state.callbacks, app.state.counts = clients, None, None
    work = []
    if plan.dispatches:
        work.append(Dispatcher(clients, owner(), lifecycle.stopping, plan.dispatch_limits).run())
    if plan.takes_in:
        work += _take_in(app, plan, clients, lifecycle.stopping)
    tasks = [asyncio.create_task(one) for one in work]
    lifecycle.started = True
    log.info("gateway_ready", takes_in=plan.takes_in, dispatches=plan.dispatches)
    try:
        yield
    finally:
        lifecycle.stopping.set()
        await asyncio.gather(*tasks)
        if app.state.callbacks:
            await app.state.callbacks.close()
            await app.state.validations.drain()
        await clients.close()
        log.info("gateway_stopped")


def _take_in(app: Starlette, plan: Plan, clients: Clients, stopping: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
    """Make what the callbacks' and the operator's routes work with; what is to run beside them."""
    assert plan.store
    billing = Billing(clients.payments, deadline=plan.intake_deadline)
    validation = Validation(clients.payments, deadline=plan.validation_deadline)
    quarantine = Quarantine(clients.quarantine, deadline=plan.intake_deadline)
    notify, spool = Notify(clients.notify, deadline=plan.alarm_pace.deadline), Spool(plan.store)
    callbacks = CallbackService(
        billing,
        quarantine,
        spool,
        deadline=plan.intake_deadline,
        first_deferral=plan.drain_pace.first_deferral,
    )
    app.state.callbacks, app.state.notify = callbacks, notify
    app.state.validations = Batcher(validation.validate, deadline=plan.validation_deadline)
    app.state.quarantine, app.state.operations = quarantine, Operations(clients.payments)
    app.state.counts, app.state.customers = WaitingCounts(app.state.operations), Customers(clients.accounts)
    drain = Drain(spool, billing, quarantine, callbacks.breaker, stopping, plan.drain_pace)
    measuring.measure(spool, callbacks.breaker)
    alarm = Alarm(spool, callbacks.breaker, notify, plan.admin_phones, socket.gethostname(), plan.alarm_pace)
    others = [take_over(plan.shared, spool, stopping)] if plan.shared else []
    return [drain.run(), alarm.run(stopping), *others]
