"""Who may call what of router-control. A method that is not here is nobody's.

SYSTEM is another system of the provider's: it may call those of its methods that its certificate names as well.
"""

from servicekit.rpc.identity import Role, Table

_OPERATOR = frozenset({Role.OPERATOR})
_OPERATOR_OR_SYSTEM = _OPERATOR | {Role.SYSTEM}

TABLE: Table = {
    "RouterControlService.SetAccess": _OPERATOR_OR_SYSTEM | {Role.DISPATCHER},
    "RouterControlService.GetAccess": _OPERATOR_OR_SYSTEM,
    "RouterControlService.ListSecrets": _OPERATOR_OR_SYSTEM | {Role.DISPATCHER},
    "RouterControlService.CheckRouter": _OPERATOR_OR_SYSTEM,
    "RouterControlService.GetRouter": _OPERATOR_OR_SYSTEM,
    "RouterControlService.ListRouters": _OPERATOR_OR_SYSTEM,
    # Where passwords go, and whom they are shown to, is for our own people alone.
    "RouterControlService.CreateRouter": _OPERATOR,
    "RouterControlService.UpdateRouter": _OPERATOR,
    "RouterControlService.GetRouterCertificate": _OPERATOR,
    "RouterControlService.TrustRouter": _OPERATOR,
    "RouterControlService.DeleteRouter": _OPERATOR,
}
