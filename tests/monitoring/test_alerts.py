"""The alerts are sound, tried, explained, and ask for nothing that nobody measures."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/monitoring"
RULES = (FOLDER / "alerts.yaml").read_text()
ALERTS = re.findall(r"- alert: (\w+)", RULES)


@pytest.mark.processes
@pytest.mark.parametrize(
    "command",
    [
        "promtool check rules alerts.yaml",
        "promtool check config prometheus.yaml",
        "promtool test rules alerts_test.yaml alerts_day_test.yaml",
        "amtool check-config alertmanager.yaml",
    ],
)
def test_prometheus_own_tools_find_no_fault(command):
    tool(command, FOLDER)


def tool(command, folder):
    """What one of Prometheus' own tools prints, where it finds no fault."""
    name, *arguments = command.split()
    if shutil.which(name) is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed: Debian's prometheus and prometheus-alertmanager have it")
    done = subprocess.run([name, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def a_pod(port, name, phase="Running"):
    """A port of a pod, as Prometheus finds it by asking Kubernetes."""
    found = {"name": "billing-1", "container_port_name": name, "phase": phase}
    found["label_app_kubernetes_io_name"] = "billing"
    labels = {f"__meta_kubernetes_pod_{name}": value for name, value in found.items()}
    return {"targets": [f"10.0.0.1:{port}"], "labels": labels}


def test_in_kubernetes_each_pod_is_read_at_its_port_for_that_and_called_by_its_process_name(tmp_path):
    config = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text())
    (job,) = config["scrape_configs"]
    assert job.pop("kubernetes_sd_configs")[0]["role"] == "pod"  # whom to ask; Debian's tools do not know how
    job["static_configs"] = [a_pod(9180, "metrics"), a_pod(50051, "grpc"), a_pod(9180, "metrics", "Succeeded")]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    asked = tool("promtool check service-discovery --timeout=1s prometheus.yaml rejesha", tmp_path)
    (read,) = [found["labels"] for found in json.loads(asked) if found["labels"]]
    assert (read["__address__"], read["job"], read["instance"]) == ("10.0.0.1:9180", "billing", "billing-1")


def test_each_alert_is_tried_firing_and_not():
    tried = "".join(path.read_text() for path in FOLDER.glob("alerts*_test.yaml"))
    assert ALERTS
    for alert in ALERTS:
        assert f"name: {alert} fires\n" in tried
        assert f"name: {alert} does not fire\n" in tried


def test_each_alert_has_its_paragraph_in_the_runbooks():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert headings == ALERTS
    assert re.findall(r"runbook_url: docs/runbooks.md#(\w+)", RULES) == [alert.lower() for alert in ALERTS]
    said = re.findall(r"^## \w+\n\*(\w+)\.\*", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert re.findall(r"severity: (\w+)\}", RULES) == said


def test_the_runbooks_quote_only_words_that_are_logged_or_answered():
    quoted = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", (ROOT / "docs/runbooks.md").read_text())
    code = "".join(path.read_text() for folder in ("services", "servicekit") for path in (ROOT / folder).rglob("*.py"))
    assert len(quoted) > 5
    assert [word for word in quoted if f'"{word}"' not in code] == []


def queries_of_the_dashboard():
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("queries", [[RULES], queries_of_the_dashboard()], ids=["alerts", "dashboard"])
def test_queries_name_only_what_is_measured(queries):
    """test_monitoring.py holds the document against the running system."""
    measured = set(re.findall(r"^\| `(rejesha_\w+)`", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE))
    for query in queries:
        asked = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"rejesha_\w+", query)}
        assert asked
        assert asked <= measured
