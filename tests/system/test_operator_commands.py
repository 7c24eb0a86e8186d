"""Each of the operator's commands, beside services whose database users have the least rights (see conftest)."""

import json
import shlex
from datetime import UTC, datetime, timedelta

import click
import pytest
from rejesha_cli.__main__ import COMMANDS, load, main

from tests.databases import SERVERS
from tests.system.running import eventually

pytestmark = pytest.mark.parametrize("running", SERVERS, indirect=True, scope="module")

# A day to come.
DUE = f"{datetime.now(UTC) + timedelta(days=27):%Y-%m-%d}"
# They ask no service and no database.
OF_FILES = {"init", "certificate init", "certificate issue", "certificate show"}
AT_NIGHT = (
    "spool",
    "purge",
    "customer add ERASED1 --isp Nyota",
    "customer close ERASED1 --reason moved --yes",
    "customer erase ERASED1 --reason asked --yes",
)
# Needs a router with TLS, and is tried in tests/cli; what it writes `router update` writes as well.
OF_TLS = {"router trust"}


@pytest.fixture
def rejesha(running, monkeypatch, capsys, tmp_path):
    """Runs a command that must end with a code; what it says. `rejesha.ran`: the commands without their arguments."""
    for name, value in running.system.values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REJESHA_GATEWAY_URL", str(running.http.base_url))
    monkeypatch.chdir(tmp_path)

    def run(line, code=0):
        words = shlex.split(line)
        run.ran |= {" ".join(words[:1]), " ".join(words[:2])} & KNOWN
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == code, (line, out, err)
        return out

    run.ran = set()
    return run


def leaves():
    """All commands, such as "status" and "payment show"."""
    for word in COMMANDS:
        command = load(word)
        subcommands = command.commands if isinstance(command, click.Group) else {"": None}
        yield from (f"{word} {name}".strip() for name in subcommands)


KNOWN = set(leaves())


def books_are_right(rejesha):
    assert "held" in rejesha("ledger accounts")
    assert "dismissal" in rejesha("ledger transfers --payment SAMPLE0002")
    assert "closing" in rejesha("ledger statement 1 --from 2026-01-01")
    assert "right" in rejesha("ledger check")
    rejesha("ledger gaps --since 2026-01-01")


def test_the_doctor_sees_with_the_least_rights_all_that_it_looks_at(running, rejesha):
    looked = json.loads(rejesha("doctor --json"))["checks"]
    databases = {(one["of"], one["check"]) for one in looked if one["well"]}
    for service in ("billing", "router-control", "notify"):
        assert {(service, check) for check in ("tables", "writes", "row locks", "clock")} <= databases
    assert {("notify", "TextSMS balance"), ("gateway", "spool's disk")} <= databases


def test_every_command_works_beside_services_with_the_least_rights(running, rejesha, tmp_path):
    (tmp_path / "word").write_text("word")
    (tmp_path / "isps.csv").write_text("id,name,pay_account_number\n77,Nyota,ACC077\n")
    (tmp_path / "routers.csv").write_text("id,name,address,username,password\n77,Pole,10.0.0.7,api,word\n")
    (tmp_path / "customers.csv").write_text("id,account_name,package,isp,router\n77,NYOTA1,1000,Nyota,Pole\n")
    (tmp_path / "mended.json").write_text(json.dumps({"TransID": "MENDED0001", "TransAmount": "10.00",
        "BusinessShortCode": "600100", "BillRefNumber": "ACC001"}))  # fmt: skip
    running.http.post("/callbackprocess", content=b"no callback")
    running.http.post("/callbackprocess", content=b"nor is this")

    rejesha("migrate")
    rejesha("database grants")
    rejesha("isp add Pwani --sms-account SMS088 --contact-phone 0711000088")
    rejesha("isp import isps.csv")
    assert "Nyota" in rejesha("isp list")
    rejesha("router add Hill 127.0.0.1 --username api --password-file word")
    rejesha("router update Hill --name Top --address 10.0.0.8 --username api --password-file word")
    rejesha("router import routers.csv")
    assert "Top" in rejesha("router list")
    rejesha("router delete Top --yes")
    rejesha("router check 1")
    rejesha("access disable 1 0949AQ")
    rejesha("access enable 1 0949AQ")
    rejesha("access limit 1 0949AQ --profile default")
    assert "enabled" in rejesha("access show 1 0949AQ").lower()
    rejesha("customer add PWANI1 --isp Pwani --package 500 --phone 0712000088")
    rejesha("customer import customers.csv")
    assert "NYOTA1" in rejesha("customer list --isp Nyota")
    assert "PWANI1" in rejesha("customer show pwani1") + rejesha("customer disclose pwani1")

    rejesha("payment send-sample --account 0950AR --trans-id SAMPLE0001")
    rejesha("payment send-sample --account NOBODY --trans-id SAMPLE0002")
    assert "SAMPLE0001" in rejesha("payment list")
    money_that_waits(rejesha)
    rejesha("payment retry SAMPLE0001")
    books_are_right(rejesha)
    (replayed, dismissed) = (one["callback_id"] for one in json.loads(rejesha("quarantine list --json"))["callbacks"])
    rejesha(f"quarantine show {replayed}")
    rejesha(f"quarantine replay {replayed} --body mended.json")
    rejesha(f"quarantine dismiss {dismissed} --note junk --by Asha")
    eventually(lambda: "The line is on" in rejesha("payment show SAMPLE0001"))
    assert "SAMPLE0001" in rejesha("search SAMPLE0001")
    rejesha("message templates")
    # Its messages follow the line, a moment later.
    listed = "message list --subject SAMPLE0001 --json"
    (message, *_) = eventually(lambda: json.loads(rejesha(listed))["messages"])
    rejesha(f"message show {message['message_id']}")
    records_change(rejesha)
    lines_change(rejesha)
    many_change(rejesha)
    moved_while_the_reconnection_waits(running, rejesha)
    rejesha("status")
    for command in AT_NIGHT:
        rejesha(command)
    rejesha("customer list --paid-but-not-on")
    assert KNOWN - rejesha.ran - OF_FILES - OF_TLS == {"doctor"}


def money_that_waits(rejesha):
    assert "SAMPLE0002" in rejesha("payment unmatched")
    rejesha("payment dismiss SAMPLE0002 --reason 'sent back' --by Asha")
    rejesha("payment assign SAMPLE0002 NYOTA1 --by Asha")
    rejesha("payment unassign SAMPLE0002 --reason 'not theirs' --yes --by Asha")
    rejesha("payment assign SAMPLE0002 NYOTA1 --by Asha")
    rejesha("payment send-sample --account ACC001 --trans-id SAMPLE0009")
    assert "left the wallet" in rejesha("payment reverse SAMPLE0009 --reason 'paid twice' --yes --by Asha")
    when = "--time '2026-01-31 08:00:00' --reason 'not delivered'"
    assert "is recorded" in rejesha(f"payment record SAMPLE0003 --amount 1000 --account 0950AR {when}")


def records_change(rejesha):
    rejesha("isp update Pwani --name 'Pwani Fibre' --sms-account SMS089 --by Asha")
    rejesha("isp close 'Pwani Fibre' --reason gone --yes")
    rejesha("isp reopen 'Pwani Fibre'")
    assert "SMS089" in rejesha("isp history 'Pwani Fibre'")
    rejesha("isp update 'Pwani Fibre' --contact-phone 0711000099")
    mistaken = json.loads(rejesha("isp history 'Pwani Fibre' --json"))["changes"][0]["change_id"]
    assert "is changed" in rejesha(f"isp undo {mistaken} --reason 'another ISP' --by Asha")
    rejesha(f"customer update PWANI1 --package 600 --next-payment-date {DUE} --reason goodwill")
    rejesha("customer close PWANI1 --reason gone --yes")
    rejesha("customer reopen PWANI1")
    assert "goodwill" in rejesha("customer history PWANI1")
    rejesha("policy set --isp 'Pwani Fibre' grace_days=3 reminder_days=-3,0")
    rejesha("policy set --customer PWANI1 language=sw --reason asked")
    rejesha("policy unset --isp 'Pwani Fibre' grace_days")
    assert "-3,0" in rejesha("policy show --customer PWANI1")


def packages_change(rejesha):
    for name, period in (("week", "7 days"), ("home", "1 month")):
        rejesha(f"package add {name} --isp 'Pwani Fibre' --price 600 --period '{period}'")
    rejesha("package update week --isp 'Pwani Fibre' --price 700 --reason dearer")
    assert "700" in rejesha("package list --isp 'Pwani Fibre'")
    rejesha("line extend PWANI1 --days 30 --reason goodwill")
    assert "Days left" in rejesha("customer package PWANI1 home --at-once --reason asked")
    assert "the line has it from" in rejesha("customer package PWANI1 week --at-renewal")
    rejesha("customer package PWANI1 --cancel --reason no")
    rejesha("package close home --isp 'Pwani Fibre'")
    assert "home" in rejesha("package show home --isp 'Pwani Fibre'")
    assert "dearer" in rejesha("isp history 'Pwani Fibre'")


def lines_change(rejesha):
    rejesha("line extend PWANI1 --days 2 --reason outage --by Asha")
    assert "outage" in rejesha("customer timeline PWANI1 --since 2026-01-01")
    made = json.loads(rejesha("customer history PWANI1 --json"))["changes"]
    extended = next(one["change_id"] for one in made if one["reason"] == "outage")
    assert DUE in rejesha(f"customer undo {extended} --reason 'no outage' --by Asha")
    assert "is to be off (paused)" in rejesha("line pause PWANI1 --reason away")
    assert "is to be on" in rejesha("line resume PWANI1")
    assert "is to be off (by_staff)" in rejesha("line cut PWANI1 --reason stolen")
    rejesha("line restore PWANI1")
    rejesha("line fix PWANI1")
    assert "PWANI1" in rejesha("line show PWANI1")
    rejesha("line plan")
    # It was switched on by hand, above, and nobody has paid for it.
    assert '"on_but_unpaid"' in rejesha("line check --router 1 --json", code=1)
    assert "outage" in rejesha("customer history PWANI1")
    assert "are kept for PWANI1" in rejesha("customer credit PWANI1")


def many_change(rejesha):
    seen = json.loads(rejesha("bulk preview --isp 'Pwani Fibre' --extend 2 --json"))["preview"]
    made = json.loads(rejesha(f"bulk apply {seen['token']} --reason 'mast down' --by Asha --json"))["bulk"]
    assert made["done"] == len(seen["customer_ids"]) > 0
    assert "mast down" in rejesha("customer history PWANI1")
    assert "put back" in rejesha(f"bulk undo {made['bulk_id']} --reason 'wrong mast'")
    assert "is undone" in rejesha(f"bulk show {made['bulk_id']}")
    assert "mast down" in rejesha("bulk list")
    assert "mast down" in rejesha("history --by Asha")
    packages_change(rejesha)
    many_hear(rejesha)


def many_hear(rejesha):
    """In whatever hour the test runs."""
    rejesha("policy set --isp 'Pwani Fibre' reminder_days=none quiet_from=0 quiet_until=0")
    words = "--isp 'Pwani Fibre' --message 'Dear {name}, the mast is up: {account}'"
    token = json.loads(rejesha(f"bulk preview {words} --json"))["preview"]["token"]
    made = json.loads(rejesha(f"bulk apply {token} --reason 'mast up' --json"))["bulk"]
    eventually(lambda: f"Handed over to be sent: {made['done']}." in rejesha(f"bulk show {made['bulk_id']}"))
    assert "the mast is up: PWANI1" in rejesha("message list --phone 0712000088 --json")


def moved_while_the_reconnection_waits(running, rejesha):
    """The old router is away, the new one is there: what is on record when a line is switched counts."""
    rejesha("router add Away 127.0.0.1 --port 1 --username api --password-file word")
    rejesha("customer update 0951AS --router Away --username nobody")
    assert running.pay("0951AS", trans_id="MOVED00001").status_code == 200
    eventually(lambda: "unreachable" in rejesha("payment show MOVED00001"))
    assert not running.is_enabled("0951AS")
    rejesha("customer update 0951AS --router 1 --username 0951AS")
    eventually(lambda: running.is_enabled("0951AS"))
    eventually(lambda: "The line is on" in rejesha("payment show MOVED00001"))
    rejesha("package add secure --isp 1 --price 1000 --profile default-encryption")
    rejesha("customer package 0951AS secure --at-once --reason asked")
    eventually(lambda: running.profile("0951AS") == "default-encryption")
    assert running.is_enabled("0951AS")
