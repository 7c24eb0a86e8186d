"""A small HTTP endpoint to look at simulated routers and to break them from another process. JSON in, JSON out.

`?router=N` picks one of several, counted from 0; without it the first is meant.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulators.routeros.faults import BadFault
from simulators.routeros.ppp import DialRefused
from simulators.routeros.router import Router
from simulators.routeros.server import RouterServer
from simulators.routeros.traps import Trap

_MAX_BODY = 1 << 20
_Route = Callable[..., Any]


class BadRequest(ValueError):
    """The request cannot be understood; the message says what is wrong with it."""


class Control:
    """Serves the endpoint from a background thread; `port` is the one it listens on."""

    def __init__(self, servers: Sequence[RouterServer], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._http = _HttpServer((host, port), _Handler)
        self._http.routers = servers
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def describe(server: RouterServer) -> dict[str, Any]:
    """Where a router is and how busy; what the process prints once it is ready, too."""
    router = server.router
    return {
        "name": router.name,
        "version": router.version.text,
        "host": server.host,
        "port": server.port,
        "tls_port": server.tls_port,
        "connections_accepted": router.connections_accepted,
        "connections_open": router.connections_open,
        "logins": {"accepted": router.logins[True], "refused": router.logins[False]},
    }


def _set_fault(router: Router, body: dict[str, Any]) -> None:
    """{"mode": "delay", "seconds": 2, "commands": ["/ppp/secret/set"], "times": 1}; only the mode is needed."""
    if unknown := set(body) - {"mode", "seconds", "commands", "times"}:
        raise BadRequest(f"a fault has no {min(unknown)!r}")
    seconds, commands, times = body.get("seconds", 0), body.get("commands", []), body.get("times")
    if not isinstance(seconds, int | float) or not isinstance(times, int | None):
        raise BadRequest("seconds and times are numbers")
    if not isinstance(commands, list):
        raise BadRequest("commands is a list of paths")
    router.faults.set(_text(body, "mode"), seconds=seconds, commands=tuple(map(str, commands)), times=times)


def _add_secret(router: Router, body: dict[str, Any]) -> dict[str, Any]:
    """{"name": …, "disabled": false, any other property as text}."""
    properties = {key: str(value) for key, value in body.items() if key not in ("name", "disabled")}
    router.add_secret(_text(body, "name"), disabled=bool(body.get("disabled")), **properties)
    return dict(router.secret(body["name"]))


_SHOW: dict[str, _Route] = {
    "/secrets": Router.secrets,
    "/active": Router.active,
    "/counts": lambda router: router.counts,
    "/faults": lambda router: [vars(fault) for fault in router.faults.active],
}
_DO: dict[str, _Route] = {
    "/secrets": _add_secret,
    "/dial": lambda router, body: {".id": router.dial(_text(body, "name"))},
    "/hang-up": lambda router, body: router.hang_up(_text(body, "name")),
    "/restart": lambda router, _body: router.restart(),
    "/faults": _set_fault,
    "/faults/clear": lambda router, _body: router.faults.clear(),
}


class _HttpServer(ThreadingHTTPServer):
    routers: Sequence[RouterServer]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: of two the second waits 40 ms for the first one's acknowledgement
    server: _HttpServer

    def do_GET(self) -> None:
        if self._path == "/":
            self._send(HTTPStatus.OK, [describe(server) for server in self.server.routers])
        else:
            self._answer(_SHOW, lambda show: show(self._router()))

    def do_POST(self) -> None:
        def carry_out(do: _Route) -> Any:
            body = _parse(self._body())  # read even if the router is unknown, or it would pass for the next request
            return do(self._router(), body)

        self._answer(_DO, carry_out)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            raise BadRequest(f"a body has at most {_MAX_BODY} bytes, not {length!r}")
        return self.rfile.read(int(length))

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    def _router(self) -> Router:
        index = parse_qs(urlsplit(self.path).query).get("router", ["0"])[0]
        count = len(self.server.routers)
        if not index.isdecimal() or int(index) >= count:
            raise BadRequest(f"there is no router {index}; there are {count}, counted from 0")
        return self.server.routers[int(index)].router

    def _answer(self, routes: Mapping[str, _Route], call: Callable[[_Route], Any]) -> None:
        route = routes.get(self._path)
        if route is None:
            self.close_connection = True  # its body, if any, is still unread
            self._send(HTTPStatus.NOT_FOUND, {"error": f"there is no {self.command} {self._path}"})
            return
        try:
            answer = call(route)
        except (BadRequest, BadFault, Trap) as error:
            self._send(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except DialRefused as error:
            self._send(HTTPStatus.CONFLICT, {"error": str(error)})
        else:
            self._send(HTTPStatus.OK, {} if answer is None else answer)

    def _send(self, status: HTTPStatus, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:  # whoever keeps connections would send the next request to nobody
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: callers poll."""


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BadRequest("the body is not a JSON object")
    return parsed


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{key} is missing")
    return value
