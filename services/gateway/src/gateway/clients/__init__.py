"""The other services as the gateway sees them. Protobuf and gRPC stop here."""
