"""TextSMS fails in every way that it can: no message may get lost, and doubt must be shown."""

import time

from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceStub

from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Stage
from deploy.local.certificates import connected

_RATE = 20
_FAULTS = (
    ("http_error", {"probability": 0.3, "status": 500}),
    ("code", {"probability": 0.08, "code": 1003}),  # refused
    ("code", {"probability": 0.08, "code": 1005}),  # busy
    ("code", {"probability": 0.04, "code": 7777}),  # nobody has documented it
    ("silence", {"probability": 0.08}),
    ("reset", {"probability": 0.05, "taken": True}),
    ("omit", {"probability": 0.03}),
    ("shuffle", {"probability": 0.2}),
    ("no_echo", {"probability": 0.2}),
)


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    for kind, options in _FAULTS:
        stage.textsms.break_it(kind, **options)
    with stage.load(_RATE):
        time.sleep(form.pick(8, 180))
    stage.textsms.heal()
    stage.drain()
    shown = _shown_as_unknown(stage)
    ((held,),) = stage.query("SELECT count(*) FROM messages WHERE state = 'UNKNOWN'")
    findings.note(unknown_shown=shown)
    findings.must("faults_left_doubts", shown > 0, "no call was left in doubt")
    findings.must("doubt_is_shown", shown == held, f"{held} messages are UNKNOWN, the operator sees {shown}")


def _shown_as_unknown(stage: Stage) -> int:
    """How many an operator is shown, page by page."""
    request = pb.ListMessagesRequest(state=pb.MESSAGE_STATE_UNKNOWN, page_size=500)
    shown = 0
    with connected(stage.system.values, "notify") as channel:
        stub = NotifyServiceStub(channel)
        while True:
            page = stub.ListMessages(request)
            shown += len(page.messages)
            if not page.next_page_token:
                return shown
            request.page_token = page.next_page_token


SCENARIOS = {"sms-faults": Scenario("TextSMS: 500s, wrong codes, accept-then-timeout", _run)}
