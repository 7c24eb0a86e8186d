"""A TextSMS that keeps every message in an inbox to read, and fails on demand."""

from simulators.textsms.faults import Fault
from simulators.textsms.inbox import Received
from simulators.textsms.server import TextSmsSimulator

__all__ = ["Fault", "Received", "TextSmsSimulator"]
