"""How requests about ISPs and customers are refused."""

from servicekit.rpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class InvalidIsp(InvalidArgument):
    """An ISP that nobody could pay, or whose fields do not fit."""

    reason = "INVALID_ISP"


class AccountTaken(AlreadyExists):
    """Another ISP, or a customer, has this account."""

    reason = "ACCOUNT_TAKEN"


class IdTaken(AlreadyExists):
    """Another ISP has the wanted id."""

    reason = "ID_TAKEN"


class CustomerNotFound(NotFound):
    """No customer has this account."""

    reason = "CUSTOMER_NOT_FOUND"


class ChangeNotFound(NotFound):
    """No change has this id."""

    reason = "CHANGE_NOT_FOUND"


class CannotUndo(FailedPrecondition):
    """What a change made is not so any more, or cannot be put back."""

    reason = "CANNOT_UNDO"


class IspNotFound(NotFound):
    """No ISP has this id."""

    reason = "ISP_NOT_FOUND"


class InvalidChange(InvalidArgument):
    """A change that names nobody who makes it, or a field that cannot be changed."""

    reason = "INVALID_CHANGE"
