"""`python -m demo run | service | stop | uninstall`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from demo.places import Places, places_for
from podstead.errors import PodsteadError
from podstead.k8s.text import printable


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one sentence."""
    parser = argparse.ArgumentParser(prog="demo", description="The article's MySQL as a static pod.")
    parser.add_argument("command", choices=("run", "service", "stop", "uninstall"))
    parser.add_argument(
        "--under",
        type=Path,
        metavar="DIR",
        help="keep everything below this directory instead of /opt/mysql, /var/lib/podstead and /etc/podstead",
    )
    parser.add_argument("--stand-in", choices=("MySQL", "MariaDB"), help="run: take this stand-in, ask no registry")
    parser.add_argument("--image", type=Path, metavar="FILE.tar", help="run: import mysql:5.7.39 from a 'docker save'")
    given = parser.parse_args(arguments)
    places = places_for(given.under.absolute() if given.under else None)
    try:
        return _command(given, places)
    except PodsteadError as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        return 1
    except BrokenPipeError:
        # Whoever read the lines has gone (`make run | head`); what was started stays as it is.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: 'make stop' ends what was started\n")
        return 130


def _command(given: argparse.Namespace, places: Places) -> int:
    if given.command == "run":
        from demo.run import Run, Wish

        return Run(places, Wish(stand_in=given.stand_in or "", archive=given.image)).run()
    if given.command == "service":
        from demo.service import service

        return service(places, _say)
    if given.command == "stop":
        from demo.stop import stop

        return stop(places, _say)
    from demo.uninstall import uninstall

    return uninstall(places, _say)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
