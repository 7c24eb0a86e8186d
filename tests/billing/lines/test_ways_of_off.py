"""What "off" means on a router, as the ISP decided, and what whoever has paid is to have again."""

import pytest
from billing.changes.rules import Author
from billing.lines import service
from billing.lines.service import Whom
from billing.payees.rules import Line, LineReason
from billing.policies.errors import InvalidPolicy
from billing.policies.service import Asked, Noun, change

from tests.billing.dispatching import lines, switched
from tests.billing.lines.conftest import sweep

ASHA = Author("Asha", "as asked")
OFF_BY = [
    ({"off": "profile:unpaid", "profile": "10M"}, ("unpaid", ""), ("10M", "")),
    ({"off": "address_list:unpaid"}, ("", "unpaid"), ("", "unpaid")),
]


@pytest.mark.parametrize(("fields", "limited", "back"), OFF_BY)
def test_who_does_not_pay_is_off_as_the_isp_decided_and_goes_back(paid, dispatcher, clock, fields, limited, back):
    change(paid.engine, Asked(Noun.ISP, 1), fields, (), ASHA)
    clock.forward(days=40)
    sweep(paid)
    (cutting,) = [task for task in paid.lease() if isinstance(task.work, Line) and task.work.username == "0949AQ"]
    assert (cutting.work.wanted, cutting.limit.profile, cutting.limit.address_list) == ("off", *limited)
    paid.report(switched(cutting))
    paid.pay("A2", "0949AQ")
    (connecting,) = lines(paid)
    assert (connecting.work.wanted, connecting.limit.profile, connecting.limit.address_list) == ("on", *back)
    paid.report(switched(connecting))
    service.hold(paid.engine, paid.policy, Whom(account="0949AQ"), LineReason.BY_STAFF, ASHA)
    (stopping,) = lines(paid)
    assert (stopping.work.wanted, stopping.limit.profile, stopping.limit.address_list) == ("off", "", "")


def test_off_by_a_profile_needs_the_one_to_go_back_to(paid):
    with pytest.raises(InvalidPolicy, match="profile"):
        change(paid.engine, Asked(Noun.ISP, 1), {"off": "profile:unpaid"}, (), ASHA)
