"""The text of docs/cli.md: the help of every command, as it is printed. Written by `make generate`."""

from __future__ import annotations

from podstead.cli.command import help_text
from podstead.cli.main import COMMANDS, overview
from podstead.cli.run_flags import usage

OWN_FILE = """\
registries:              # how images are pulled, by registry
- host: docker.io
  mirrors: [mirror.example.com:5000]   # tried first, in order; https:// unless written or plainHTTP
  ca: /etc/podstead/ca.pem             # relative paths count from this file
  skipVerify: false
  plainHTTP: false
credentialsFile: /root/.docker/config.json
objectsPath: objects     # directory of ConfigMaps and Secrets, as --objects-dir
proxy:                   # default: HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment
  http: http://proxy.example.com:3128
  https: http://proxy.example.com:3128
  noProxy: 127.0.0.1,.example.com
ociRuntime: crun         # or runc; default: crun where it works
runtimeClasses:          # what runtimeClassName means here; a handler of the runtime is a class of its own name
- name: sandboxed
  handler: runc
  overhead: {cpu: 50m, memory: 64Mi}   # what its sandbox takes beside the containers
seccompProfileRoot: /etc/podstead/seccomp   # where localhostProfile is looked for; default: ROOT/seccomp
podNames: true           # false: pods do not find each other by name
gracefulShutdown: true   # false: pods are killed with everything else when the machine goes down
strict: false            # true: warnings about a manifest refuse it
shareRuntime: false      # true: the runtime or the directory is another agent's as well
parallelPulls: 3
crashLoopBackOff: {initial: 10s, max: 5m, reset: 10m}
imageBackOff: {initial: 10s, max: 5m}
security:
  signatureMode: off       # or warn, enforce: whether manifests run only when somebody allowed has signed them
  allowedSigners: /etc/podstead/allowed_signers   # whose signatures count, as in ssh-keygen(1)
  revokedKeys: /etc/podstead/revoked_keys         # keys that count no more
  foreign: report          # or stop: what is done about pods in the private containerd that the agent did not make
  quarantine: false      # true: files that signatures or the policy refuse are moved to ROOT/quarantine
  policy: /etc/podstead/policy.yaml   # what may run here; named, it has to be there
  allowInsecureManifests: false   # true: only warn of manifests, and of what is trusted, that others than root can write
"""
INTRODUCTION = """\
# The command line

`podstead run` is the agent; every other command is a client of the agent's local socket, but for `check`, which needs
none. Output is kubectl's where kubectl has the command. Exit codes: 0 done, 1 something went wrong (one sentence on
standard error says what), 2 the command line itself is wrong; `exec` returns the code of what it ran, `check` returns 2
for a file that cannot be read. `PODSTEAD_DEBUG=1` adds the traceback to an error.

`podstead run` takes the kubelet's flags with the kubelet's meanings, a KubeletConfiguration (`--config`) and our own
file (`--podstead-config`); flags win over our file, our file over the kubelet's. Unknown flags and fields are errors, all
of a file at once, each with its line and column; kubelet flags and fields that mean nothing here are listed once.

Our own file:

```yaml
@OWN_FILE@```

This page is generated (`make generate`) and tested against `--help`.
"""


def markdown() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION.replace("@OWN_FILE@", OWN_FILE), f"```text\n{overview()}\n```\n"]
    for entry in COMMANDS:
        text = usage() if entry.name == "run" else help_text(entry.load())
        parts.append(f"## podstead {entry.name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)
