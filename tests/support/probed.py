"""A server for many probes: `python -m tests.support.probed HTTP_PORT GRPC_PORT`; tcp probes dial the first.

One process answers for all containers of a node, so that what is measured is the prober: containers on the host network
share the node's address. It answers at once and keeps no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from grpclib.health.service import Health
from grpclib.server import Server

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one HTTP request; a tcp probe closes without any."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
    writer.close()


async def main(http_port: int, grpc_port: int) -> None:
    """Serve until killed."""
    health = Server([Health()])
    await health.start("0.0.0.0", grpc_port)
    server = await asyncio.start_server(answer, "0.0.0.0", http_port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
