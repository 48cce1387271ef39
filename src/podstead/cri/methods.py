"""The table of calls: path on the wire, message types, and what a refusal is called.

A row is all that a transport needs, so that no generated gRPC stubs exist and the simulator serves the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from podstead.cri._pb import containerd_events_pb2 as events_pb
from podstead.cri._pb import containerd_tasks_pb2 as tasks_pb
from podstead.cri._pb import cri_pb2 as pb
from podstead.state.foreign import CRI_NAMESPACE

RequestT = TypeVar("RequestT", bound=Message)
ReplyT = TypeVar("ReplyT", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[RequestT, ReplyT]):
    """One call. `reason` is the CamelCase word under which a refusal appears (kubelet's words where it has one).

    `most_seconds` bounds the deadline of calls that the runtime answers from its memory. `metadata` goes with every
    call, as names and values.
    """

    path: str
    request_type: type[RequestT]
    reply_type: type[ReplyT]
    reason: str = "RuntimeError"
    most_seconds: float | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The call's bare name: `RunPodSandbox`."""
        return self.path.rpartition("/")[2]


class Unary(Method[RequestT, ReplyT]):
    """A call with one reply."""

    __slots__ = ()


class ServerStream(Method[RequestT, ReplyT]):
    """A call whose replies keep coming until either side ends it."""

    __slots__ = ()


def in_namespace(name: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata with which containerd's own services are told whose objects are meant."""
    return (("containerd-namespace", name),)


RUNTIME = "/runtime.v1.RuntimeService/"
IMAGES = "/runtime.v1.ImageService/"
EVENTS = "/containerd.services.events.v1.Events/"
TASKS = "/containerd.services.tasks.v1.Tasks/"

MEMORY_SECONDS = 15.0
"""A busy containerd lists thousands of containers within a second. One that stays silent this long hangs, and the node
must say so: with the usual deadline of two minutes a stopped runtime looked ready for as long (tried with SIGSTOP)."""

VERSION = Unary(RUNTIME + "Version", pb.VersionRequest, pb.VersionResponse, most_seconds=MEMORY_SECONDS)
STATUS = Unary(RUNTIME + "Status", pb.StatusRequest, pb.StatusResponse, most_seconds=MEMORY_SECONDS)
RUNTIME_CONFIG = Unary(RUNTIME + "RuntimeConfig", pb.RuntimeConfigRequest, pb.RuntimeConfigResponse)

RUN_SANDBOX = Unary(
    RUNTIME + "RunPodSandbox", pb.RunPodSandboxRequest, pb.RunPodSandboxResponse, "FailedCreatePodSandBox"
)
STOP_SANDBOX = Unary(RUNTIME + "StopPodSandbox", pb.StopPodSandboxRequest, pb.StopPodSandboxResponse, "FailedKillPod")
REMOVE_SANDBOX = Unary(RUNTIME + "RemovePodSandbox", pb.RemovePodSandboxRequest, pb.RemovePodSandboxResponse)
SANDBOX_STATUS = Unary(
    RUNTIME + "PodSandboxStatus", pb.PodSandboxStatusRequest, pb.PodSandboxStatusResponse, "FailedPodSandBoxStatus"
)
LIST_SANDBOXES = Unary(
    RUNTIME + "ListPodSandbox", pb.ListPodSandboxRequest, pb.ListPodSandboxResponse, most_seconds=MEMORY_SECONDS
)

CREATE_CONTAINER = Unary(
    RUNTIME + "CreateContainer", pb.CreateContainerRequest, pb.CreateContainerResponse, "CreateContainerError"
)
START_CONTAINER = Unary(
    RUNTIME + "StartContainer", pb.StartContainerRequest, pb.StartContainerResponse, "RunContainerError"
)
STOP_CONTAINER = Unary(
    RUNTIME + "StopContainer", pb.StopContainerRequest, pb.StopContainerResponse, "KillContainerError"
)
REMOVE_CONTAINER = Unary(RUNTIME + "RemoveContainer", pb.RemoveContainerRequest, pb.RemoveContainerResponse)
LIST_CONTAINERS = Unary(
    RUNTIME + "ListContainers", pb.ListContainersRequest, pb.ListContainersResponse, most_seconds=MEMORY_SECONDS
)
CONTAINER_STATUS = Unary(RUNTIME + "ContainerStatus", pb.ContainerStatusRequest, pb.ContainerStatusResponse)
UPDATE_RESOURCES = Unary(
    RUNTIME + "UpdateContainerResources", pb.UpdateContainerResourcesRequest, pb.UpdateContainerResourcesResponse
)
CONTAINER_STATS = Unary(RUNTIME + "ContainerStats", pb.ContainerStatsRequest, pb.ContainerStatsResponse)
REOPEN_LOG = Unary(RUNTIME + "ReopenContainerLog", pb.ReopenContainerLogRequest, pb.ReopenContainerLogResponse)

EXEC_SYNC = Unary(RUNTIME + "ExecSync", pb.ExecSyncRequest, pb.ExecSyncResponse, "ExecError")
EXEC = Unary(RUNTIME + "Exec", pb.ExecRequest, pb.ExecResponse, "ExecError")

LIST_IMAGES = Unary(IMAGES + "ListImages", pb.ListImagesRequest, pb.ListImagesResponse, "ImageInspectError")
IMAGE_STATUS = Unary(IMAGES + "ImageStatus", pb.ImageStatusRequest, pb.ImageStatusResponse, "ImageInspectError")
PULL_IMAGE = Unary(IMAGES + "PullImage", pb.PullImageRequest, pb.PullImageResponse, "ErrImagePull")
REMOVE_IMAGE = Unary(IMAGES + "RemoveImage", pb.RemoveImageRequest, pb.RemoveImageResponse)
IMAGE_FS_INFO = Unary(IMAGES + "ImageFsInfo", pb.ImageFsInfoRequest, pb.ImageFsInfoResponse)

FORWARD_EVENT = Unary(EVENTS + "Forward", events_pb.ForwardRequest, events_pb.ForwardResponse)
SUBSCRIBE_EVENTS = ServerStream(EVENTS + "Subscribe", events_pb.SubscribeRequest, events_pb.Envelope)
CONTAINER_EVENTS = ServerStream(RUNTIME + "GetContainerEvents", pb.GetEventsRequest, pb.ContainerEventResponse)

KILL_TASK = Unary(TASKS + "Kill", tasks_pb.KillRequest, Empty, metadata=in_namespace(CRI_NAMESPACE))
DELETE_TASK = Unary(
    TASKS + "Delete", tasks_pb.DeleteTaskRequest, tasks_pb.DeleteResponse, metadata=in_namespace(CRI_NAMESPACE)
)
