"""Has billing look after the lines that nobody pays for. Protobuf stops here."""

from typing import TYPE_CHECKING

from rejesha.billing.v1.line_service_pb2 import SweepLinesRequest

if TYPE_CHECKING:
    from rejesha.billing.v1.line_service_pb2_grpc import LineServiceAsyncStub


class Lines:
    """`deadline`: of a call, in seconds."""

    def __init__(self, stub: "LineServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def sweep(self, page_token: str) -> str:
        """Sweep one page; the token of the next one, empty after the last. Raises ServiceError."""
        request = SweepLinesRequest(page_token=page_token)
        return (await self._stub.SweepLines(request, timeout=self._deadline)).next_page_token
