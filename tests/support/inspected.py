"""Made-up nodes for inspections: trees of files with units, configuration, processes and manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KUBEADM_DROP_IN = """\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""
CONFIGURATION = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}
authorization: {mode: Webhook}
staticPodPath: /etc/kubernetes/manifests
"""
DIGEST = "@sha256:" + "0123456789abcdef" * 4


def pod(
    name: str, *, namespace: str = "kube-system", image: str = f"registry.example/app{DIGEST}", more: str = ""
) -> str:
    """Return a plain Pod; `more` are further lines of its spec."""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{more}"
        f"  containers:\n  - name: main\n    image: {image}\n"
    )


def put(root: Path, path: str, text: str | bytes = "", mode: int = 0o600) -> Path:
    """Write one file of a tree, with the directories above it."""
    file = root / path.lstrip("/")
    for above in reversed(file.relative_to(root).parents):
        if not (root / above).is_dir():
            (root / above).mkdir(mode=0o755)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(mode)
    return file


def kubeadm_node(root: Path) -> Path:
    """Make a node as kubeadm leaves it, in good order, with one static pod. Returns the manifest directory."""
    root.chmod(0o755)
    put(root, "/etc/hostname", "node3\n", 0o644)
    put(root, "/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet\nRestart=always\n")
    put(root, "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", KUBEADM_DROP_IN)
    put(root, "/var/lib/kubelet/kubeadm-flags.env", 'KUBELET_KUBEADM_ARGS="--hostname-override=node3"\n')
    put(root, "/var/lib/kubelet/config.yaml", CONFIGURATION)
    put(root, "/etc/kubernetes/kubelet.conf", "apiVersion: v1\nkind: Config\n")
    put(root, "/etc/kubernetes/pki/ca.crt", "-----BEGIN CERTIFICATE-----\n", 0o644)
    put(root, "/etc/kubernetes/manifests/web.yaml", pod("web"))
    return root / "etc/kubernetes/manifests"


def process(root: Path, pid: int, *, exe: str, arguments: tuple[str, ...], uid: int = 0, comm: str = "kubelet") -> None:
    """Add a process to a tree's /proc."""
    put(root, f"/proc/{pid}/comm", f"{comm}\n")
    put(root, f"/proc/{pid}/cmdline", "".join(f"{word}\0" for word in arguments))
    put(root, f"/proc/{pid}/status", f"Name:\t{comm}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    (root / f"proc/{pid}/exe").symlink_to(exe)
