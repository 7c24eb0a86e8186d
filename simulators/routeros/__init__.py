"""A RouterOS router that speaks the API protocol on the wire, with faults on demand. Start with its README."""

from simulators.routeros.faults import BadFault, Fault, Mode
from simulators.routeros.ppp import DialRefused
from simulators.routeros.router import Router
from simulators.routeros.server import RouterServer
from simulators.routeros.users import User

__all__ = ["BadFault", "DialRefused", "Fault", "Mode", "Router", "RouterServer", "User"]
