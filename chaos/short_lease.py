"""Runs the real dispatcher with short leases, so that what a killed one held is redone soon: for the quick form."""

from functools import partial

import gateway.__main__
from gateway.app import Plan
from gateway.dispatcher.limits import DispatchLimits

SECONDS = 8.0
LIMITS = DispatchLimits(lease=SECONDS, access_deadline=4.0, message_deadline=3.0, report_deadline=2.0, margin=1.0)


if __name__ == "__main__":
    vars(gateway.__main__)["Plan"] = partial(Plan, dispatch_limits=LIMITS)
    gateway.__main__.main()
