"""Billing, with a bug: whoever reports is believed, under whatever lease."""

import billing.__main__
from billing.tasks import service

if __name__ == "__main__":
    vars(service)["_holds_lease"] = lambda *_about: True
    billing.__main__.main()
