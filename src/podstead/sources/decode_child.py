"""The child process that decodes one large manifest: bytes on stdin, a `Reading` on stdout, limits on itself.

`python -I -m podstead.sources.decode_child NODE-NAME lenient|strict CONTENT`, the last as `content.Content` has it. Its death
is a verdict (foundation 7).
"""

from __future__ import annotations

import sys

from podstead.children import confine, status_of

MEMORY_BYTES = 512 << 20
"""A valid Pod of 1 MiB takes a tenth of it; what takes more is a bomb."""
CPU_SECONDS = 5
"""A valid Pod of 1 MiB takes a second."""


def main() -> int:
    """Decode stdin; return the exit status."""
    confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    return status_of(_decode)


def _decode() -> None:
    from podstead.sources.content import Content, read_content  # noqa: PLC0415 - under the limits
    from podstead.sources.wire import encode_reading  # noqa: PLC0415 - under the limits

    node_name, mode, content = sys.argv[1:]
    data = sys.stdin.buffer.read()
    reading = read_content(data, Content(content), node_name=node_name, strict=mode == "strict")
    sys.stdout.buffer.write(encode_reading(reading))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
