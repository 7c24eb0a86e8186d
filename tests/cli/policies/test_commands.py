"""`rejesha policy`: shown with who decided, set and unset with what was before, refused in words."""

import pytest


def fields(told):
    return {one["name"]: (one["value"], one["source"]) for one in told.document["fields"]}


def test_a_policy_is_set_overridden_shown_and_taken_back(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    before = fields(installation("policy", "show", "--isp", "Demo Networks", "--json"))
    assert set(before.values()) >= {("0", "default"), ("disable", "default"), ("none", "default"), ("en", "default")}
    words = ("grace_days=3", "reminder_days=-3, 0,1", "off=address_list:Expired")
    dry = installation("policy", "set", "--isp", "1", *words, "--dry-run")
    assert "would be changed (3)" in dry.out
    assert fields(installation("policy", "show", "--isp", "1", "--json")) == before
    told = installation("policy", "set", "--isp", "1", *words, "--reason", "as agreed", "--by", "Asha")
    assert (told.code, "policy.grace_days" in told.out) == (0, True)
    assert "nothing is changed" in installation("policy", "set", "--isp", "1", *words).out
    set_one = installation("policy", "set", "--customer", " 0949 aq", "grace_days=0", "language=sw", "--json")
    assert [one["field"] for one in set_one.document["changes"]] == ["policy.grace_days", "policy.language"]
    of_one = fields(installation("policy", "show", "--customer", "0949AQ", "--json"))
    assert of_one["grace_days"] == ("0", "customer")
    assert of_one["reminder_days"] == ("-3,0,1", "isp")
    assert of_one["cut_hour"] == ("0", "default")
    assert "policy.language" in installation("customer", "history", "0949AQ").out
    assert "as agreed" in installation("isp", "history", "1").out
    assert installation("policy", "unset", "--customer", "0949AQ", "grace_days").code == 0
    assert fields(installation("policy", "show", "--customer", "0949AQ", "--json"))["grace_days"] == ("3", "isp")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show",), 2, "--isp ISP or --customer ACCOUNT"),
        (("show", "--isp", "1", "--customer", "0949AQ"), 2, "--isp ISP or --customer ACCOUNT"),
        (("show", "--isp", "Nobody"), 1, "there is no ISP 'Nobody'"),
        (("show", "--customer", "NOBODY"), 1, "no customer NOBODY"),
        (("set", "--isp", "1", "grace_days"), 2, "'grace_days' is not FIELD=VALUE"),
        (("set", "--isp", "1", "grace_days=99"), 1, "grace_days: '99' is not a number from 0 to 60"),
        (("set", "--isp", "1", "grace_days=1", "grace_days=2"), 1, "a field is set twice"),
        (("set", "--isp", "1", "grace=9"), 1, "grace: not a field of a policy; there are grace_days, cut_hour"),
        (("set", "--isp", "1", "reminder_days=0", "reminder_hour=22"), 1, "22 is within the quiet hours"),
        (("unset", "--isp", "1", "grace"), 1, "grace: not a field of a policy"),
    ],
)
def test_what_cannot_be_is_refused(installation, words, code, said):
    told = installation("policy", *words)
    assert (told.code, said in told.err) == (code, True), told.err
