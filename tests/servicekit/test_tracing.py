"""Spans about payments: whose trace they are in, what links them, and that nothing in them is about a person."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, TraceIdRatioBased
from opentelemetry.trace import format_trace_id
from servicekit.rpc.errors import RowLocked
from servicekit.settings import ServerSettings
from servicekit.spans import PaymentIds, Spans, trace_id_of

from servicekit import tracing


@pytest.fixture
def record(monkeypatch):
    """Switches spans on; gets those that ended, by name and payment."""

    def switch_on(sampler=ALWAYS_ON):
        exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, id_generator=PaymentIds(), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(tracing, "_spans", Spans(provider, provider.shutdown))
        return lambda: {
            (span.name, span.attributes.get("rejesha.trans_id", "")): span for span in exporter.get_finished_spans()
        }

    return switch_on


def links(span):
    return [link.context for link in span.links]


def test_whoever_knows_a_payment_knows_its_trace(record):
    ended = record()
    for name in ("record_payments", "set_access"):
        with tracing.span(name, trans_ids=["TKE1"]):
            pass
    for name in ("record_payments", "set_access"):
        span = ended()[name, "TKE1"]
        assert (span.context.trace_id, span.parent) == (trace_id_of("TKE1"), None)


def test_a_batch_has_a_span_in_the_trace_of_each_payment_and_links_between_them(record):
    ended = record()
    with tracing.span("set_access", trans_ids=["TKE1", "TKE2", "TKE1", "", "TKE3"]), tracing.span("router"):
        pass
    assert len(ended()) == 4
    first, second, third = (ended()["set_access", one] for one in ("TKE1", "TKE2", "TKE3"))
    assert [one.context.trace_id for one in (second, third)] == [trace_id_of("TKE2"), trace_id_of("TKE3")]
    assert links(first) == [second.context, third.context]
    assert links(second) == links(third) == [first.context]
    assert ended()["router", ""].parent == first.context


def test_a_batch_lies_with_a_payment_whose_trace_is_kept(record):
    half = TraceIdRatioBased(0.5)
    kept = [one for one in map(str, range(50)) if trace_id_of(one) & half.TRACE_ID_LIMIT < half.bound]
    dropped = [one for one in map(str, range(50)) if one not in kept]
    assert kept
    assert dropped
    ended = record(half)
    with tracing.span("set_access", trans_ids=[*dropped, *kept]), tracing.span("router"):
        pass
    assert {trans_id for name, trans_id in ended() if name == "set_access"} == set(kept)
    assert ended()["router", ""].parent.trace_id == trace_id_of(kept[0])
    assert {one.trace_id for one in links(ended()["set_access", kept[0]])} == {*map(trace_id_of, kept[1:])}


def test_what_is_done_for_a_payment_within_its_span_is_under_it(record):
    ended = record()
    with tracing.span("callback", trans_ids=["TKE1"]), tracing.span("record_payments", trans_ids=["TKE2", "TKE1"]):
        pass
    assert ended()["record_payments", "TKE1"].parent == ended()["callback", "TKE1"].context
    assert ended()["record_payments", "TKE2"].parent is None


def test_a_callee_is_under_its_caller_s_span_and_without_one_there_is_none(record):
    ended = record()
    with tracing.span("set_access", trans_ids=["TKE1"]):
        told = tracing.header()
    for metadata in ([], [("traceparent", "made up")], [("user-agent", "x"), ("traceparent", told)]):
        with tracing.span("SetAccess", caller=metadata):
            pass
    assert len(ended()) == 2
    assert ended()["SetAccess", ""].parent.span_id == ended()["set_access", "TKE1"].context.span_id
    assert tracing.header() is None


def test_a_span_says_why_it_failed_and_nothing_of_a_person(record):
    ended = record()
    for error in (RowLocked("customer 0712345678 is held"), ValueError("Wairimu 0712345678")):
        with pytest.raises(type(error)), tracing.span("sms", trans_ids=["0712345678", type(error).__name__]):
            raise error
    said = {one.status.description for one in ended().values()}
    assert said == {RowLocked.reason, "ValueError"}
    assert "0712345678" not in "".join(one.to_json() for one in ended().values())


def test_a_log_line_names_the_trace_of_its_payment_or_of_what_is_done(record):
    def named(**line):
        return tracing.name_trace(None, "info", line).get("trace_id")

    assert named(trans_id="TKE1") is None  # no collector knows it
    record()
    assert named(trans_id="TKE1") == format_trace_id(trace_id_of("TKE1"))
    with tracing.span("set_access", trans_ids=["TKE2"]):
        assert named(router_id=1) == format_trace_id(trace_id_of("TKE2"))
        assert named(trans_id="TKE1") == format_trace_id(trace_id_of("TKE1"))
    assert named(router_id=1) is None


@pytest.mark.timeout(20)
def test_a_collector_that_is_away_does_not_hold_up_the_end_of_a_process():
    with tracing.exporting("example", ServerSettings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", plaintext=True)):
        for number in range(2000):  # sent in four calls, each of which would be tried again for ten seconds
            with tracing.span("callback", trans_ids=[f"TKE{number}"]):
                pass
    assert tracing.header() is None
