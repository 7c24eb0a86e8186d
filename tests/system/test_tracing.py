"""A payment's spans, as a collector gets them from the running system: of all processes, in one trace."""

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc
from servicekit.spans import trace_id_of

from tests.system.making_run import own_ports
from tests.system.running import eventually, run_system

CALLBACK = ("gateway", "callback")
RECORD = ("gateway", "record_payments")
RECORDED = ("billing", "rejesha.billing.v1.PaymentService/RecordPayments")
ACCESS = ("dispatcher", "set_access")
ACCESS_SET = ("router-control", "rejesha.router_control.v1.RouterControlService/SetAccess")
ROUTER = ("router-control", "router")
MESSAGES = ("dispatcher", "send_messages")
ACCEPTED = ("notify", "rejesha.notify.v1.NotifyService/SendMessages")
SMS = ("notify", "textsms")
# Each with what it is under in a payment that is alone.
OF_A_PAYMENT = {
    CALLBACK: None,
    RECORD: CALLBACK,
    RECORDED: RECORD,
    ACCESS: None,
    ACCESS_SET: ACCESS,
    ROUTER: ACCESS_SET,
    MESSAGES: None,
    ACCEPTED: MESSAGES,
    SMS: None,
}


class Collector(pb_grpc.TraceServiceServicer):
    """Keeps the spans that it gets, each as (service, name) and the span, by the trace's id."""

    def __init__(self):
        self._lock = Lock()
        self._spans = defaultdict(list)

    def Export(self, request, context):  # noqa: N802  # gRPC's own spelling
        with self._lock:
            for of_process in request.resource_spans:
                service = next(
                    one.value.string_value for one in of_process.resource.attributes if one.key == "service.name"
                )
                for span in (span for scope in of_process.scope_spans for span in scope.spans):
                    self._spans[span.trace_id].append(((service, span.name), span))
        return pb.ExportTraceServiceResponse()

    def trace(self, trans_id):
        """The spans of a payment."""
        with self._lock:
            return list(self._spans[trace_id_of(trans_id).to_bytes(16)])

    def named(self, wanted):
        with self._lock:
            return [span for spans in self._spans.values() for name, span in spans if name == wanted]


@pytest.fixture(scope="module")
def collector():
    server = grpc.server(ThreadPoolExecutor(2))
    collector = Collector()
    pb_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector
    server.stop(None)


@pytest.fixture(scope="module")
def running(collector, tmp_path_factory):
    state = tmp_path_factory.mktemp("traced")

    def switch_on(system):
        for process in system.processes.values():
            process.environment = {
                **process.environment,
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            }

    given = own_ports() | {"REJESHA_VAR": str(state), "REJESHA_LOG_FORMAT": "json"}
    with run_system(given, state, switch_on) as system:
        yield system


def trace_of_lone(running, collector, trans_id):
    """The trace of a payment that shares no call with another, once all that belongs to it is there."""
    eventually(running.is_all_done)
    assert running.pay("0949AQ", trans_id=trans_id).status_code == 200
    return eventually(lambda: whole(collector.trace(trans_id)))


def whole(spans):
    """A payment's spans, each with the one that it is under, which comes from another process in its own time."""
    ids = {span.span_id for _, span in spans}
    names = {name for name, span in spans if not span.parent_span_id or span.parent_span_id in ids}
    return spans if OF_A_PAYMENT.keys() <= names and len(names) == len({name for name, _ in spans}) else None


def test_a_payment_s_trace_goes_from_the_callback_to_the_router_and_the_sms(running, collector):
    spans = trace_of_lone(running, collector, "TRACED1")
    names = {span.span_id: name for name, span in spans}
    assert {name: names.get(span.parent_span_id) for name, span in spans} == OF_A_PAYMENT


def test_a_batch_is_linked_to_the_payments_in_it(running, collector):
    trans_ids = [f"TRACED2N{number}" for number in range(40)]
    with ThreadPoolExecutor(len(trans_ids)) as threads:
        answers = list(threads.map(lambda one: running.pay("ACC001", trans_id=one), trans_ids))
    assert {answer.status_code for answer in answers} == {200}
    traces = {trace_id_of(one).to_bytes(16) for one in trans_ids}

    def batches():
        """The gateway's calls for these payments, once all have come: billing exports its own in its own time."""
        calls = {(span.trace_id, span.span_id): span for span in collector.named(RECORD) if span.trace_id in traces}
        linked = {(link.trace_id, link.span_id) for call in calls.values() for link in call.links}
        shared = {span_id for (_, span_id), call in calls.items() if len(call.links) > 1}
        under = {span.parent_span_id for span in collector.named(RECORDED)}
        all_here = {trace_id for trace_id, _ in calls} == traces and linked <= calls.keys() and shared <= under
        return calls if all_here else None

    calls = eventually(batches)
    linked = {(here, (link.trace_id, link.span_id)) for here, call in calls.items() for link in call.links}
    assert linked  # some came together
    assert {(there, here) for here, there in linked} == linked  # each can be followed back


def test_a_log_line_about_a_payment_names_its_trace(running, collector):
    assert running.pay("0950AR", trans_id="TRACED3").status_code == 200
    assert running.pay("0950AR", "1.00", trans_id="TRACED3").status_code == 200  # contradicts the first
    log = running["billing"].log.read_text().splitlines()
    (line,) = [one for one in map(json.loads, log) if one["event"] == "payment_conflict"]
    assert (line["trans_id"], line["trace_id"]) == ("TRACED3", f"{trace_id_of('TRACED3'):032x}")


def test_no_span_holds_a_name_or_a_number(running, collector):
    spans = [span for _, span in trace_of_lone(running, collector, "TRACED4")]
    said = "".join(f"{span.name} {span.attributes} {span.events} {span.status}" for span in spans)
    assert "TRACED4" in said
    for private in ("JANE", "2547", "0949AQ", running.customer("0949AQ").phone[3:]):
        assert private not in said
