"""Imports: dry runs that change nothing, every bad line named, good lines created, repeats harmless."""

import pytest
from rejesha.router_control.v1 import router_control_service_pb2 as routers

CUSTOMERS = """\ufeffAccount;Full Name;Package;Router;ISP;Phone;Next Payment Date;Status;Colour
0949AQ;Jane Wanjiku;1,000.00;Tower 1;demo networks;0712 345 678;2026-11-30;Active;red
0950AB;Otieno;Ksh 1500;1;1;+254112345678;;;
;Nobody;1000;;1;;;;
0951AC;Bad amount;1000.005;;1;;;;
0952AD;Bad router;1000;Hill;1;;;;
0953AE;Bad ISP;1000;;Nobody;;;;
0954AF;Bad phone;1000;;1;12345;;;
0955AG;Bad day;1000;;1;;30/11/2026;;
0956AH;Bad status;1000;;1;;;on;
09 49aq;Twice;1000;;1;;;;
0957AJ;Too short;1000
0958AK;Refused by billing;1000;;;;;;
"""


@pytest.fixture
def customers(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS, encoding="utf-8")
    return path


def test_a_dry_run_names_every_bad_line_and_changes_nothing(installation, billing, customers):
    ended = installation("customer", "import", customers, "--dry-run", "--json")
    assert ended.code == 1
    report = ended.document
    errors = {line["line"]: line["error"] for line in report["lines"] if line["result"] == "bad"}
    expected = {
        4: "the account is empty",
        5: "more than two decimals",
        6: "no router 'Hill'",
        7: "no ISP 'Nobody'",
        8: "no Kenyan mobile number",
        9: "year first",
        10: "none of active, inactive",
        11: "stands on line 2 already",
        12: "3 values under 9 columns",
        13: "no such ISP",
    }
    assert errors.keys() == expected.keys()
    assert all(why in errors[line] for line, why in expected.items())
    assert (report["created"], report["unchanged"], report["bad"]) == (2, 0, 10)
    assert report["ignored_columns"] == ["Colour"]
    assert billing.customers == {}


def test_good_lines_are_created_beside_bad_ones_and_a_repeat_changes_nothing(installation, billing, customers):
    first = installation("customer", "import", customers)
    assert first.code == 1
    assert "2 added, 0 there already, 10 bad" in first.out
    assert "Bad amount" not in first.out  # the line's account names it
    assert "0951AC" in first.out
    jane = billing.customers["0949AQ"]
    assert (jane.full_name, jane.package_cents, jane.router_id, jane.isp_id) == ("Jane Wanjiku", 100000, 1, 1)
    assert (jane.phone, jane.next_payment_date, jane.status) == ("0712345678", "2026-11-30", 1)
    before = dict(billing.customers)
    again = installation("customer", "import", customers, "--json").document
    assert (again["created"], again["unchanged"]) == (0, 2)
    assert billing.customers == before


def test_a_file_without_a_bad_line_exits_with_0(installation, tmp_path):
    (tmp_path / "good.csv").write_text("account,isp\n0949AQ,1\n")
    ended = installation("customer", "import", "good.csv", "--dry-run")
    assert ended.code == 0
    assert "1 would be added" in ended.out
    assert "nothing was changed" in ended.out


def test_an_import_that_breaks_off_says_how_far_it_came_and_can_be_repeated(installation, billing, tmp_path):
    lines = "".join(f"{number:04}AA,1\n" for number in range(1200))
    (tmp_path / "many.csv").write_text("account,isp\n" + lines)
    billing.stop_after_batches = 1
    stopped = installation("customer", "import", "many.csv", "--json")
    assert (stopped.code, stopped.out, len(billing.customers)) == (1, "", 500)
    assert "DATABASE_UNAVAILABLE" in stopped.err
    assert "stopped after line 501" in stopped.err
    billing.stop_after_batches = None
    again = installation("customer", "import", "many.csv", "--json").document
    assert (again["created"], again["unchanged"], len(billing.customers)) == (700, 500, 1200)


@pytest.mark.parametrize(("name", "why"), [("nowhere.csv", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_sentence(installation, name, why):
    ended = installation("customer", "import", name)
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err


def test_isps_are_imported_once(installation, billing, tmp_path):
    billing.isps[1].contact_phone = "254711000001"
    billing.isps[1].wa_account = "WA001"  # of which the file says nothing
    (tmp_path / "isps.csv").write_text(
        "Name,SMSAccount,WaAccount,Pay Account Number,Contact Phone\n"
        "demo networks,sms 001,,,0711 000 001\n"
        "Nyota Net,SMS002,WA002,ACC002,0712345678\n"
        "Thief,SMS001,,,\n"
        "Odd,X003,,,\n"
        "nyota net,,,,\n"
    )
    dry = installation("isp", "import", "isps.csv", "--dry-run", "--json").document
    assert (dry["created"], dry["unchanged"], dry["bad"], list(billing.isps)) == (1, 1, 3, [1])
    errors = {line["line"]: line["error"] for line in dry["lines"] if line["error"]}
    assert "account of 'Demo Networks'" in errors[4]
    assert "does not start with SMS" in errors[5]
    assert "stands on line 3 already" in errors[6]
    created = installation("isp", "import", "isps.csv")
    assert created.code == 1
    assert [isp.name for isp in billing.isps.values()] == ["Demo Networks", "Nyota Net"]
    again = installation("isp", "import", "isps.csv", "--json").document
    assert (again["created"], again["unchanged"], len(billing.isps)) == (0, 2, 2)


def test_an_isp_that_is_there_with_other_accounts_is_a_bad_line(installation, tmp_path):
    (tmp_path / "isps.csv").write_text("name,sms_account\nDemo Networks,SMS009\n")
    assert "with other accounts" in installation("isp", "import", "isps.csv", "--json").document["lines"][0]["error"]


def test_routers_are_imported_once(installation, router_control, tmp_path):
    (tmp_path / "routers.csv").write_text(
        "router_name,local_ip,port,tls,login,password\n"
        "Tower 1,10.0.0.1,,,,\n"
        "Hill,hill.example,8729,yes,api,s3cret\n"
        "Tower 1b,10.0.0,,,,\n"
        "Lake,10.0.0.3,99999,,,\n"
        "Sea,10.0.0.4,,,,s3cret\n"
    )
    dry = installation("router", "import", "routers.csv", "--dry-run", "--json").document
    assert (dry["created"], dry["unchanged"], dry["bad"], list(router_control.registry)) == (1, 1, 3, [1])
    installation("router", "import", "routers.csv")
    assert router_control.passwords == {2: "s3cret"}
    hill = router_control.registry[2]
    assert (hill.name, hill.address, hill.port, hill.tls, hill.username) == ("Hill", "hill.example", 8729, True, "api")
    again = installation("router", "import", "routers.csv")
    assert "0 added, 2 there already, 3 bad" in again.out
    assert "s3cret" not in again.out + again.err


def test_a_router_that_is_there_with_another_address_says_how_to_change_it(installation, router_control, tmp_path):
    router_control.registry[1].MergeFrom(routers.Router(port=8729))
    (tmp_path / "routers.csv").write_text("name,address\nTower 1,10.9.9.9\n")
    error = installation("router", "import", "routers.csv", "--json").document["lines"][0]["error"]
    assert error == "is there already with another address and port: `rejesha router update 1` changes it"
