"""Removes a network interface by one netlink message (rtnetlink(7)): no program is needed for it."""

from __future__ import annotations

import errno
import os
import socket
import struct

from podstead.errors import OperatorError

_NLMSGHDR = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""
_IFINFOMSG = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, type, index, flags, change."""
_RTATTR = struct.Struct("=HH")
RTM_DELLINK = 17
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
IFLA_IFNAME = 3


def delete_link(name: str) -> bool:
    """Remove an interface from the calling thread's network namespace; False if there was none.

    Raises:
        OperatorError: the kernel refuses.
    """
    value = name.encode() + b"\0"
    attribute = _RTATTR.pack(_RTATTR.size + len(value), IFLA_IFNAME) + value
    attribute += b"\0" * (-len(attribute) % 4)
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute
    header = _NLMSGHDR.pack(_NLMSGHDR.size + len(body), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        route.settimeout(5.0)
        try:
            route.send(header + body)
            reply = route.recv(4096)
        except OSError as error:
            raise OperatorError(f"cannot remove the network interface {name}: {error}") from error
    _, kind, _, _, _ = _NLMSGHDR.unpack_from(reply)
    (code,) = struct.unpack_from("=i", reply, _NLMSGHDR.size)
    if kind != NLMSG_ERROR or code == 0:
        return True
    if -code == errno.ENODEV:
        return False
    raise OperatorError(f"cannot remove the network interface {name}: {os.strerror(-code)}")
