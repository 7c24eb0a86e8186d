"""ISPs: added and listed."""


def test_an_isp_is_added_and_listed_with_its_wallet_in_shillings(installation, billing):
    billing.pay("QGH7SK61SU", "ACC001", 123456)
    added = installation("isp", "add", "Nyota Net", "--sms-account", "SMS002", "--contact-phone", "0712 345-678")
    assert (added.code, added.out) == (0, "ISP 2 is added: Nyota Net.\n")
    assert billing.isps()[2].contact_phone == "0712345678"
    listed = installation("isp", "list", "--json").document
    assert [(isp["isp_id"], isp["name"], isp["wallet"]) for isp in listed["isps"]] == [
        (1, "Demo Networks", "1234.56"),
        (2, "Nyota Net", "0.00"),
    ]
    table = installation("isp", "list").out
    assert "1,234.56" in table
    assert "Nyota Net" in table


def test_a_phone_that_is_none_is_a_usage_error(installation, billing):
    refused = installation("isp", "add", "Nyota Net", "--contact-phone", "12345")
    assert refused.code == 2
    assert "no Kenyan mobile number" in refused.err
    assert list(billing.isps()) == [1]
