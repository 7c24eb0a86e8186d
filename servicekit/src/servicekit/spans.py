"""Spans, by OpenTelemetry. Imported only where they are exported; everybody else uses `servicekit.tracing`.

All spans about one payment are of one trace, for its id is made from the TransID: whoever knows a payment knows its
trace, so no task, spooled callback or message has to carry it, and what is done a day later still belongs to it.
A span says what was done, for which TransID and why it failed; no name, no number, and no error's text, which may quote
them.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from operator import methodcaller
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    format_trace_id,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.masking import mask_phones

# A batch's span has a link to each payment in it.
_LIMITS = SpanLimits(max_links=1000)
# How long the process' end may wait for a collector, in seconds.
_CLOSE_SECONDS = 2
HEADER = "traceparent"

_w3c = TraceContextTextMapPropagator()
_wanted: ContextVar[int] = ContextVar("wanted")
_is_recorded = methodcaller("is_recording")


def trace_id_of(trans_id: str) -> int:
    """The trace of a payment."""
    return int.from_bytes(sha256(trans_id.encode()).digest()[:16])


class PaymentIds(RandomIdGenerator):
    """Span ids are random; a trace's is the one that is wanted."""

    def generate_trace_id(self) -> int:
        return _wanted.get()


class Spans:
    """Makes spans with a provider of whose ids are PaymentIds; `close` ends their export."""

    def __init__(self, provider: TracerProvider, close: Callable[[], None]) -> None:
        self._tracer = provider.get_tracer("rejesha")
        self.close = close

    @classmethod
    def exported(cls, service: str, version: str, endpoint: str) -> Self:
        """Spans that go to a collector, by OTLP over gRPC; OpenTelemetry's own variables say the rest."""
        resource = Resource.create({"service.name": service, "service.version": version})
        provider = TracerProvider(
            resource=resource, id_generator=PaymentIds(), span_limits=_LIMITS, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=endpoint)
        provider.add_span_processor(BatchSpanProcessor(exporter))

        def close() -> None:
            # By itself it would try for half a minute to reach a collector that is away.
            given_up = threading.Timer(_CLOSE_SECONDS, exporter.shutdown)
            given_up.daemon = True
            given_up.start()
            provider.shutdown()
            given_up.cancel()

        return cls(provider, close)

    @contextmanager
    def span(
        self,
        name: str,
        *,
        trans_ids: Iterable[str] | None = None,
        caller: Iterable[tuple[str, str | bytes]] | None = None,
        calls: bool = True,
        **attributes: str | int,
    ) -> Iterator[None]:
        """A span for as long as the block takes.

        With `trans_ids`: one in the trace of each of these payments. Of several the first stands for the whole batch:
        it has what is done in the block under it, and it and the others are linked. With `caller`, the metadata of an
        RPC: under the caller's span. Else under the one that we are in. Where there is no such thing there is no span.
        `calls`: whether the work is somebody else's, and not ours.
        """
        kind = SpanKind.CLIENT if calls and caller is None else SpanKind.SERVER
        if trans_ids is not None:
            spans = self._of_payments(name, kind, dict.fromkeys(filter(None, trans_ids)))
        else:
            spans = self._under(name, kind, get_current_span(_context_of(caller)), attributes)
        if not spans:
            yield
            return
        with use_span(spans[0], record_exception=False, set_status_on_exception=False), _ending(spans):
            yield

    def _of_payments(self, name: str, kind: SpanKind, trans_ids: Collection[str]) -> list[Span]:
        """The first one is recorded, if any is."""
        spans = [self._of_payment(name, kind, one) for one in trans_ids]
        spans.sort(key=_is_recorded, reverse=True)
        for other in filter(_is_recorded, spans[1:]):
            spans[0].add_link(other.get_span_context())
            other.add_link(spans[0].get_span_context())
        return spans

    def _of_payment(self, name: str, kind: SpanKind, trans_id: str) -> Span:
        wanted = trace_id_of(trans_id)
        within = get_current_span().get_span_context().trace_id == wanted
        token = _wanted.set(wanted)
        try:
            return self._tracer.start_span(
                name, None if within else Context(), kind=kind, attributes={"rejesha.trans_id": mask_phones(trans_id)}
            )
        finally:
            _wanted.reset(token)

    def _under(self, name: str, kind: SpanKind, parent: Span, attributes: Mapping[str, str | int]) -> list[Span]:
        if not parent.get_span_context().is_valid:
            return []
        named = {f"rejesha.{key}": value for key, value in attributes.items()}
        return [self._tracer.start_span(name, set_span_in_context(parent, Context()), kind=kind, attributes=named)]

    def header(self) -> str | None:
        """The span that we are in, as W3C's traceparent."""
        carrier: dict[str, str] = {}
        _w3c.inject(carrier)
        return carrier.get(HEADER)

    def trace_of(self, trans_id: str) -> str:
        """The trace of a payment; without one that of the span that we are in, "" outside of all."""
        within = get_current_span()
        if trans_id:
            return format_trace_id(trace_id_of(trans_id))
        return format_trace_id(within.get_span_context().trace_id) if within.is_recording() else ""


def _context_of(caller: Iterable[tuple[str, str | bytes]] | None) -> Context | None:
    """Where an RPC's caller is; None: where we are."""
    return None if caller is None else _w3c.extract({key: str(value) for key, value in caller if key == HEADER})


@contextmanager
def _ending(spans: Sequence[Span]) -> Iterator[None]:
    """End them after the block, with the reason if it fails."""
    try:
        yield
    except Exception as error:
        for span in spans:
            span.set_status(StatusCode.ERROR, getattr(error, "reason", type(error).__name__))
        raise
    finally:
        for span in spans:
            span.end()
