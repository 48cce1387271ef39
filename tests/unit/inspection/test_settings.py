"""What a kubelet's flags and files come to."""

from __future__ import annotations

from podstead.inspection.arguments import Launch, Reader, reader_of, shown_url
from podstead.inspection.settings import Name, settings_of

CONFIG = b"kind: KubeletConfiguration\nstaticPodPath: pods\nreadOnlyPort: 0x10\nauthorization: {mode: AlwaysAllow}\n"


def launch(*arguments: str) -> Launch:
    return Launch(origin="kubelet.service", program="/usr/bin/kubelet", arguments=arguments, directory="/srv/run")


def values(*arguments: str, files: tuple[tuple[str, bytes | None], ...] = ()) -> dict[Name, str]:
    found = settings_of(launch(*arguments), files)
    return {name: found[name].value for name in Name if found[name].value}


def test_flags_alone_leave_the_doors_of_old_defaults_open() -> None:
    assert values("--pod-manifest-path", "/a//b/", "--v=2", "--manifest_url=http://x/p", "pod") == {
        Name.STATIC_PATH: "/a/b",
        Name.URL: "http://x/p",
        Name.ANONYMOUS: "true",
        Name.AUTHORIZATION: "AlwaysAllow",
        Name.READ_ONLY_PORT: "10255",
    }


def test_files_and_drop_ins_in_their_order_then_flags() -> None:
    drop_in = b"kind: KubeletConfiguration\nstaticPodPath: /first\nstaticPodPath: /second\n"
    files = (("/etc/k/config.yaml", CONFIG), ("/etc/k/d/10.conf", drop_in))
    found = settings_of(launch("--config=c", "--anonymous-auth", "--config=c2"), files)
    assert (found[Name.STATIC_PATH].value, found[Name.STATIC_PATH].where) == ("/second", "/etc/k/d/10.conf")
    assert found[Name.READ_ONLY_PORT].value == "16"
    assert found[Name.AUTHORIZATION].value == "AlwaysAllow"
    assert found[Name.ANONYMOUS].where == "--anonymous-auth of kubelet.service"
    assert launch("--config=c", "--config=c2").flags() == {"config": "c2"}
    assert settings_of(launch("--config=c"), files[:1])[Name.STATIC_PATH].value == "/etc/k/pods"


def test_files_that_say_nothing_are_named() -> None:
    found = settings_of(launch("--config=c"), [("/a", None), ("/b", b"kind: Pod\n"), ("/c", b"a: [\n")])
    assert [path for path, _ in found.problems] == ["/a", "/b", "/c"]
    assert found[Name.ANONYMOUS].value == "false"


def test_a_relative_flag_counts_from_the_working_directory() -> None:
    assert values("--pod-manifest-path=./m/", files=())[Name.STATIC_PATH] == "/srv/run/m"


def test_programs() -> None:
    assert reader_of("/opt/x/kubelet", ()) is Reader.KUBELET
    assert reader_of("/usr/bin/hyperkube", ("kubelet", "--v=2")) is Reader.KUBELET
    assert reader_of("/usr/bin/podstead", ("run",)) is Reader.PODSTEAD
    assert (reader_of("/usr/bin/kubelet-wrapper", ()), reader_of("/usr/bin/podstead", ("status",))) == (None, None)


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    assert shown_url("https://user:word@h.example:8443/p?token=t") == "https://h.example:8443/p"
    assert shown_url("http://[") == "(not a URL)"
