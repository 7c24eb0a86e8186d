"""Who calls, and what that one may call.

With mutual TLS each process role has a certificate that names it in a URI, `rejesha://<role>`. Without, as today,
everybody has the role "" and may call everything.
"""

from collections.abc import Callable
from typing import Any

import grpc

_PREFIX = "rejesha://"

# Whether a role may call a method, such as "/rejesha.billing.v1.PaymentService/GetPayment".
Permits = Callable[[str, str], bool]


def everything(_role: str, _method: str) -> bool:
    """What is permitted where nobody can prove who they are."""
    return True


def role_of(context: grpc.ServicerContext) -> str:
    """The role that the caller's certificate proves, or ""."""
    names: Any = context.auth_context().get("x509_subject_alternative_name", ())
    uris = (name.decode(errors="replace") for name in names)
    return next((uri.removeprefix(_PREFIX) for uri in uris if uri.startswith(_PREFIX)), "")
