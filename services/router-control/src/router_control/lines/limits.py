"""What comes before lines are switched into a profile or with an address list: what cannot be done is found before
anybody's line is touched, and addresses are put on lists before their lines are on.

A module of its own: who just pays has no limit.
"""

from collections.abc import Mapping

from router_control.lines import address_lists
from router_control.lines.address_lists import Place
from router_control.lines.ppp import Ppp
from router_control.lines.rules import Access, Secret, Wanted, changes_profile
from router_control.routeros.errors import AccessOutcome

# The outcome and its detail.
Refusal = tuple[AccessOutcome, str]


def prepare(
    ppp: Ppp, wanted: Mapping[str, Wanted], secrets: Mapping[str, Secret], sent: set[str]
) -> dict[str, Refusal]:
    """Answers whose secret must be left as it is, and why. Into `sent` goes whose address lists are written to."""
    refused = _missing_profiles(ppp, wanted, secrets)
    places = {}
    for name, secret in secrets.items():
        one = wanted[name]
        if name in refused or not one.address_list:
            continue
        if one.access is Access.LIMITED and not secret.address:
            detail = "the secret has no fixed remote-address to put on an address list"
            refused[name] = AccessOutcome.NO_FIXED_ADDRESS, detail
        else:
            places[name] = Place(one.address_list, secret.address, one.access is Access.LIMITED)
    for name, trap in address_lists.settle(ppp, places, sent).items():
        refused[name] = trap.outcome, str(trap)
    return refused


def _missing_profiles(ppp: Ppp, wanted: Mapping[str, Wanted], secrets: Mapping[str, Secret]) -> dict[str, Refusal]:
    """Of those who are to change profile: they would be disabled first."""
    moving = {name: wanted[name].profile for name, secret in secrets.items() if changes_profile(wanted[name], secret)}
    known = ppp.profiles(sorted(set(moving.values()))) if moving else set()
    return {
        name: (AccessOutcome.NO_SUCH_PROFILE, f"the router has no profile {profile}")
        for name, profile in moving.items()
        if profile not in known
    }
