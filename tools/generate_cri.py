"""Generate `src/podstead/cri/_pb/` from `src/podstead/cri/_proto/*.proto` with the protobuf compiler of grpcio-tools.

Message classes and their type stubs only: the calls are a table of our own (`cri/methods.py`), so no gRPC stubs are made.
Run: `make generate`. A test compares the committed modules with a fresh run (`--check`).
"""

from __future__ import annotations

import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOM = Path(__file__).parent.parent / "src" / "podstead" / "cri"
SOURCES = ("cri.proto", "containerd_events.proto", "containerd_tasks.proto")


def generate(target: Path) -> None:
    """Write the modules and stubs of every source into `target`; exits with a sentence when the compiler refuses."""
    well_known = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{ROOM / '_proto'}", f"-I{well_known}", f"--python_out={target}", f"--pyi_out={target}"]
    if protoc.main([*arguments, *SOURCES]) != 0:
        sys.exit("cannot generate the CRI messages: the compiler's errors stand above")


def differences() -> list[str]:
    """Return the names of the committed files that a fresh run would change, remove or add."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        committed = {p.name for p in (ROOM / "_pb").glob("*_pb2.py*")}
        names = committed | {p.name for p in fresh.iterdir()}
        return sorted(n for n in names if _content(fresh / n) != _content(ROOM / "_pb" / n))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if changed := differences():
            sys.exit(f"not what the .proto files say: {', '.join(changed)}; run `make generate`")
    else:
        generate(ROOM / "_pb")
        print(f"wrote {', '.join(SOURCES)} to {ROOM / '_pb'}")
