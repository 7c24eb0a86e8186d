"""The simulator's HTTP: the provider's endpoints under /api/services/, and ours to watch and to disturb it."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from simulators.textsms.exchange import Exchange, failure, result
from simulators.textsms.faults import INSTEAD, Fault

BULK_LIMIT = 20
MOBILES_LIMIT = 1000
_PAGE = "<html><body>Service temporarily unavailable</body></html>"


def create_app(exchange: Exchange) -> FastAPI:
    """The whole application; `app.state.calls` counts the calls as (endpoint, number of messages)."""
    app = FastAPI(title="TextSMS simulator")
    app.state.calls = []
    _add_provider(app, exchange)
    _add_reports(app, exchange)
    _add_controls(app, exchange)
    return app


def _add_provider(app: FastAPI, exchange: Exchange) -> None:
    async def sendsms(request: Request) -> Response:
        item = dict(request.query_params) if request.method == "GET" else await _body(request)
        return await answer(request, "sendsms", _for_each_mobile(item or {}))

    async def sendbulk(request: Request) -> Response:
        return await answer(request, "sendbulk", _bulk(await _body(request) or {}))

    async def answer(request: Request, endpoint: str, items: list[dict[str, Any]]) -> Response:
        if not items:
            return JSONResponse(failure(1010))
        app.state.calls.append((endpoint, len(items)))
        if refused := exchange.check_login(items[0]):
            return JSONResponse(failure(refused))
        fault = exchange.faults.draw(*INSTEAD)
        if fault and fault.kind != "silence" and not fault.taken:
            return await _instead(fault, request)
        taken = [exchange.take(item, endpoint) for item in items]
        if fault:
            return await _instead(fault, request)
        return await _dress(exchange, [found for found in taken if found is not None])

    # Plain routes: benchmarks send thousands of messages a second, and FastAPI has nothing to read for these.
    app.add_route("/api/services/sendsms/", sendsms, ["GET", "POST"])
    app.add_route("/api/services/sendbulk/", sendbulk, ["POST"])


def _for_each_mobile(item: dict[str, Any]) -> list[dict[str, Any]]:
    """A message for each number of the comma list; none when there are too many, or it is no request at all."""
    mobiles = str(item.get("mobile", "")).split(",")
    return [{**item, "mobile": mobile} for mobile in mobiles] if item and len(mobiles) <= MOBILES_LIMIT else []


def _bulk(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a bulk; none when they are too many or not what they should be."""
    items = body.get("smslist")
    if not isinstance(items, list) or len(items) > BULK_LIMIT:
        return []
    return items if all(isinstance(item, dict) for item in items) else []


async def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


async def _instead(fault: Fault, request: Request) -> Response:
    match fault.kind:
        case "http_error":
            return PlainTextResponse(_PAGE, fault.status)
        case "not_json":
            return PlainTextResponse(_PAGE)
        case "failure_body":
            return JSONResponse(failure(fault.code))
        case "silence":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        case "reset":
            _reset(request.scope["transport"])
    return Response()


def _reset(transport: asyncio.Transport) -> None:
    # With no time to linger the kernel answers with RST instead of closing in good order.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _dress(exchange: Exchange, results: list[dict[str, Any]]) -> Response:
    faults = exchange.faults
    if faults.draw("no_echo"):
        results = [{key: value for key, value in found.items() if key != "clientsmsid"} for found in results]
    if faults.draw("right_spelling"):
        results = [{key.replace("respose", "response"): value for key, value in found.items()} for found in results]
    if faults.draw("shuffle"):
        random.shuffle(results)
    body = {"responses": results}
    if fault := faults.draw("delay"):
        await asyncio.sleep(fault.seconds)
    if fault := faults.draw("drip"):
        return StreamingResponse(_drip(json.dumps(body), fault.seconds), media_type="application/json")
    return JSONResponse(body)


async def _drip(body: str, seconds: float) -> AsyncIterator[str]:
    for character in body:
        yield character
        await asyncio.sleep(seconds)


def _add_reports(app: FastAPI, exchange: Exchange) -> None:
    @app.post("/api/services/getdlr/")
    async def getdlr(request: Request) -> dict[str, Any]:
        body = await _body(request) or {}
        if refused := exchange.check_login(body):
            return failure(refused)
        wanted = str(body.get("messageID", ""))
        if not any(str(message.messageid) == wanted for message in exchange.inbox.read()):
            return failure(1009) | {"response-description": "No dlr"}
        delivered = {"message-id": wanted, "delivery-status": 32, "delivery-description": "DeliveredToTerminal"}
        return failure(200) | delivered

    @app.post("/api/services/getbalance/")
    async def getbalance(request: Request) -> dict[str, Any]:
        refused = exchange.check_login(await _body(request) or {})
        return failure(refused) if refused else result(200) | {"credit": str(exchange.credits_left)}


def _add_controls(app: FastAPI, exchange: Exchange) -> None:
    @app.get("/inbox")
    def read_inbox(mobile: str = "") -> list[dict[str, Any]]:
        return [asdict(message) for message in exchange.inbox.read(mobile)]

    @app.delete("/inbox", status_code=204)
    def clear_inbox() -> None:
        exchange.inbox.clear()

    @app.get("/faults")
    def list_faults() -> list[Fault]:
        return exchange.faults.list()

    @app.post("/faults", status_code=201)
    def add_fault(fault: Fault) -> Fault:
        exchange.faults.add(fault)
        return fault

    @app.delete("/faults", status_code=204)
    def clear_faults() -> None:
        exchange.faults.clear()

    @app.get("/calls")
    def list_calls() -> list[dict[str, Any]]:
        return [{"endpoint": endpoint, "messages": number} for endpoint, number in app.state.calls]
