"""Structured logs on standard error, one line an event, with phone numbers masked and secrets left out.

Every process calls `configure` once. Nothing else decides how a log line looks; `masking` decides what is hidden in it.
"""

import logging
import sys
import threading
from types import TracebackType

import structlog

from servicekit.masking import mask
from servicekit.tracebacks import format_exception
from servicekit.tracing import name_trace

# Chatty, or able to print a password word for word.
_QUIET = ("librouteros", "httpx", "httpcore", "uvicorn.access", "alembic.runtime.plugins", "asyncio")


def configure(service: str, *, log_format: str = "json", level: str = "INFO") -> None:
    """Set up logging of structlog and of the standard library alike. `log_format`: "json" or "console"."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        format_exception,
        name_trace,
        mask,
    ]
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if log_format == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    _log_crashes()


def _log_crashes() -> None:
    """An exception that nobody catches goes the way of every log line: its text may hold numbers as well."""
    log = structlog.get_logger()

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("crashed", exc_info=(kind, error, trace))

    def thread_crashed(what: threading.ExceptHookArgs) -> None:
        if what.exc_value is not None and not issubclass(what.exc_type, SystemExit):
            log.critical(
                "thread_crashed",
                thread=what.thread.name if what.thread else "",
                exc_info=(what.exc_type, what.exc_value, what.exc_traceback),
            )

    sys.excepthook, threading.excepthook = crashed, thread_crashed
