"""The command line of `podstead run`: the kubelet's flags with the kubelet's meanings, and our few.

Read as the kubelet reads its own (pflag): `--name value`, `--name=value`, booleans bare or with `=true`/`=false`, one
dash allowed for `-v`. Flags of the kubelet that mean nothing here are collected; unknown ones are errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from podstead.cli.checks import CGROUP_DRIVERS
from podstead.cli.kubelet_flags import UNUSED_BOOLEAN_FLAGS, UNUSED_VALUE_FLAGS
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.own_configuration import OCI_RUNTIMES
from podstead.cli.own_security import FOREIGN_MODES, SIGNATURE_MODES
from podstead.cli.upkeep import FLAGS as UPKEEP_FLAGS

VALUE_FLAGS = {
    "pod-manifest-path": "directory of Pod manifests, or one manifest file",
    "objects-dir": "directory of ConfigMaps and Secrets that pods may refer to (default /etc/podstead/objects if it is there)",
    "config": "a KubeletConfiguration file; its fields that concern static pods are honoured",
    "hostname-override": "the node's name instead of the host name",
    "node-ip": "the node's address instead of the default route's",
    "pod-cidr": "address range of pods with their own network",
    "container-runtime-endpoint": "CRI socket of a runtime; without it a private containerd is run",
    "pod-infra-container-image": "sandbox image of the private containerd",
    "manifest-url": "URL of a Pod manifest or a list of Pods, beside or instead of the directory",
    "manifest-url-header": "NAME:VALUE to send with it; may be given again (a secret belongs into --config)",
    "http-check-frequency": "period between two fetches of the URL (20s)",
    "file-check-frequency": "period of the full look at the directory (20s)",
    "cluster-dns": "name servers for dnsPolicy ClusterFirst, separated by commas",
    "cluster-domain": "DNS domain for dnsPolicy ClusterFirst",
    "resolv-conf": "the node's resolver file (/etc/resolv.conf)",
    "max-pods": "how many pods may run",
    "pod-max-pids": "how many processes a pod may have (-1: no limit)",
    "cgroup-driver": "systemd or cgroupfs (default: the runtime's; with a private containerd systemd where it runs)",
    "runtime-request-timeout": "deadline of one runtime call (2m)",
    "node-labels": "labels of the node, key=value separated by commas",
    "allowed-unsafe-sysctls": "sysctls or patterns (net.core.*) that pods may set beyond the safe ones",
    "seccomp-profile-root": "directory of the profiles that localhostProfile names (seccomp in the root directory)",
    "foreign": "report (default) or stop: what is done about pods in the private containerd that the agent did not make",
    "signature-mode": "off (default), warn or enforce: whether manifests run only when somebody allowed has signed them",
    "allowed-signers": "whose signatures count, as in ssh-keygen(1) (default /etc/podstead/allowed_signers)",
    "revoked-keys": "keys that count no more: a KRL or lines of public keys (default /etc/podstead/revoked_keys)",
    **UPKEEP_FLAGS,
    "v": "log verbosity: 0 errors, 2 the usual, 4 each decision",
    "root-dir": "keep everything under this directory: state, sockets, private containerd, logs",
    "podstead-config": "our own settings file (default /etc/podstead/config.yaml if it is there)",
    "policy": "what may run here, a NodePolicy (default /etc/podstead/policy.yaml if it is there)",
    "oci-runtime": "crun or runc for the private containerd (default: crun where it works)",
    "socket": "the local HTTP socket instead of the one in the root directory",
}
BOOLEAN_FLAGS = {
    "share-runtime": "run on a runtime or a directory that another agent uses as well",
    "seccomp-default": "give containers that name no seccomp profile the runtime's own",
    "allow-insecure-manifests": "warn where others than root can write manifests or what the agent trusts, instead of refusing",
    "quarantine": "move files that signatures or the policy refuse to the root directory's quarantine",
    "strict": "refuse manifests with warnings (unknown fields, duplicate keys, unquoted numbers)",
    "help": "print this and exit",
    "version": "print the version and exit",
}

REPEATABLE = frozenset({"manifest-url-header", "cluster-dns", "node-labels", "allowed-unsafe-sysctls"})
"""Flags whose values add up when they are given again, as lists and maps do in the kubelet."""

FILE_FLAGS = frozenset(
    {
        "allowed-signers",
        "policy",
        "revoked-keys",
        "pod-manifest-path",
        "config",
        "podstead-config",
        "resolv-conf",
        "socket",
        "container-runtime-endpoint",
    }
)
DIRECTORY_FLAGS = frozenset({"objects-dir", "seccomp-profile-root", "root-dir"})
CHOICES = {
    "foreign": FOREIGN_MODES,
    "signature-mode": SIGNATURE_MODES,
    "oci-runtime": OCI_RUNTIMES,
    "cgroup-driver": CGROUP_DRIVERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """What was given on the command line, by flag name; booleans by their truth."""

    values: dict[str, str] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    """Kubelet flags that mean nothing here, as given, once each."""


def parse_run_flags(arguments: list[str]) -> RunFlags:
    """Read the arguments after `podstead run`; raises UsageError for what the kubelet would not know either."""
    values: dict[str, str] = {}
    switches: dict[str, bool] = {}
    unused: dict[str, None] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, given = _split(argument)
        if name in BOOLEAN_FLAGS or name in UNUSED_BOOLEAN_FLAGS:
            truth = _truth(name, given)
            if name in BOOLEAN_FLAGS:
                switches[name] = truth
            else:
                unused[f"--{name}"] = None
        elif name in VALUE_FLAGS or name in UNUSED_VALUE_FLAGS:
            if given is None:
                if not rest:
                    raise UsageError(f"flag --{name} needs a value: write --{name}=VALUE")
                given = rest.pop(0)
            if name in VALUE_FLAGS:
                repeated = name in REPEATABLE and name in values
                values[name] = f"{values[name]},{given}" if repeated else given
            else:
                unused[f"--{name}"] = None
        else:
            raise UsageError(_unknown(argument, name))
    return RunFlags(values=values, switches=switches, unused=tuple(unused))


def run_options() -> tuple[Option, ...]:
    """Return the flags as the other commands have theirs, for manual pages and shells."""
    return (
        *(_value_option(name, text) for name, text in VALUE_FLAGS.items()),
        *(Option(name=name, help=text, short="h" if name == "help" else "") for name, text in BOOLEAN_FLAGS.items()),
    )


def _value_option(name: str, text: str) -> Option:
    takes, value = Takes.TEXT, "VALUE"
    if name in FILE_FLAGS:
        takes, value = Takes.FILE, "PATH"
    elif name in DIRECTORY_FLAGS:
        takes, value = Takes.DIRECTORY, "DIR"
    return Option(
        name=name,
        help=text,
        short="v" if name == "v" else "",
        value=value,
        repeated=name in REPEATABLE,
        takes=takes,
        choices=CHOICES.get(name, ()),
    )


def usage() -> str:
    """Return the help text of `podstead run`."""
    lines = ["usage: podstead run [FLAGS]", "", "Keep the static pods of a directory running.", ""]
    width = max(len(name) for name in (*VALUE_FLAGS, *BOOLEAN_FLAGS))
    lines += [f"  --{name.ljust(width)}  {text}" for name, text in {**VALUE_FLAGS, **BOOLEAN_FLAGS}.items()]
    lines += ["", "Every other flag of the kubelet (1.18 to 1.36) is accepted, listed once and not used."]
    return "\n".join(lines)


def _split(argument: str) -> tuple[str, str | None]:
    if argument == "-h":
        return "help", None
    if argument.startswith("-v") and not argument.startswith("--"):
        text = argument[2:].removeprefix("=")
        return "v", text or None
    if not argument.startswith("--") or argument == "--":
        raise UsageError(f"unexpected argument {argument!r}: flags begin with --, see 'podstead run --help'")
    name, equals, value = argument[2:].partition("=")
    return name.replace("_", "-"), value if equals else None


def _truth(name: str, given: str | None) -> bool:
    words = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    if given is None:
        return True
    if given.lower() not in words:
        raise UsageError(f"flag --{name} is true or false, got {given!r}")
    return words[given.lower()]


def _unknown(argument: str, name: str) -> str:
    known = [*VALUE_FLAGS, *BOOLEAN_FLAGS, *UNUSED_VALUE_FLAGS, *UNUSED_BOOLEAN_FLAGS]
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean --{near[0]}?" if near else ": see 'podstead run --help'"
    return f"unknown flag {argument.partition('=')[0]!r}{hint}"
