"""Requests in, responses out: protobuf stops here. One module a gRPC service."""
