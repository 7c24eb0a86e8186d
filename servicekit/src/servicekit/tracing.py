"""Whether spans are made of what is done for payments: only where a collector is named for them. Else OpenTelemetry is
not even imported, and a span costs one call. What spans are is `servicekit.spans`'.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servicekit.settings import ServerSettings
    from servicekit.spans import Spans

_NOTHING = nullcontext()
_spans: "Spans | None" = None


@contextmanager
def exporting(service: str, settings: "ServerSettings") -> Iterator[None]:
    """Export the spans of all that this process does in the block, if its settings name a collector."""
    global _spans  # noqa: PLW0603  # one for the process, as its log
    if not settings.otlp_endpoint:
        yield
        return
    from servicekit.spans import Spans  # noqa: PLC0415  # takes long, and only who exports spans needs it

    _spans = Spans.exported(service, settings.version, settings.otlp_endpoint)
    try:
        yield
    finally:
        _spans.close()
        _spans = None


def span(name: str, **about: Any) -> AbstractContextManager[None]:
    """A span for as long as the block takes; what it may be about: see Spans.span."""
    return _spans.span(name, **about) if _spans else _NOTHING


def header() -> str | None:
    """What tells a callee of the span that we are in, as W3C's traceparent; None: nothing."""
    return _spans.header() if _spans else None


def name_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the trace that a log line belongs to into it; a processor for structlog."""
    if _spans and (trace_id := _spans.trace_of(event.get("trans_id", ""))):
        event["trace_id"] = trace_id
    return event
