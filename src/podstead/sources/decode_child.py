"""The child process that decodes one large manifest: bytes on stdin, a `Reading` on stdout, limits on itself.

`python -I -m podstead.sources.decode_child NODE-NAME lenient|strict CONTENT`, the last as `content.Content` has it. Its death is a verdict (foundation 7).
"""

from __future__ import annotations

import os
import resource
import sys

MEMORY_BYTES = 512 << 20
"""A valid Pod of 1 MiB takes a tenth of it; what takes more is a bomb."""
CPU_SECONDS = 5
"""A valid Pod of 1 MiB takes a second."""
OUT_OF_MEMORY = 3
"""Exit status when the memory limit was met."""


def limit_resources() -> None:
    """Give this process its limits: memory, CPU, no core file, no file written, and way to the agent's own threads."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(5)


def main() -> int:
    """Decode stdin; return the exit status."""
    limit_resources()
    node_name, mode, content = sys.argv[1:]
    try:
        from podstead.sources.content import Content, read_content  # noqa: PLC0415 - under the limits
        from podstead.sources.wire import encode_reading  # noqa: PLC0415 - under the limits

        data = sys.stdin.buffer.read()
        reading = read_content(data, Content(content), node_name=node_name, strict=mode == "strict")
        sys.stdout.buffer.write(encode_reading(reading))
        sys.stdout.buffer.flush()
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main())
