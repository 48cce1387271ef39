"""The cases: what the kubelet does (v1.36, by its source), and where Podstead differs on purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour. `difference` is empty where ours is the kubelet's."""

    id: str
    scenario: str
    kubelet: str
    difference: str = ""


CASES = (
    Case("S1", "a new file", "RunPodSandbox within 1-2 s of the close; its labels and annotations"),
    Case("S2", "a comment edited, chmod, touch", "no call to the runtime"),
    Case(
        "S3",
        "env edited",
        "the container and the sandbox stop, a new UID starts up to 15 s later",
        "that container alone is replaced, at once, in the living sandbox under the same UID",
    ),
    Case(
        "S4",
        "the file removed",
        "StopContainer with the grace period, StopPodSandbox; removed later",
        "everything of the pod is removed at once after its stop; an absence counts after two looks 1 s apart",
    ),
    Case("S5", "broken YAML in a directory", "the pod is killed at the next listing", "the last good revision runs on"),
    Case("S6", "broken YAML where one file is the source", "the pod is kept"),
    Case(
        "S7",
        "the directory is missing at the start and made later",
        "ready with no pod; pods start when it is there",
    ),
    Case(
        "S8",
        "two files of one pod",
        "one runs; the last by name wins after a listing",
        "the holder of the name goes on and the other file is refused; with no holder both are",
    ),
    Case("S9", "a file of 10 MiB", "refused", "refused from 1 MiB on"),
    Case(
        "S10",
        "references to Secrets, ConfigMaps and service accounts",
        "refused",
        "Secrets and ConfigMaps come from local files where a directory of them is configured; service accounts are refused",
    ),
    Case("S11", "the URL answers 500, then 200", "pods are kept; then updated"),
    Case(
        "S12",
        "the URL answers 200 with nothing",
        "every pod of it is removed",
        "refused, the pods run on; a list without items removes them",
    ),
    Case("S13", "the agent restarts, the file is the same", "no stop, no creation"),
    Case(
        "S14",
        "the file is removed while the agent is down",
        "StopContainer with 2 s, no preStop hook",
        "stopped as if the agent had been there: its grace period and its hook",
    ),
    Case("S15", "a container that ends at once, again and again", "starts at 0, 0, 10, 30, 70, 150, 310 s"),
    Case("S16", "it ran 11 minutes and then crashed", "the next restart is immediate"),
    Case("S17", "restartPolicy Never, exit code 3", "Failed, the sandbox is stopped, no restart"),
    Case("S18", "restartPolicy OnFailure, exit code 0", "Succeeded"),
    Case("S19", "a restart rule on exit code 42 with the container's policy Never", "restarts on 42 only"),
    Case("S20", "an init container fails with Never", "Failed, the main container is never made"),
    Case(
        "S21", "two sidecars and a main container", "started in order; stopped main first, then the sidecars in reverse"
    ),
    Case(
        "S22", "a liveness probe fails", "Killing, StopContainer with the probe's or the pod's grace, restartCount + 1"
    ),
    Case("S23", "a startup probe of 30 x 1 s", "liveness is silent until the container has started"),
    Case("S24", "readiness comes and goes", "only the condition changes"),
    Case("S25", "preStop sleeps 5 s of 8 s grace", "StopContainer with about 3 s, after 5 s"),
    Case("S26", "preStop takes longer than the grace", "StopContainer with 2 s when the grace is over"),
    Case(
        "S27",
        "two pods with one host port",
        "the second is Failed (NodePorts) and never tried again",
        "the second is Pending with the reason, and starts when the port is free",
    ),
    Case(
        "S28",
        "a request beyond what the node has",
        "Failed (UnexpectedAdmissionError)",
        "Pending with the resource that lacks, and started when there is room",
    ),
    Case("S29", "imagePullPolicy Never and no image", "waiting, ErrImageNeverPull"),
    Case(
        "S30",
        "a pull fails",
        "ErrImagePull, then ImagePullBackOff for 10, 20, 40 … 300 s",
        "the same, with RegistryUnavailable as the first reason where no registry answers",
    ),
    Case("S31", "an emptyDir in memory with a sizeLimit", "a tmpfs of that size"),
    Case("S32", "a hostPath of type File that is missing", "FailedMount, tried again; ContainerCreating"),
    Case("S33", "a log beyond 10 MiB", "renamed with its time, reopened, 5 files at most"),
    Case("S34", "runAsNonRoot with an image of root", "CreateContainerConfigError"),
    Case(
        "S35",
        "a sysctl that is not allowed",
        "Failed (SysctlForbidden)",
        "Pending (SysctlForbidden), as what the node allows may change",
    ),
    Case(
        "S36", "the sandbox is killed behind the agent", "SandboxChanged, attempt 1, init again, every container again"
    ),
    Case("S37", "a running container is removed behind the agent", "made again, restartCount + 1"),
    Case("S38", "dnsPolicy ClusterFirst without cluster DNS", "the node's resolv.conf, and an event"),
    Case("S39", "the hosts file", "managed, with the pod's address and hostAliases"),
    Case("S40", "the node's suffix", "a host name of 63 characters at most; the suffix in names, logs and labels"),
)
