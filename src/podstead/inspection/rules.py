"""The table of rules: everything that an inspection can find, but for the items of the CIS Benchmark (`cis`)."""

from __future__ import annotations

from podstead.inspection.findings import Rule, Severity

_BYPASS = "Kubernetes documentation: API Server Bypass Risks, static Pods"
_STANDARDS = "Kubernetes documentation: Pod Security Standards"
_ATTACK = "MITRE ATT&CK T1610 Deploy Container; Microsoft Threat Matrix MS-TA9017 Static pods"
_I, _L, _M, _H, _C = Severity

DIRECTORY_WRITABLE = Rule(
    id="directory-writable",
    severity=_C,
    title="Others than root can change the manifest directory",
    why="Whoever can add a file here, or exchange a directory above, runs any pod on this node as root.",
    reference=_BYPASS,
)
DIRECTORY_LINK = Rule(
    id="directory-through-link",
    severity=_M,
    title="The path of the manifest directory leads through a symbolic link",
    why="Another directory takes its place when the link is changed; a reader of the configuration looks at the wrong one.",
)
DIRECTORY_MISSING = Rule(
    id="directory-missing",
    severity=_L,
    title="A manifest directory that is configured is not there",
    why="A kubelet takes that for an empty set; whoever may make the directory later decides what runs.",
)
DIRECTORY_UNREADABLE = Rule(
    id="not-examined",
    severity=_M,
    title="Something could not be examined",
    why="What was not read was not judged: run the inspection as root.",
)
MANIFEST_WRITABLE = Rule(
    id="manifest-writable",
    severity=_C,
    title="Others than root can change a manifest",
    why="Whoever can write a manifest runs any pod on this node as root.",
    reference=_BYPASS,
)
MANIFEST_LINK = Rule(
    id="manifest-is-link",
    severity=_M,
    title="A manifest is a link",
    why="A kubelet follows it: what runs is decided where the link points, out of sight of the directory's permissions.",
)
NOT_A_FILE = Rule(
    id="entry-not-a-file",
    severity=_L,
    title="Something that is no file lies among the manifests",
    why="A kubelet reads files of the directory itself only, and says so in its log at each look.",
)
HIDDEN_FILE = Rule(
    id="hidden-file",
    severity=_L,
    title="A hidden file lies among the manifests",
    why="A kubelet passes over names that begin with a dot; a rename makes a pod of it in a moment.",
)
BACKUP_RUNS = Rule(
    id="backup-would-run",
    severity=_H,
    title="A file that looks set aside runs as a manifest",
    why="A kubelet reads every name that does not begin with a dot: a copy x.yaml.bak runs, and may replace x.yaml's pod.",
    reference="kubernetes/kubernetes issue 136962",
)
WOULD_NOT_RUN = Rule(
    id="would-not-run",
    severity=_M,
    title="A file would not run",
    why="The only trace is a line in the kubelet's log; a pod that ran from this file is ended at the next look.",
)
READS_DIFFERENTLY = Rule(
    id="reads-differently",
    severity=_H,
    title="A manifest says one thing to its reader and another to the kubelet",
    why="The kubelet takes the first document only, and the last of equal keys: what was reviewed is not what runs.",
    reference=_ATTACK,
)
FIELD_DROPPED = Rule(
    id="field-dropped",
    severity=_M,
    title="Fields of a manifest have no effect",
    why="A kubelet drops names that it does not know in silence, a misspelt securityContext among them.",
)
UNSIGNED = Rule(
    id="unsigned",
    severity=_M,
    title="A manifest is not signed",
    why="Nobody answers for its content.",
)
BAD_SIGNATURE = Rule(
    id="signature-invalid",
    severity=_H,
    title="The signature of a manifest does not count",
    why="The content is not what was signed, or who signed it is not trusted.",
)
LISTED_MISSING = Rule(
    id="listed-file-missing",
    severity=_H,
    title="A file that was signed for is missing",
    why="Somebody took it away: a set that is meant to be smaller is signed as a smaller one.",
)
NO_BASELINE = Rule(
    id="no-baseline",
    severity=_I,
    title="Nobody has approved the present state yet",
    why="With an approved baseline every later inspection tells what is new, changed or gone.",
)
BASELINE_UNTRUSTED = Rule(
    id="baseline-untrusted",
    severity=_H,
    title="The approved baseline cannot be relied on",
    why="It must be root's alone, or whoever changed a manifest has approved it as well.",
)
NEW = Rule(
    id="new-since-approval",
    severity=_H,
    title="A file is new since the approval",
    why="Nobody has looked at it.",
    reference=_ATTACK,
)
CHANGED = Rule(
    id="changed-since-approval",
    severity=_H,
    title="A file has changed since the approval",
    why="What was approved is not what runs, or not who may write it.",
    reference=_ATTACK,
)
GONE = Rule(
    id="gone-since-approval",
    severity=_M,
    title="A file is gone since the approval",
    why="Its pod does not run any more, or its settings do not hold.",
)
SOURCE_CHANGED = Rule(
    id="source-changed",
    severity=_C,
    title="Static pods come from another place than was approved",
    why="Re-pointing the kubelet is the quiet way to plant a pod: the old directory still looks clean.",
    reference="MITRE ATT&CK T1543.005 Container Service",
)
SECRET_IN_ENV = Rule(
    id="secret-in-env",
    severity=_M,
    title="A secret stands in plain text in a manifest",
    why="Everybody who can read the file, the pod's environment or a backup has it.",
)
MANIFEST_READABLE = Rule(
    id="secret-readable",
    severity=_H,
    title="Everybody on the node can read a secret",
    why="The manifest with the secret is readable by others than root.",
)
PRIVILEGED = Rule(
    id="privileged-container",
    severity=_H,
    title="A container is privileged",
    why="It is root on the node in all but name.",
    reference=_STANDARDS,
)
CAPABILITY = Rule(
    id="root-equal-capability",
    severity=_H,
    title="A container has a capability that equals root",
    why="With it a process reaches the node's files, its memory or its kernel.",
    reference=_STANDARDS,
)
HOST_NAMESPACE = Rule(
    id="host-namespace",
    severity=_M,
    title="A pod shares namespaces of the node",
    why="It sees the node's network, processes or shared memory, and may reach into them.",
    reference=_STANDARDS,
)
HOST_PATH = Rule(
    id="host-path-writable",
    severity=_M,
    title="A pod can write into directories of the node",
    why="What it changes there outlives it, and may run outside of it.",
    reference=_STANDARDS,
)
REACHES_MANIFESTS = Rule(
    id="reaches-manifests",
    severity=_C,
    title="A pod can write what decides which pods run",
    why="A container that breaks in this way plants a privileged pod: the manifest directory, the kubelet's configuration "
    "or the runtime's socket is in its hands.",
    reference="kubernetes/kubeadm issue 1541",
)
POD_SECURITY = Rule(
    id="pod-security",
    severity=_M,
    title="A pod does not reach the Pod Security level that is asked for",
    why="Static pods bypass the admission that would have refused it.",
    reference=_STANDARDS,
)
IMAGE_TAG = Rule(
    id="image-without-digest",
    severity=_L,
    title="An image is named without its digest",
    why="A tag can be moved: the next start may run other content under the same name.",
    reference="Kubernetes documentation: Images, image names",
)
MIRROR_BY_HAND = Rule(
    id="mirror-annotation",
    severity=_H,
    title="A manifest claims to be the mirror of a pod of the API",
    why="A kubelet never runs it, and tools that look for static pods pass over it.",
)
NAMESPACE_INVALID = Rule(
    id="namespace-invalid",
    severity=_H,
    title="The namespace of a pod is not a name that Kubernetes knows",
    why="The API cannot show such a pod: where a kubelet runs it, kubectl does not see it.",
    reference=_BYPASS,
)
NAMESPACE_UNUSUAL = Rule(
    id="namespace-hidden",
    severity=_L,
    title="A pod is hidden if its namespace does not exist in the cluster",
    why="Static pods run in namespaces that the API does not have, and then kubectl does not see them.",
    reference=_BYPASS,
)
DUPLICATE = Rule(
    id="duplicate-pod",
    severity=_H,
    title="Two files claim the same pod",
    why="Which one runs depends on names and on the order of events, and the other is dropped in silence.",
)
FALSE_KUBELET = Rule(
    id="false-kubelet",
    severity=_H,
    title="A process passes itself off as a kubelet",
    why="Its arguments are not believed: a real kubelet is a file of root's alone, run by root.",
)
KUBELET_ELSEWHERE = Rule(
    id="kubelet-elsewhere",
    severity=_I,
    title="A kubelet runs in another root directory",
    why="Its paths mean other files than here, as of a node in a container.",
)
KUBELET_REPLACED = Rule(
    id="kubelet-replaced",
    severity=_M,
    title="The file of a running kubelet has been deleted or replaced",
    why="What runs is not what lies on the disk: an upgrade without a restart, or something that hides.",
)
SETTINGS_UNREAD = Rule(
    id="settings-unread",
    severity=_M,
    title="Settings of a kubelet could not be read",
    why="Static pods may come from a place that was not inspected.",
)
UNIT_WRITABLE = Rule(
    id="configuration-writable",
    severity=_C,
    title="Others than root can change what starts the kubelet",
    why="Whoever can write a unit, an environment file or the configuration re-points the kubelet, and runs any pod as root.",
    reference="MITRE ATT&CK T1543.005 Container Service",
)
MANIFEST_URL = Rule(
    id="manifest-url",
    severity=_M,
    title="Pods come from a URL",
    why="Whoever controls that server runs any pod on this node as root.",
    reference="Microsoft Threat Matrix MS-M9032",
)
MANIFEST_URL_PLAIN = Rule(
    id="manifest-url-plain",
    severity=_C,
    title="Pods come over the network unprotected",
    why="Whoever is on the way to that server runs any pod on this node as root.",
    reference="Microsoft Threat Matrix MS-M9032",
)
POD_WITHOUT_MANIFEST = Rule(
    id="pod-without-manifest",
    severity=_H,
    title="A static pod runs with no manifest behind it",
    why="Its file was taken away while its pod stays, or it comes from a place that nobody configured.",
    reference=_ATTACK,
)
POD_OF_NOBODY = Rule(
    id="pod-of-nobody",
    severity=_H,
    title="A pod in the runtime was made by no kubelet",
    why="Somebody made it at the runtime's socket, behind the node's agent.",
    reference=_ATTACK,
)
NOT_RUNNING = Rule(
    id="not-running",
    severity=_M,
    title="A manifest has no running pod",
    why="It was refused at its start, or it waits: nothing in the API says so.",
)
NO_SOURCE = Rule(
    id="no-static-pods",
    severity=_I,
    title="No place of static pods was found",
    why="No kubelet is configured to read manifests here, or none could be found.",
)

RULES = tuple(rule for rule in globals().values() if isinstance(rule, Rule))
"""All of them, in the order of this file."""
