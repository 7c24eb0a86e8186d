"""A policy is changed as a whole or not at all, and each change is kept with what was before."""

import pytest
from billing.accounts.errors import CustomerNotFound, IspNotFound
from billing.changes.rules import Author, Noun
from billing.policies import service
from billing.policies.errors import InvalidPolicy
from billing.policies.rules import LinePolicy
from billing.policies.service import Asked
from billing.schema import account_changes, line_policies

from tests.billing.concurrency import at_once

ISP = Asked(Noun.ISP, 1)
CUSTOMER = Asked(Noun.CUSTOMER, account="0949 aq")
ASHA = Author("Asha", "as agreed")


def change(desk, asked, unset=(), **wanted):
    owner, changes = service.change(desk.engine, asked, wanted, unset, ASHA)
    return owner, [(one.field, one.before, one.after) for one in changes]


def history(desk, noun):
    return [(row.field, row.old_value, row.new_value, row.actor, row.reason)
            for row in desk.rows(account_changes, noun=noun)]  # fmt: skip


def test_each_change_is_kept_with_what_was_before_by_whom_and_why(desk):
    owner, made = change(desk, ISP, grace_days="3", language="sw")
    assert made == [("policy.grace_days", "", "3"), ("policy.language", "", "sw")]
    assert owner.policy == LinePolicy(grace_days=3, language="sw")
    assert change(desk, ISP, grace_days="3")[1] == []
    assert change(desk, ISP, ("language",), grace_days="5")[1] == [
        ("policy.grace_days", "3", "5"), ("policy.language", "sw", "")
    ]  # fmt: skip
    assert history(desk, "isp") == [
        ("policy.grace_days", "", "3", "Asha", "as agreed"), ("policy.language", "", "sw", "Asha", "as agreed"),
        ("policy.grace_days", "3", "5", "Asha", "as agreed"), ("policy.language", "sw", "", "Asha", "as agreed"),
    ]  # fmt: skip
    assert [(row.field, row.value) for row in desk.rows(line_policies)] == [("grace_days", "5")]


def test_what_a_customer_has_of_its_own_stays_when_its_isp_s_changes_even_where_both_are_alike(desk):
    change(desk, ISP, grace_days="3")
    assert change(desk, CUSTOMER, grace_days="3")[1] == [("policy.grace_days", "", "3")]
    change(desk, ISP, grace_days="9")
    assert service.get(desk.engine, CUSTOMER).policy.grace_days == 3
    assert service.get(desk.engine, Asked(Noun.CUSTOMER, account="12BC")).policy.grace_days == 9
    change(desk, CUSTOMER, ("grace_days",))
    assert service.get(desk.engine, CUSTOMER).policy.grace_days == 9
    assert len(history(desk, "customer")) == 2


@pytest.mark.parametrize(
    ("asked", "unset", "wanted", "error"),
    [
        (ISP, (), {"grace_days": "3", "cut_hour": "24"}, InvalidPolicy),
        (ISP, (), {"reminder_days": "0", "reminder_hour": "23"}, InvalidPolicy),
        (ISP, ("grace_days",), {"grace_days": "3"}, InvalidPolicy),
        (ISP, (), {}, InvalidPolicy),
        (Asked(Noun.ISP, 9), (), {"grace_days": "3"}, IspNotFound),
        (Asked(Noun.CUSTOMER, account="NOBODY"), (), {"grace_days": "3"}, CustomerNotFound),
    ],
)
def test_what_cannot_be_changes_nothing(desk, asked, unset, wanted, error):
    with pytest.raises(error):
        service.change(desk.engine, asked, wanted, unset, ASHA)
    assert desk.rows(line_policies) == desk.rows(account_changes) == []


def test_what_was_before_is_true_when_many_change_the_same_field_at_once(desk):
    at_once([lambda day=day: change(desk, ISP, grace_days=str(day)) for day in range(1, 9)])
    (kept,) = desk.rows(line_policies)
    told = history(desk, "isp")
    assert len(told) == 8
    assert [one[1] for one in told] == ["", *(one[2] for one in told[:-1])]
    assert kept.value == told[-1][2]
