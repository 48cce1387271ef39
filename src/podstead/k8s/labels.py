"""Label and annotation keys that the agent itself writes (spec/kubelet-static-pods.md 2.2 and 6.5)."""

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

CONTAINER_HASH = "io.kubernetes.container.hash"
CONTAINER_RESTART_COUNT = "io.kubernetes.container.restartCount"
CONTAINER_TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath"
CONTAINER_TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy"
CONTAINER_PORTS = "io.kubernetes.container.ports"
POD_GRACE = "io.kubernetes.pod.terminationGracePeriod"

CONFIG_HASH = "kubernetes.io/config.hash"
CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_SEEN = "kubernetes.io/config.seen"
CONFIG_MIRROR = "kubernetes.io/config.mirror"

INSTANCE = "podstead.io/instance"
REVISION = "podstead.io/revision"
SIGNATURES = "podstead.io/signatures"
"""On the node: the mode of signatures, whose count and which index is in force, in a few words."""
SIGNED_BY = "podstead.io/signed-by"
"""On a pod as the API shows it: who stood for the content that runs."""
OCI_RUNTIME = "podstead.io/runtime-handler"
HOST_NETWORK = "podstead.io/host-network"
"""On a sandbox: `true` or `false`; a list of sandboxes does not tell otherwise."""
SANDBOX_ID = "podstead.io/sandbox-id"
"""On a container: the sandbox it is in; a container's status does not tell otherwise."""

INPUTS = "podstead.io/inputs"
"""On a container: the digests of the objects and files that it was started with (`state.inputs`)."""

MENDS = "podstead.io/mends"
"""On the node: what was done to this machine so that containers run on it."""
POLICY = "podstead.io/policy"
"""On the node: which policy is in force."""
RUNTIME_CLASSES = "podstead.io/runtime-classes"
"""On the node: its runtime classes and the handlers that they mean."""

SYSTEM_CRITICAL_PRIORITY = 2_000_000_000
"""Priority from which on a pod is critical: scheduling.SystemCriticalPriority."""
PRIORITY_CLASSES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
