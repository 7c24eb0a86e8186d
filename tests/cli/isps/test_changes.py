"""ISPs are changed, closed and opened again by command."""


def test_an_isp_is_changed_by_name_and_its_history_shown(installation, billing):
    options = ["--name", "Demo Net", "--wa-account", "WA009", "--contact-phone", "0711 000 001", "--by", "Asha"]
    dry = installation("isp", "update", "demo networks", *options, "--dry-run", "--json").document
    assert [one["field"] for one in dry["changes"]] == ["name", "wa_account", "contact_phone"]
    assert billing.isps()[1].name == "Demo Networks"
    done = installation("isp", "update", "demo networks", *options)
    assert (done.code, "Demo Net" in done.out) == (0, True)
    isp = billing.isps()[1]
    assert (isp.name, isp.wa_account, isp.contact_phone, isp.sms_account) == (
        "Demo Net", "WA009", "0711000001", "SMS001"
    )  # fmt: skip
    history = installation("isp", "history", "1", "--json").document["changes"]
    assert [(one["field"], one["before"], one["after"], one["actor"]) for one in history][-1] == (
        "name", "Demo Networks", "Demo Net", "Asha"
    )  # fmt: skip
    assert installation("isp", "update", "1").code == 2
    taken = installation("isp", "update", "1", "--sms-account", "X1")
    assert (taken.code, "INVALID_ISP" in taken.err) == (1, True)


def test_a_change_of_an_isp_is_undone_by_its_number(installation, billing):
    installation("isp", "update", "1", "--name", "Demo Net", "--sms-account", "SMS009", "--by", "Asha")
    number = str(installation("isp", "history", "1", "--json").document["changes"][0]["change_id"])
    undone = installation("isp", "undo", number, "--reason", "wrong ISP", "--by", "Juma")
    assert (undone.code, "ISP 1 is changed" in undone.out) == (0, True)
    assert (billing.isps()[1].name, billing.isps()[1].sms_account) == ("Demo Networks", "SMS001")
    assert f"undoes {number}: wrong ISP" in installation("isp", "history", "1").out
    again = installation("isp", "undo", number, "--reason", "again")
    assert (again.code, "Juma (undoes" in again.err) == (1, True)


def test_an_isp_is_closed_after_a_question_and_opened_again(installation, billing):
    billing.pay("QGH7SK61ST", "ACC001", 123_456)
    asked = installation("isp", "close", "1", "--reason", "left us", stdin="n\n")
    assert (asked.code, "KES 1,234.56" in asked.err) == (1, True)
    closed = installation("isp", "close", "1", "--reason", "left us", "--yes")
    assert (closed.code, closed.out[:16]) == (0, "ISP 1 is closed:")
    billing.pay("QGH7SK61SU", "SMS001")
    assert billing.get("QGH7SK61SU").payment.unmatched_reason == 7
    assert installation("isp", "list", "--json").document["isps"][0]["closed"] is True
    assert installation("isp", "reopen", "1").out == "ISP 1 is open.\n"
    assert not billing.isps()[1].closed
