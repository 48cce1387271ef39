"""Speaks CRI v1 to a container runtime; the only room that knows gRPC and protobuf.

`client` is the port's implementation and `events` tells of exits; both ask through `transport`, the only file that
knows the gRPC library. `methods` is the table of calls, `convert`, `security`, `observe` are pure translation,
`errors` is the border for foreign exceptions. Values of this room's callers are those of `state`; no message class
leaves it (the simulator of the tests is the one exception).
"""
