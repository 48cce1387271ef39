"""`python -m bench`: measures, prints a table for each OCI runtime on stdout and tells of its progress on stderr."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.images import build_busybox_image

from bench import machine, podman
from bench.agent import remove_cgroup, running_node
from bench.compose import ready_compose
from bench.dockerd import unpacked_docker
from bench.floor import Floor
from bench.gates import measure_gates
from bench.judging import measure_judging
from bench.kubelet import running_kubelet
from bench.load import Load
from bench.pods import BenchError
from bench.rows import FULL, QUICK, Rows
from bench.subjects import ManifestSubject
from bench.table import DOCKER, GROUPS, KUBELET, PODMAN, PODSTEAD, ROWS, Results, markdown
from bench.unit import PodmanUnit
from bench.whole_node import PodsteadNode, measure_nodes
from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.subjects import Subject
    from bench.whole_node import NodeSubject

FLOOR_CGROUP = "/bench-floor"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Podstead beside the bare CRI calls.")
    parser.add_argument("--quick", action="store_true", help="few samples and 20 pods: a minute or two")
    parser.add_argument(
        "--rows", type=_words(GROUPS), default=GROUPS, metavar="A,B", help=f"groups of rows: {', '.join(GROUPS)}"
    )
    parser.add_argument(
        "--runtimes", type=_words(("crun", "runc")), default=None, metavar="A,B", help="OCI runtimes: crun, runc"
    )
    parser.add_argument("--no-podman", action="store_true", help="leave podman out though it is installed")
    parser.add_argument("--no-docker", action="store_true", help="leave Debian's dockerd out, which is fetched once")
    parser.add_argument("--kubelet", type=Path, metavar="PATH", help="a kubelet binary to measure as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there, - for stdout")
    return parser.parse_args(given)


def _words(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        if unknown := [word for word in words if word not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return words

    return read


async def measure(runtime: str, options: argparse.Namespace, root: Path) -> Results:
    """Measure everything that was asked for on one OCI runtime."""
    results = Results(runtime=runtime)
    out, image = root / "out", root / "image.tar"
    out.mkdir(parents=True)
    build_busybox_image(image)
    effort = QUICK if options.quick else FULL
    async with contextlib.AsyncExitStack() as running:
        plain = running.enter_context(machine.plain_mounts())
        running.callback(remove_cgroup, FLOOR_CGROUP)
        node = await running.enter_async_context(running_node(root / "p", runtime))
        await node.private.importer.import_image(image, pull=node.client.pull_image)
        floor = Floor(node.client, cgroup_root=FLOOR_CGROUP, logs=node.paths.pod_logs, handler=runtime)
        await running.enter_async_context(floor.listening())
        agent = ManifestSubject(PODSTEAD, node.manifests, node.client)
        subjects: list[Subject] = [floor, agent]
        other = None
        if options.no_podman or not podman.installed():
            results.absent[PODMAN] = "left out" if options.no_podman else "not installed"
        else:
            with _absent(results, PODMAN):
                other = await running.enter_async_context(podman.ready_podman(root / "m", runtime, image, plain))
                subjects.append(other)
        if options.kubelet is None:
            results.absent[KUBELET] = "not given (--kubelet PATH)"
        else:
            with _absent(results, KUBELET):
                starting = running_kubelet(options.kubelet, root / "k", runtime, image, plain)
                subjects.append(await running.enter_async_context(starting))
        rows = Rows(subjects, results, effort, out)
        if "node" in options.rows:
            nodes: list[NodeSubject] = [PodsteadNode(node, agent), *([PodmanUnit(other)] if other else [])]
            # Docker is there for these rows alone: nothing else that is measured runs beside it.
            async with contextlib.AsyncExitStack() as beside:
                if options.no_docker:
                    results.absent[DOCKER] = "left out"
                else:
                    with _absent(results, DOCKER):
                        starting_docker = ready_compose(root / "d", image, plain)
                        nodes.append(await beside.enter_async_context(starting_docker))
                await measure_nodes(nodes, results, effort.node_edits, out)
        if "single" in options.rows:
            await rows.single()
        if "network" in options.rows:
            await rows.network()
        if "burst" in options.rows:
            await rows.burst(node)
        if "gates" in options.rows:
            measure_gates(results)
            await measure_judging(results, root)
        if "load" in options.rows:
            await Load(node, (floor, agent), results, out).run(effort.load)
    return results


@contextlib.contextmanager
def _absent(results: Results, subject: str) -> Iterator[None]:
    """Let the others be measured when one subject does not work here."""
    try:
        yield
    except (BenchError, PodsteadError) as error:
        results.absent[subject] = f"does not work here: {error}"
        print(f"{results.runtime}: {subject} {results.absent[subject]}", file=sys.stderr)


async def run(options: argparse.Namespace) -> list[Results]:
    """Measure each OCI runtime; SIGINT and SIGTERM end it in order."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    found = [r for r in (options.runtimes or ("crun", "runc")) if options.runtimes or shutil.which(r)]
    done = []
    for runtime in found:
        with machine.directory() as root:
            done.append(await measure(runtime, options, root))
    return done


def heading() -> str:
    """Return what the figures are of."""
    return (
        f"## Benchmark\n\nOne run on this machine: {os.cpu_count()} CPUs, kernel {platform.release()}, "
        f"Python {platform.python_version()}. Medians. Times are this machine's; compare the ratios.\n"
    )


def main() -> int:
    """Run the benchmark."""
    options = arguments()
    if os.geteuid() != 0:
        print("error: the benchmark runs containers: run it as root", file=sys.stderr)
        return 1
    if "node" in options.rows and not options.no_docker and not machine.inside():
        with contextlib.suppress(BenchError):  # told when it is missed
            unpacked_docker()  # here is a network, there is none
    machine.enter_own_network()
    begun = time.monotonic()
    try:
        done = asyncio.run(run(options))
    except BaseExceptionGroup as group:
        return _told(_leaf(group))
    except (BenchError, PodsteadError, KeyboardInterrupt, asyncio.CancelledError) as error:
        return _told(error)
    print(heading())
    for results in done:
        print(markdown(results))
    print(f"{time.monotonic() - begun:.0f} s in all.")
    if options.json is not None:
        text = json.dumps({"rows": [row.key for row in ROWS], "runtimes": {r.runtime: r.samples for r in done}})
        print(text) if str(options.json) == "-" else options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


def _told(error: BaseException) -> int:
    """Say why there is no table, and return the exit code; a mistake of ours is raised."""
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        print("interrupted; everything is cleaned up", file=sys.stderr)
        return 130
    if isinstance(error, BenchError | PodsteadError):
        print(f"error: {error}", file=sys.stderr)
        return 1
    raise error


if __name__ == "__main__":
    sys.exit(main())
