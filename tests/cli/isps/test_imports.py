"""ISPs from a CSV file."""


def test_isps_are_imported_once(installation, billing, tmp_path):
    # Of the WhatsApp account the file says nothing.
    known = {"wa_account": "WA009", "contact_phone": "254711000001"}
    billing.add_isp("Pwani Net", sms_account="SMS009", **known)
    (tmp_path / "isps.csv").write_text(
        "Name,SMSAccount,WaAccount,Pay Account Number,Contact Phone\n"
        "pwani net,sms 009,,,0711 000 001\n"
        "Nyota Net,SMS002,WA002,ACC002,0712345678\n"
        "Thief,SMS001,,,\n"
        "Odd,X003,,,\n"
        "nyota net,,,,\n"
    )
    dry = installation("isp", "import", "isps.csv", "--dry-run", "--json").document
    assert (dry["created"], dry["unchanged"], dry["bad"], list(billing.isps())) == (1, 1, 3, [1, 2])
    errors = {line["line"]: line["error"] for line in dry["lines"] if line["error"]}
    assert "account of 'Demo Networks'" in errors[4]
    assert "does not start with SMS" in errors[5]
    assert "stands on line 3 already" in errors[6]
    created = installation("isp", "import", "isps.csv")
    assert created.code == 1
    assert [isp.name for isp in billing.isps().values()] == ["Demo Networks", "Pwani Net", "Nyota Net"]
    again = installation("isp", "import", "isps.csv", "--json").document
    assert (again["created"], again["unchanged"], len(billing.isps())) == (0, 2, 3)


def test_an_isp_that_is_there_with_other_accounts_is_a_bad_line(installation, tmp_path):
    (tmp_path / "isps.csv").write_text("name,sms_account\nDemo Networks,SMS009\n")
    assert "with other accounts" in installation("isp", "import", "isps.csv", "--json").document["lines"][0]["error"]


def test_isps_are_changed_on_request_and_exported_as_what_can_be_imported_again(installation, billing, tmp_path):
    (tmp_path / "isps.csv").write_text(
        "id,name,sms_account,contact_phone\n1,Demo Net,SMS009,\n,Nyota,SMS001,0711000001\n,Thief,SMS009,\n"
    )
    dry = installation("isp", "import", "isps.csv", "--update", "--dry-run", "--json").document
    changes = {line["line"]: line["changes"] for line in dry["lines"]}
    assert [(one["field"], one["before"], one["after"]) for one in changes[2]] == [
        ("name", "Demo Networks", "Demo Net"),
        ("sms_account", "SMS001", "SMS009"),
    ]
    (tmp_path / "isps.csv").write_text("id,name,sms_account\n1,Demo Net,SMS009\n")
    assert "1 changed" in installation("isp", "import", "isps.csv", "--update").out
    assert (billing.isps()[1].name, billing.isps()[1].sms_account) == ("Demo Net", "SMS009")
    assert installation("isp", "import", "out.csv", "--export").out == "out.csv: 1 line written.\n"
    for option in ((), ("--update",)):
        again = installation("isp", "import", "out.csv", "--json", *option).document
        assert (again["unchanged"], again["changed"], again["bad"]) == (1, 0, 0)
