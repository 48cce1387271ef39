"""The configuration of `podstead run`: both file formats, flags over files, and every problem with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from podstead import cli
from podstead.cli.configuration import Configured, Host, configure
from podstead.cli.kubelet_fields import UNUSED_FIELDS, USED_FIELDS
from podstead.cli.main import main
from podstead.cli.run_flags import parse_run_flags
from podstead.config.images import Registry
from podstead.config.runtime import RuntimeClass
from podstead.daemon.self_protection import protected
from podstead.errors import PodsteadError
from tests.unit.cli.objects import CANARY

KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
NONE = Path("/nonexistent/podstead/config.yaml")


def configured(*arguments: str, host: Host | None = None) -> Configured:
    return configure(parse_run_flags(list(arguments)), host or Host(name="node1", own_file=NONE, objects=NONE))


def refused(*arguments: str, host: Host | None = None) -> str:
    with pytest.raises(PodsteadError) as caught:
        configured(*arguments, host=host)
    return str(caught.value)


def test_defaults_need_only_a_directory() -> None:
    settings = configured("--pod-manifest-path=/etc/kubernetes/manifests").settings
    assert settings.source is not None
    assert (settings.source.path, settings.source.check_seconds) == (Path("/etc/kubernetes/manifests"), 20.0)
    assert (settings.node.name, settings.node.ip, settings.node.pod_cidr, settings.node.max_pods) == (
        "node1",
        "",
        "",
        300,
    )
    assert (settings.runtime.endpoint, settings.runtime.sandbox_image, settings.strict) == ("", "", False)
    assert settings.paths.socket == Path("/run/podstead/podstead.sock")
    assert (settings.verbosity, settings.unused) == (2, ())
    assert "--pod-manifest-path=/etc/kubernetes/manifests, or staticPodPath" in refused()


def test_everything_lies_under_the_root(tmp_path: Path) -> None:
    settings = configured("--pod-manifest-path=/m", "--root-dir", str(tmp_path)).settings
    assert settings.paths.root == settings.paths.run == tmp_path
    assert settings.paths.socket == tmp_path / "podstead.sock"
    assert settings.paths.pod_logs == tmp_path / "log" / "pods"
    moved = configured("--pod-manifest-path=/m", f"--root-dir={tmp_path}", "--socket=/tmp/s.sock").settings
    assert (moved.paths.socket, moved.paths.root) == (Path("/tmp/s.sock"), tmp_path)


def test_a_wrong_flag_is_the_command_lines_fault_and_a_wrong_file_is_not(tmp_path: Path) -> None:
    def code(*arguments: str) -> int:
        return main(["run", "--root-dir", str(tmp_path), *arguments])

    wrong = ("--nope", "word", "--max-pods=-3", "--file-check-frequency=x", "--node-ip=x", "--pod-cidr=127.0.0.0/8")
    assert {flag: code("--pod-manifest-path=/m", flag) for flag in wrong} == dict.fromkeys(wrong, 2)
    assert code() == 2
    assert code("--pod-manifest-path=/m", f"--config={tmp_path}") == 1


def test_a_configuration_without_an_end_is_not_read_to_it() -> None:
    assert "at most 1048576 are read" in refused("--config=/dev/zero")


def test_what_leads_to_the_agent_is_guarded(tmp_path: Path) -> None:
    kubelet, own = tmp_path / "kubelet.yaml", tmp_path / "own.yaml"
    kubelet.write_text(KUBELET + "containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n")
    own.write_text(f"credentialsFile: {tmp_path}/docker.json\nseccompProfileRoot: {tmp_path}/seccomp\n")
    flags = ("--pod-manifest-path=/m", "--root-dir=/r", "--socket=/s/podstead.sock", "--config", str(kubelet))
    settings = configured(*flags, host=Host(name="node1", own_file=own)).settings
    names = (
        "/r",
        "/s",
        "/m",
        kubelet,
        own,
        tmp_path,  # of docker.json
        tmp_path / "seccomp",
        "/run/containerd",
        "/etc/podstead",
    )
    found = {one.path for one in protected(settings)}
    assert found >= {Path(name) for name in names}
    assert found >= {Path(cli.__file__).parents[1], Path("/etc/systemd/system/podstead.service.d")}
    readable = {one.path for one in protected(settings) if one.readable}
    assert readable.isdisjoint({tmp_path, *map(Path, ("/r", "/s", "/m", "/run/containerd", "/etc/podstead"))})
    assert configured("--pod-manifest-path=/m").settings.files == ()


def test_a_kubelet_configuration(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(
        KUBELET
        + """\
authentication: {webhook: {enabled: true}}
cgroupDriver: systemd
podPidsLimit: 4096
singleProcessOOMKill: true
staticPodPath: manifests
podLogsDir: /var/log/elsewhere
fileCheckFrequency: 1m30s
syncFrequency: 0s
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
runtimeRequestTimeout: 0s
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: /run/systemd/resolve/resolv.conf
maxPods: 110
podCIDR: 10.244.1.7/24
allowedUnsafeSysctls: ["net.core.*"]
crashLoopBackOff: {maxContainerRestartPeriod: 5s}
maxParallelImagePulls: 5
"""
    )
    settings = configured("--config", str(file)).settings
    assert settings.source is not None
    assert (settings.source.path, settings.source.check_seconds) == (tmp_path / "manifests", 90.0)
    assert settings.paths.pod_logs == Path("/var/log/elsewhere")
    assert (settings.runtime.endpoint, settings.runtime.request_seconds) == (
        "unix:///run/containerd/containerd.sock",
        120.0,
    )
    node = settings.node
    assert (node.cluster_dns, node.cluster_domain, node.resolv_conf) == (
        ("10.96.0.10",),
        "cluster.local",
        "/run/systemd/resolve/resolv.conf",
    )
    assert (node.max_pods, node.pod_cidr, node.allowed_unsafe_sysctls) == (110, "10.244.1.0/24", ("net.core.*",))
    assert (node.cgroup_driver, node.pids_limit, node.single_process_oom_kill) == ("systemd", 4096, True)
    assert (settings.restart.initial_seconds, settings.restart.max_seconds) == (5.0, 5.0)
    assert settings.images.parallel_pulls == 5
    assert settings.unused == ("authentication", "syncFrequency")


def test_flags_win_over_files(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.json"
    file.write_text(
        '{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","staticPodPath":"/of-file",'
        '"fileCheckFrequency":"5s","maxPods":7,"resolvConf":"/r","clusterDNS":["10.0.0.1"],"podCIDR":"10.1.0.0/24"}'
    )
    settings = configured(
        *("--config", str(file), "--pod-manifest-path=/of-flag", "--file-check-frequency=3s", "--max-pods=9"),
        *("--resolv-conf=", "--cluster-dns=10.0.0.2,10.0.0.3", "--pod-cidr=10.2.0.0/16"),
    ).settings
    assert settings.source is not None
    assert (settings.source.path, settings.source.check_seconds) == (Path("/of-flag"), 3.0)
    assert (settings.node.max_pods, settings.node.resolv_conf) == (9, "")
    assert (settings.node.cluster_dns, settings.node.pod_cidr) == (("10.0.0.2", "10.0.0.3"), "10.2.0.0/16")


def test_all_problems_of_a_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(
        "kind: KubeletConfig\n"
        "staticpodpath: /x\n"
        "maxPods: many\n"
        "maxPods: 5\n"
        "fileCheckFrequency: 20\n"
        "clusterDNS: [10.0.0.1, nope]\n"
        "podCIDR: fd00::/64\n"
        "frobnicate: 1\n"
        "crashLoopBackOff: {maxContainerRestartPeriod: 1h, other: 2}\n"
    )
    lines = refused("--config", str(file), "--pod-manifest-path=/m").splitlines()
    assert lines[0] == f"cannot use the configuration {file}: 10 problems"
    assert [line.removeprefix(f"{file}:") for line in lines[1:]] == [
        "1:1: apiVersion: must be kubelet.config.k8s.io/v1beta1",
        "1:7: kind: must be KubeletConfiguration",
        "2:1: staticpodpath: is not a field here: did you mean staticPodPath?",
        "4:1: maxPods: it stands here twice",
        "5:21: fileCheckFrequency: must be a string, got an integer: put it into quotes",
        "6:13: clusterDNS: must be an IP address such as 192.0.2.10",
        "7:10: podCIDR: must be an IPv4 range such as 10.244.0.0/16: pods have IPv4 addresses in this version",
        "8:1: frobnicate: is not a field here",
        "9:47: crashLoopBackOff.maxContainerRestartPeriod: must be between 1s and 5m",
        "9:51: crashLoopBackOff.other: is not a field here",
    ]


@pytest.mark.parametrize("text", ["[" * 100_000, "a: *x", "\x00", "- list\n", "a: 1\n---\nb: 2\n"])
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(text)
    assert refused("--config", str(file), "--pod-manifest-path=/m").startswith(f"cannot read the configuration {file}")


def test_a_missing_kubelet_file_is_forgiven_only_where_the_flags_say_enough(tmp_path: Path) -> None:
    missing = tmp_path / "config.yaml"
    assert "there is no such file" in refused(f"--config={missing}")
    found = configured(f"--config={missing}", "--pod-manifest-path=/m")
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith(f"WARNING: --config {missing} does not exist")
    assert refused(f"--config={tmp_path}", "--pod-manifest-path=/m").endswith("Is a directory")


def test_our_own_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"""\
registries:
- host: docker.io
  mirrors: ["mirror.example:5000", "https://other.example"]
  ca: ca.pem
- {{host: "registry.lan:5000", plainHTTP: true, skipVerify: true}}
credentialsFile: /root/auth.json
proxy: {{http: "http://u:{CANARY}@proxy:3128", https: "", noProxy: "10.0.0.0/8"}}
ociRuntime: runc
runtimeClasses:
- {{name: sandboxed, handler: runc, overhead: {{cpu: 50m, memory: 64Mi}}}}
- {{name: quick, handler: crun}}
seccompProfileRoot: profiles
podNames: false
strict: yes
shareRuntime: true
parallelPulls: 2
crashLoopBackOff: {{initial: 1s, max: 20s, reset: 2m}}
imageBackOff: {{initial: 2s, max: 30s}}
"""
    )
    settings = configured("--pod-manifest-path=/m", "--podstead-config", str(file)).settings
    images = settings.images
    assert images.registries == (
        Registry(
            host="docker.io", mirrors=("mirror.example:5000", "https://other.example"), ca_file=str(tmp_path / "ca.pem")
        ),
        Registry(host="registry.lan:5000", plain_http=True, skip_verify=True),
    )
    assert (images.credentials_file, images.no_proxy, images.parallel_pulls) == ("/root/auth.json", "10.0.0.0/8", 2)
    assert images.http_proxy == f"http://u:{CANARY}@proxy:3128"
    assert (images.backoff_seconds, images.max_backoff_seconds) == (2.0, 30.0)
    assert (settings.runtime.oci_runtime, settings.runtime.share_runtime, settings.strict) == ("runc", True, True)
    assert settings.runtime.classes == (
        RuntimeClass(name="sandboxed", handler="runc", overhead=(("cpu", "50m"), ("memory", "64Mi"))),
        RuntimeClass(name="quick", handler="crun"),
    )
    assert settings.runtime.seccomp_root == tmp_path / "profiles"
    assert not settings.node.pod_names
    restart = settings.restart
    assert (restart.initial_seconds, restart.max_seconds, restart.reset_seconds) == (1.0, 20.0, 120.0)
    flags = configured("--pod-manifest-path=/m", "--podstead-config", str(file), "--oci-runtime=crun", "--strict=false")
    assert (flags.settings.runtime.oci_runtime, flags.settings.strict) == ("crun", False)


def test_runtime_classes_that_cannot_be_meant(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "runtimeClasses:\n- {name: Kata}\n- {name: a, handler: runc, overhead: {cpu: much, pods: '1'}}\n"
        "- {name: a, handler: crun}\n"
    )
    text = refused("--pod-manifest-path=/m", f"--podstead-config={file}")
    for part in (
        "2:10: runtimeClasses[0].name: must be lower-case letters",
        "2:3: runtimeClasses[0].handler: is missing",
        "3:44: runtimeClasses[1].overhead.cpu: must be a number with an optional suffix",
        "3:50: runtimeClasses[1].overhead.pods: is not a field here",
        "4:10: runtimeClasses[2].name: is the name of another class already",
    ):
        assert part in text, text


def test_seccomp(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(KUBELET + "staticPodPath: /m\nseccompDefault: true\n")
    by_file = configured("--config", str(file)).settings.runtime
    assert (by_file.seccomp_default, by_file.seccomp_root) == (True, None)
    by_flag = configured("--config", str(file), "--seccomp-default=false", "--seccomp-profile-root=/p").settings.runtime
    assert (by_flag.seccomp_default, by_flag.seccomp_root) == (False, Path("/p"))


def test_problems_of_our_own_file_hold_no_values(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"registries:\n- {{hots: x}}\n- {{host: 'https://x/{CANARY}'}}\nproxy: {{http: [{CANARY}], https: 12}}\n"
        f"ociRuntime: {CANARY}\nparallelPulls: 0\nimageBackOff: {{initial: 1m, max: 2s}}\nstrict: {CANARY}\n"
    )
    text = refused("--pod-manifest-path=/m", f"--podstead-config={file}")
    assert text.splitlines()[0].endswith(": 9 problems")
    for part in (
        "2:3: registries[0].host: is missing",
        "2:4: registries[0].hots: is not a field here: did you mean host?",
        "3:10: registries[1].host: must be a host",
        "4:15: proxy.http: must be a string, got a list",
        "proxy.https: must be a string, got an integer: put it into quotes",
        "5:13: ociRuntime: must be crun or runc",
        "6:16: parallelPulls: must be a whole number of at least 1",
        "7:25: imageBackOff.initial: must not be longer than max",
        "8:9: strict: must be true or false, got a string",
    ):
        assert part in text
    assert CANARY not in text
    assert "there is no such file" in refused("--pod-manifest-path=/m", f"--podstead-config={tmp_path}/none")


def test_proxies_of_the_environment(tmp_path: Path) -> None:
    host = Host(
        name="n", environ={"https_proxy": "http://a", "HTTPS_PROXY": "http://b", "no_proxy": "c"}, own_file=NONE
    )
    images = configured("--pod-manifest-path=/m", host=host).settings.images
    assert (images.http_proxy, images.https_proxy, images.no_proxy) == ("", "http://b", "c")
    file = tmp_path / "config.yaml"
    file.write_text("proxy: {http: http://d}\n")
    images = configured("--pod-manifest-path=/m", f"--podstead-config={file}", host=host).settings.images
    assert (images.http_proxy, images.https_proxy, images.no_proxy) == ("http://d", "", "")


def test_the_nodes_name_and_address() -> None:
    def node(*flags: str, name: str = "node1") -> tuple[str, str]:
        settings = configured("--pod-manifest-path=/m", *flags, host=Host(name=name, own_file=NONE)).settings
        return settings.node.name, settings.node.ip

    assert node("--hostname-override= Node3 ") == ("node3", "")
    assert node(name="Web.Example.COM") == ("web.example.com", "")
    assert node("--node-ip=192.0.2.1") == ("node1", "192.0.2.1")
    assert node("--node-ip=fd00::1,192.0.2.1") == ("node1", "192.0.2.1")
    assert node("--node-ip=::") == ("node1", "")
    both = configured("--pod-manifest-path=/m", "--node-ip=192.0.2.1,fd00::1")
    assert both.remarks == ("--node-ip: using 192.0.2.1, and not fd00::1: a node has one address in this version",)
    labels = configured("--pod-manifest-path=/m", "--node-labels=a=b,example.com/c=").settings.node.labels
    assert labels == (("a", "b"), ("example.com/c", ""))


@pytest.mark.parametrize(
    ("flag", "part"),
    [
        ("--hostname-override=my_node", "'my-node' would be one"),
        ("--node-ip=node1", "--node-ip must be an IP address"),
        ("--node-ip=192.0.2.1,192.0.2.2,192.0.2.3", "one of IPv4 and one of IPv6"),
        ("--pod-cidr=10.0.0.0/33", "--pod-cidr must be an address range"),
        ("--pod-cidr=10.0.0.0/30", "at least 8 addresses"),
        ("--pod-cidr=127.0.0.0/8", "a range that can be routed"),
        ("--cluster-dns=x", "--cluster-dns must be an IP address"),
        ("--max-pods=-1", "--max-pods must be a whole number"),
        ("--max-pods=١٢", "--max-pods must be a whole number"),
        ("--v=much", "--v must be a whole number"),
        ("--file-check-frequency=soon", "--file-check-frequency: 'soon' is not a duration"),
        ("--oci-runtime=youki", "--oci-runtime must be crun or runc"),
        ("--node-labels=-x=y", "--node-labels: the label '-x=y'"),
        ("--strict=maybe", "flag --strict is true or false"),
    ],
)
def test_flags_that_cannot_be_meant(flag: str, part: str) -> None:
    text = refused("--pod-manifest-path=/m", flag)
    assert part in text
    assert len(text.splitlines()) == 1


def test_a_host_name_that_is_none() -> None:
    assert "give the node a name with --hostname-override" in refused(
        "--pod-manifest-path=/m", host=Host(name="a_b", own_file=NONE)
    )


def test_the_tables_of_kubelet_fields() -> None:
    assert not USED_FIELDS & UNUSED_FIELDS
    assert len(USED_FIELDS | UNUSED_FIELDS) > 110


def test_a_url_stands_beside_the_directory_or_alone(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(
        f"{KUBELET}staticPodURL: https://pods.example.com/n1?token={CANARY}\nhttpCheckFrequency: 5s\n"
        f"staticPodURLHeader:\n  Authorization: [Bearer {CANARY}]\n  X-Node: [a, b]\n",
        encoding="utf-8",
    )
    found = configured(f"--config={file}")
    url = found.settings.url
    assert url is not None
    assert found.settings.source is None
    assert (url.url, url.shown, url.check_seconds) == (
        f"https://pods.example.com/n1?token={CANARY}",
        "https://pods.example.com/n1",
        5.0,
    )
    assert dict(url.headers) == {"Authorization": (f"Bearer {CANARY}",), "X-Node": ("a", "b")}
    assert CANARY not in repr(found)
    both = configured("--pod-manifest-path=/m", f"--config={file}", "--manifest-url=https://other.example.com").settings
    assert both.source is not None
    assert both.url is not None
    assert both.url.shown == "https://other.example.com/"


def test_headers_of_flags_add_up() -> None:
    url = configured(
        "--manifest-url=https://pods.example.com", "--manifest-url-header=X-A:1,X-B:2", "--manifest-url-header", "X-A:3"
    ).settings.url
    assert url is not None
    assert dict(url.headers) == {"X-A": ("1", "3"), "X-B": ("2",)}


def test_plain_http_is_warned_of() -> None:
    (remark,) = configured("--manifest-url=http://pods.example.com/").remarks
    assert "use https" in remark


@pytest.mark.parametrize(
    "text", ["pods.example.com", "file:///etc/pods.yaml", "https://", "https://h:99999/", f"https://me:{CANARY}@h/"]
)
def test_what_is_no_manifest_url_is_refused(text: str, tmp_path: Path) -> None:
    flag = refused("--manifest-url", text)
    assert "--manifest-url" in flag
    assert CANARY not in flag
    file = tmp_path / "kubelet.yaml"
    file.write_text(f"{KUBELET}staticPodURL: {text}\n", encoding="utf-8")
    message = refused(f"--config={file}")
    assert f"{file}:3:15: staticPodURL:" in message
    assert CANARY not in message


def test_a_header_that_cannot_be_sent_is_refused() -> None:
    assert "must be NAME:VALUE" in refused("--manifest-url=https://h/", "--manifest-url-header=secret")
    assert "is not the name" in refused("--manifest-url=https://h/", "--manifest-url-header=a b:c")


def test_the_objects_directory_is_named_or_the_usual_one_if_it_is_there(tmp_path: Path) -> None:
    def directory(*flags: str, own: str = "", usual: Path = NONE) -> Path | None:
        file = tmp_path / "own.yaml"
        file.write_text(own)
        host = Host(name="node1", own_file=file, objects=usual)
        found = configured("--pod-manifest-path=/m", *flags, host=host).settings.objects
        return found.path if found is not None else None

    assert directory() is None
    assert directory(usual=tmp_path) == tmp_path
    assert directory(own="objectsPath: secrets\n", usual=tmp_path) == tmp_path / "secrets"
    assert directory("--objects-dir=/o", own="objectsPath: secrets\n") == Path("/o")


def test_the_objects_directory_is_looked_at_as_often_and_protected_as_well(tmp_path: Path) -> None:
    settings = configured("--pod-manifest-path=/m", "--file-check-frequency=5s", f"--objects-dir={tmp_path}").settings
    assert settings.objects is not None
    assert settings.objects.check_seconds == 5.0
    assert tmp_path in {one.path for one in protected(settings)}


def test_manifests_and_objects_do_not_share_a_directory(tmp_path: Path) -> None:
    said = refused(f"--pod-manifest-path={tmp_path}", f"--objects-dir={tmp_path}/../{tmp_path.name}")
    assert "give ConfigMaps and Secrets one of their own" in said
    (tmp_path / "loop").symlink_to("loop")
    settings = configured(f"--pod-manifest-path={tmp_path}", f"--objects-dir={tmp_path}/loop").settings
    assert settings.objects is not None, "a loop of links is the running agent's to tell"


def test_times_of_a_shutdown(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"

    def groups(text: str) -> list[tuple[int, float | None]]:
        file.write_text(KUBELET + text, encoding="utf-8")
        found = configured("--pod-manifest-path=/m", f"--config={file}").settings.shutdown
        return [(group.priority, group.seconds) for group in found]

    assert groups("") == [(0, None), (2_000_000_000, None)]
    kubeadm = "shutdownGracePeriod: 0s\nshutdownGracePeriodCriticalPods: 0s\n"
    assert groups(kubeadm) == [(0, None), (2_000_000_000, None)]
    assert groups("shutdownGracePeriod: 60s\nshutdownGracePeriodCriticalPods: 20s\n") == [
        (0, 40.0),
        (2_000_000_000, 20.0),
    ]
    by_priority = "shutdownGracePeriodByPodPriority:\n- {priority: 100, shutdownGracePeriodSeconds: 5}\n"
    assert groups(by_priority + "- {priority: -1, shutdownGracePeriodSeconds: 30}\n") == [(-1, 30.0), (100, 5.0)]


def test_a_shutdown_is_graceful_unless_the_file_says_no(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    for text, graceful in (("", True), ("gracefulShutdown: true\n", True), ("gracefulShutdown: false\n", False)):
        file.write_text(text, encoding="utf-8")
        found = configured("--pod-manifest-path=/m", f"--podstead-config={file}")
        assert found.settings.graceful_shutdown is graceful


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("shutdownGracePeriodCriticalPods: 5s\n", "3:34: shutdownGracePeriodCriticalPods: is a part of"),
        (
            "shutdownGracePeriod: 5s\nshutdownGracePeriodCriticalPods: 6s\n",
            "4:34: shutdownGracePeriodCriticalPods: must",
        ),
        ("shutdownGracePeriodByPodPriority:\n- {priority: 1}\n", "shutdownGracePeriodSeconds: must be given"),
        (
            "shutdownGracePeriod: 5s\nshutdownGracePeriodByPodPriority:\n- {priority: 1, shutdownGracePeriodSeconds: 1}\n",
            "may not stand beside",
        ),
    ],
)
def test_times_of_a_shutdown_that_cannot_be_meant(text: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(KUBELET + text, encoding="utf-8")
    assert place in refused("--pod-manifest-path=/m", f"--config={file}")


def test_insecure_places_are_only_taken_when_root_says_so(tmp_path: Path) -> None:
    def found(*flags: str) -> tuple[bool, bool, bool]:
        settings = configured("--pod-manifest-path=/m", f"--objects-dir={tmp_path}", *flags).settings
        assert settings.source is not None
        assert settings.objects is not None
        return settings.security.allow_insecure, settings.source.allow_insecure, settings.objects.allow_insecure

    file = tmp_path / "own.yaml"
    file.write_text("security: {allowInsecureManifests: true}\n", encoding="utf-8")
    assert found() == (False, False, False)
    assert found("--allow-insecure-manifests") == (True, True, True)
    assert found(f"--podstead-config={file}") == (True, True, True)
    assert found(f"--podstead-config={file}", "--allow-insecure-manifests=false") == (False, False, False)


def test_a_quarantine_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("security: {quarantine: true}\n", encoding="utf-8")
    given = ((), ("--quarantine",), (f"--podstead-config={file}",), (f"--podstead-config={file}", "--quarantine=false"))
    found = [configured("--pod-manifest-path=/m", *flags).settings.security.quarantine for flags in given]
    assert found == [False, True, True, False]


def test_signatures_are_configured_by_flag_or_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("security: {signatureMode: warn, allowedSigners: signers}\n", encoding="utf-8")
    usual = ["--pod-manifest-path=/m"]
    by_file = [*usual, f"--podstead-config={file}"]

    def security(*words: str) -> tuple[str, str]:
        found = configured(*words).settings.security
        return found.signature_mode.value, str(found.allowed_signers)

    assert security(*usual) == ("off", "/etc/podstead/allowed_signers")
    assert security(*by_file) == ("warn", f"{tmp_path}/signers")
    assert security(*by_file, "--signature-mode=enforce", "--allowed-signers=/k") == ("enforce", "/k")
    file.write_text("security: {signatureMode: off}\n", encoding="utf-8")
    assert security(*by_file)[0] == "off"
    file.write_text("security: {signatureMode: strict}\n", encoding="utf-8")
    assert "security.signatureMode: must be off, warn or enforce" in refused(*by_file)
    assert "--signature-mode must be off, warn or enforce" in refused(*usual, "--signature-mode=strict")


def test_what_is_done_about_what_others_make_in_the_runtime(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    assert not configured("--pod-manifest-path=/m").settings.security.stop_foreign
    assert configured("--pod-manifest-path=/m", "--foreign=stop").settings.security.stop_foreign
    file.write_text("security: {foreign: stop}\n", encoding="utf-8")
    given = ("--pod-manifest-path=/m", f"--podstead-config={file}")
    assert configured(*given).settings.security.stop_foreign
    assert not configured(*given, "--foreign=report").settings.security.stop_foreign
    assert "must be report or stop" in refused("--pod-manifest-path=/m", "--foreign=kill")
