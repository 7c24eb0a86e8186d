"""Who may call what of notify. A method that is not here is nobody's.

SYSTEM is another system of the provider's: it may call those of its methods that its certificate names as well.
"""

from servicekit.rpc.identity import Role, Table

_OPERATOR_OR_SYSTEM = frozenset({Role.OPERATOR, Role.SYSTEM})

TABLE: Table = {
    # The intake tells the admins when payments have to wait; it does not wait for billing, which may be what is away.
    "NotifyService.SendMessages": frozenset({Role.INTAKE, Role.DISPATCHER, Role.SYSTEM}),
    "NotifyService.GetMessage": _OPERATOR_OR_SYSTEM,
    "NotifyService.ListMessages": _OPERATOR_OR_SYSTEM | {Role.INTAKE},  # for the payment's timeline
    "NotifyService.CountMessages": _OPERATOR_OR_SYSTEM,
    "NotifyService.PurgeMessages": frozenset({Role.OPERATOR}),
    "NotifyService.EraseMessages": frozenset({Role.OPERATOR}),
    "NotifyService.ListTemplates": _OPERATOR_OR_SYSTEM,
}
