"""Where programs of the node listen."""

from __future__ import annotations

import socket

from podstead.network.listeners import Listener, listeners, parse

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 020011AC:0016 010011AC:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A
   2: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A
"""
UDP = """\
   sl  local_address rem_address   st
   1: 3500007F:0035 0100007F:9C40 01
   2: 3500007F:0035 00000000:0000 07
"""


def test_tables() -> None:
    assert list(parse(TCP.splitlines(), "TCP", "0A")) == [Listener("TCP", 3306, "127.0.0.1"), Listener("TCP", 22, "")]
    assert list(parse(TCP6.splitlines(), "TCP", "0A")) == [
        Listener("TCP", 8080, ""),
        Listener("TCP", 8081, "127.0.0.1"),
    ]
    assert list(parse(UDP.splitlines(), "UDP", "07")) == [Listener("UDP", 53, "127.0.0.53")]


def test_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        mine = {
            Listener("TCP", tcp.getsockname()[1], "127.0.0.1"),
            Listener("UDP", udp.getsockname()[1], "127.0.0.1"),
        }
        assert mine <= listeners()
    assert not mine & listeners()
