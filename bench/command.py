"""Programs that are run to their end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.pods import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND_SECONDS = 60.0


async def run_command(*command: str, env: Mapping[str, str], asked: str) -> str:
    """Run a program to its end and return what it printed; raises BenchError, which calls it `asked`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise BenchError(f"{asked} did not end within {COMMAND_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchError(f"{asked}: {output.decode(errors='replace').strip()[-300:]}")
    return output.decode(errors="replace")
