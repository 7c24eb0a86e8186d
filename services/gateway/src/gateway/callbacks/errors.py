"""What can be wrong with a callback."""


class MalformedCallback(ValueError):
    """The body cannot become a payment. `fault` tells the sender and the operator why, and repeats nothing of it."""

    def __init__(self, field: str, fault: str, *, worth_keeping: bool = True) -> None:
        super().__init__(fault)
        self.field = field
        self.fault = fault
        # False when there is nothing in the body that money could be in.
        self.worth_keeping = worth_keeping
