"""Debian's etcd as an image of the name that kubeadm writes, and the certificates that kubeadm makes for it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.debian import C_LIBRARY, build_image, unpacked

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = "trixie"
"""The first stable release whose etcd (3.5.16) answers /livez and /readyz."""
IMAGE = "registry.k8s.io/etcd:3.5.16-0"
SERVER_ADDRESSES = "DNS:node1,DNS:localhost,IP:127.0.0.1,IP:{address}"


def build_etcd_image(target: Path) -> None:
    """Write the image as an OCI archive."""
    root = unpacked("etcd", ("etcd-server", "etcd-client"), release=RELEASE)
    build_image(target, root, ("usr/bin/etcd", "usr/bin/etcdctl", *C_LIBRARY), IMAGE)


def make_certificates(directory: Path, address: str) -> None:
    """Make what kubeadm lays into /etc/kubernetes/pki/etcd: a CA, and certificates of server, peer and health check."""
    directory.mkdir(parents=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ca = ["-x509", "-subj", "/CN=etcd-ca", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt"]
    _openssl(directory, "req", *key, *ca)
    for name, common in (
        ("server", "node1"),
        ("peer", "node1"),
        ("healthcheck-client", "kube-etcd-healthcheck-client"),
    ):
        request = ["-subj", f"/CN={common}", "-keyout", f"{name}.key", "-out", f"{name}.csr"]
        names = ["-addext", f"subjectAltName={SERVER_ADDRESSES.format(address=address)}"]
        _openssl(directory, "req", *key, *request, *names)
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy", "-days", "2"]
        _openssl(directory, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt")
        (directory / f"{name}.csr").unlink()


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=30)
