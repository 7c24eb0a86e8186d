"""What Prometheus reads of the running system, and that what is made of it names only what is there."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.environment import METRICS_PORTS
from tests.system.making_run import own_ports
from tests.system.running import ADMINS, ISP_PHONE, eventually, run_system

PROCESSES = tuple(METRICS_PORTS)
ROOT = Path(__file__).parents[2]
# What a process does not know when it starts.
LATE = {"rejesha_payments_held", "rejesha_messages_due", "rejesha_provider_balance"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    state = tmp_path_factory.mktemp("monitored")

    def log_imports(system):
        for process in system.processes.values():
            process.environment = {**process.environment, "PYTHONPROFILEIMPORTTIME": "1"}

    with run_system(own_ports() | {"REJESHA_VAR": str(state)}, state, log_imports) as system:
        yield system


def families(running, name):
    return {family.name: family for family in text_string_to_metric_families(running.scrape(name))}


def series(running):
    """Each series of ours, by the process that has it."""
    return {
        (name, sample.name, *sorted(sample.labels.items()))
        for name in PROCESSES
        for family in families(running, name).values()
        for sample in family.samples
        if sample.name.startswith("rejesha_")
    }


def value(running, process, sample_name, **labels):
    for family in families(running, process).values():
        for sample in family.samples:
            if sample.name == sample_name and sample.labels.items() >= labels.items():
                return sample.value
    return None


def pay_of_each_kind(running, count, name):
    trans_ids = []
    for reference in ("0949AQ", "0950AR", "SMS001", "WA001", "ACC001", "NOBODY"):
        for amount in ("1000.00", "7.00"):
            trans_ids += [f"{name}{reference}{amount[0]}N{number}" for number in range(count)]
            for trans_id in trans_ids[-count:]:
                assert running.pay(reference, amount, trans_id).status_code == 200
                assert running.pay(reference, amount, trans_id).status_code == 200  # delivered again
    return trans_ids


def test_a_payment_can_be_seen_on_its_way(running):
    assert running.pay("0949AQ").status_code == 200
    assert running.pay("0949AQ", trans_id="TWICE").status_code == 200
    assert running.pay("0950AR", trans_id="TWICE").status_code == 200
    eventually(lambda: value(running, "billing", "rejesha_payment_to_line_seconds_count"))
    deliveries = "rejesha_payment_deliveries_total"
    assert value(running, "billing", deliveries, outcome="customer_paid", repeated="false") == 2
    assert value(running, "billing", deliveries, outcome="conflict") == 1
    assert value(running, "billing", "rejesha_payment_amount_shillings_total", outcome="customer_paid") == 2000
    answers = "rejesha_callback_answer_seconds_count"  # counted when they are on their way
    eventually(lambda: value(running, "gateway", answers, kind="confirmation", status="200") == 3)
    assert value(running, "router-control", "rejesha_router_call_seconds_count", failure="ok") >= 1
    sent = eventually(lambda: value(running, "notify", "rejesha_message_attempts_total", outcome="SENT"))
    assert value(running, "notify", "rejesha_message_attempts_total", provider="textsms", code="200") >= sent
    for process in PROCESSES:
        assert value(running, process, "rejesha_build_info", service=process) == 1
        assert value(running, process, "rejesha_certificate_expiry_timestamp_seconds") > 1.7e9
    for process in ("billing", "router-control", "notify"):
        assert value(running, process, "rejesha_database_writable") == 1


def test_what_is_held_is_told_with_its_money(running):
    before = eventually(lambda: families(running, "billing").get("rejesha_payments_held"))
    held = before.samples[0].value
    assert running.pay("WHO?", "123.00").status_code == 200
    eventually(lambda: value(running, "billing", "rejesha_payments_held") == held + 1)
    assert value(running, "billing", "rejesha_payments_held_shillings") >= 123
    assert value(running, "billing", "rejesha_payments_held_oldest_age_seconds") > 0


def test_more_payments_make_no_more_series_and_no_payer_is_named(running):
    for name in ("FIRST", "SECOND"):  # a line that is on already has an outcome of its own
        pay_of_each_kind(running, 1, name)
        eventually(running.is_all_done)
    eventually(lambda: value(running, "billing", "rejesha_isp_credits", channel="sms"))
    eventually(lambda: names(running) >= LATE)
    before = series(running)
    trans_ids = pay_of_each_kind(running, 3, "THIRD")
    eventually(running.is_all_done)
    assert series(running) - before == set()
    read = "".join(map(running.scrape, PROCESSES))
    assert not [word for word in (*trans_ids, *ADMINS, ISP_PHONE, "0949AQ", "JANE") if word in read]


def names(running):
    """Of all metrics of ours, as they are read; a histogram's is that of what it measures."""
    return {name for process in PROCESSES for name in re.findall(r"# TYPE (rejesha_\w+)", running.scrape(process))}


def test_the_document_names_each_metric_and_no_other(running):
    eventually(lambda: names(running) >= LATE)
    told = re.findall(r"^\| `(rejesha_\w+)`", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(names(running))


def test_without_a_collector_nothing_of_opentelemetry_is_loaded(running):
    assert running.pay("0949AQ").status_code == 200
    eventually(running.is_all_done)
    for name in PROCESSES:
        log = running[name].log.read_text()
        imported = set(re.findall(r"^import time:.*\| +(\S+)$", log, re.MULTILINE))
        assert "servicekit.tracing" in imported
        loaded = {module for module in imported if module.startswith("opentelemetry")}
        if name in ("gateway", "dispatcher"):  # FastAPI imports the interface by itself, which does nothing
            loaded = {module for module in loaded if module.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))}
        assert not loaded
