"""`rejesha history`: what people did to records, payments and many customers, in one order, by whom and why."""


def lines(installation, *words):
    found = installation("history", *words, "--json").document["history"]
    return [(one["actor"], one["of"], one["what"], one["before"], one["after"], one["reason"]) for one in found]


def test_who_did_what_is_told_newest_first_whatever_it_was(installation, billing):
    billing.add_customers("B1", "B2", "B3", username="{name}", package_cents=100_000, phone="0712000001")
    billing.pay("A1", "NOBODY", 100_000)
    number = billing.customers()["B1"].customer_id
    installation("isp", "update", "1", "--name", "Demo Net", "--reason", "as it is called", "--by", "Asha")
    installation("customer", "update", "B1", "--package", "900", "--reason", "agreed", "--by", "Asha")
    installation("policy", "set", "--isp", "1", "grace_days=2", "--reason", "as agreed", "--by", "Juma")
    installation("payment", "assign", "A1", "B1", "--by", "Juma")
    installation("payment", "unassign", "A1", "--reason", "somebody else's", "--yes", "--by", "Juma")
    bulk(installation, "--package", "1000", "--price", "1200")
    bulk(installation, "--message", "Dear {name}")
    installation("line", "cut", "B2", "--reason", "stolen", "--by", "Asha")
    assert [one[:3] for one in lines(installation)] == [
        ("Asha", f"customer {number + 1}", "hold_since"), ("Asha", f"customer {number + 1}", "hold"),
        ("Asha", "3 customers", "message (bulk 2)"), ("Asha", "2 customers", "package"),
        ("Juma", f"customer {number}", "payment"), ("Juma", "A1", "unassignment"),
        ("Juma", "A1", "assignment"), ("Juma", "ISP 1", "policy.grace_days"),
        ("Asha", f"customer {number}", "package"), ("Asha", "ISP 1", "name"),
    ]  # fmt: skip
    assert lines(installation, "--by", "Juma") == [
        ("Juma", f"customer {number}", "payment", "A1", "", "somebody else's"),
        ("Juma", "A1", "unassignment", "wallet:1", "held", None),
        ("Juma", "A1", "assignment", "held", "wallet:1", None),
        ("Juma", "ISP 1", "policy.grace_days", "", "2", "as agreed"),
    ]
    assert lines(installation, "--limit", "1")[0][5] == "stolen"
    assert lines(installation, "--since", "2999-01-01") == []
    told = installation("history")
    assert ("for the year" in told.out, "bulk 1: for the year" in told.out) == (True, True)
    assert installation("history", "--since", "soon").code == 2


def bulk(installation, *words):
    token = installation("bulk", "preview", "--isp", "1", *words, "--json").document["preview"]["token"]
    installation("bulk", "apply", token, "--reason", "for the year", "--by", "Asha")
