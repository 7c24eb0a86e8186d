"""What to do about a payment that is held, by the reason why it is. Pure.

Each command named here must work as it stands, once the words in capitals are filled in:
tests/cli/payments/test_held.py runs them all.
"""

import shlex

_WHOSE = "Find out whose it is, then: `{assign} ACCOUNT`"
_BY_REASON = {
    "unknown_reference": _WHOSE,
    "user_not_found": _WHOSE,
    "isp_not_found": f"{_WHOSE}; if {{account}} is a customer without an ISP: `{{assign}} {{account}} --isp ISP`",
    "unknown_shortcode": "A shortcode of ours belongs in REJESHA_SHORTCODES. If the money is: `{assign} {account}`",
    "ambiguous_reference": (
        "`{assign} {account}` names all who have it; then, of customers: `{assign} --customer ID`,"
        " of ISPs: `{assign} {account} --isp ISP`"
    ),
    "reversal": (
        "M-Pesa took money back, its statement says of which payment:"
        " `rejesha payment reverse TRANSID --notice {code} --reason WHY --yes` takes back what that gave."
        " If it is a payment after all: `{assign} ACCOUNT`"
    ),
    "unassigned": "It was taken back from where it was placed: `{assign} ACCOUNT` places it where it belongs",
    "package_not_set": "`rejesha customer update {account} --package KES`, and the payment settles by itself",
    "account_closed": (
        "If it is still theirs: `rejesha customer reopen {account}` or `rejesha isp reopen ISP`, then"
        " `{assign} {account}`. If it is somebody else's: `{assign} ACCOUNT`"
    ),
}


def advice(code: str, reason: str, reference: str) -> str:
    """`code`: the payment's TransID; `reference`: what the payer typed, quoted for a shell where it must be."""
    sentence = _BY_REASON.get(reason, _WHOSE)
    return sentence.format(
        code=code, assign=f"rejesha payment assign {code}", account=shlex.quote(reference.strip() or "ACCOUNT")
    )
