"""Structured logs on standard error, one line an event, with phone numbers masked and secrets left out.

Every process calls `configure` once. Nothing else decides how a log line looks.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = re.compile(r"password|secret|token|api_?key|authorization|callback_body", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.])(\+?254|0)?([17]\d{2})\d{3}(\d{3})(?![\w.])")

# Chatty, or able to print a password word for word.
_QUIET = ("librouteros", "httpx", "httpcore", "uvicorn.access", "alembic.runtime.plugins", "asyncio")


def configure(service: str, *, log_format: str = "json", level: str = "INFO") -> None:
    """Set up logging of structlog and of the standard library alike. `log_format`: "json" or "console"."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave no secret and no whole Kenyan phone number in a log line."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = mask_phones(value)
    return event


def mask_phones(text: str) -> str:
    """Hide the middle of every Kenyan mobile number: 254712345678 becomes 254712***678."""
    return _PHONE.sub(r"\1\2***\3", text)
