"""What stands around the answering of every unary RPC of a server. Knows no RPC."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import grpc

# What answers an RPC: its request and context, its response.
Behave = Callable[[Any, grpc.ServicerContext], Any]


class UnaryInterceptor(grpc.ServerInterceptor, ABC):
    """Lets `around` answer each unary RPC; streams pass by."""

    @abstractmethod
    def around(self, behave: Behave, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        """The response of `method`, which `behave` knows."""

    def intercept_service(
        self,
        # Quoted: only the type checker's stubs make this class generic.
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        behave, method = handler.unary_unary, handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self.around(behave, method, request, context),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
