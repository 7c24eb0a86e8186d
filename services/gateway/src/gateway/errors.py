"""How the failures of other services are told apart. The classes themselves are servicekit.rpc.errors'."""

from servicekit.rpc.errors import Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable

# The service is down, overloaded or too slow: it must be asked later, and asking for less would not help.
AWAY = (Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable)
