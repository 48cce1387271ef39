"""Speaks CRI v1 to a container runtime; the only room that knows gRPC and protobuf.

`client` is the port's implementation, `convert` the pure translation, `errors` the border for foreign exceptions.
"""
