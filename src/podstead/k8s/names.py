"""Checks of Kubernetes names: each returns why a text is not such a name, or None when it is one.

The rules are those of apimachinery's validation package (spec/kubelet-static-pods.md 2.4). A reason is half a
sentence that follows the name of the field: "must be …". It never repeats the text itself.
"""

from __future__ import annotations

import re

LABEL_MAX = 63
"""Longest DNS label, in characters (RFC 1123)."""
SUBDOMAIN_MAX = 253
"""Longest DNS name, in characters (RFC 1123); the limit of a pod's name with its node suffix."""
PORT_NAME_MAX = 15
"""Longest IANA service name, in characters (RFC 6335)."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")


def dns1123_label(value: str) -> str | None:
    """Return why `value` is not a DNS-1123 label, as container, volume and namespace names must be."""
    if not value:
        return "must not be empty"
    if len(value) > LABEL_MAX:
        return f"must have at most {LABEL_MAX} characters, it has {len(value)}"
    if _LABEL.fullmatch(value) is None:
        return "must be lower-case letters, digits and '-', with a letter or digit at both ends" + _case_hint(
            value, _LABEL
        )
    return None


def dns1123_subdomain(value: str) -> str | None:
    """Return why `value` is not a DNS-1123 subdomain, as pod names must be."""
    if not value:
        return "must not be empty"
    if len(value) > SUBDOMAIN_MAX:
        return f"must have at most {SUBDOMAIN_MAX} characters, it has {len(value)}"
    if _SUBDOMAIN.fullmatch(value) is None:
        wanted = "must be lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part"
        return wanted + _case_hint(value, _SUBDOMAIN)
    return None


def port_name(value: str) -> str | None:
    """Return why `value` is not an IANA service name (RFC 6335), as named ports must be."""
    if not value:
        return "must not be empty"
    if len(value) > PORT_NAME_MAX:
        return f"must have at most {PORT_NAME_MAX} characters, it has {len(value)}"
    if re.fullmatch(r"[a-z0-9-]+", value) is None:
        return "must be lower-case letters, digits and '-'" + _case_hint(value, _LABEL)
    if re.search(r"[a-z]", value) is None:
        return "must hold at least one letter"
    if "--" in value:
        return "must not hold two '-' in a row"
    if value.startswith("-") or value.endswith("-"):
        return "must not begin or end with '-'"
    return None


def qualified_name(value: str) -> str | None:
    """Return why `value` is not a qualified name (`name` or `prefix/name`), as label keys must be."""
    prefix, slash, name = value.rpartition("/")
    if slash and (problem := dns1123_subdomain(prefix)) is not None:
        return f"has a bad part before '/': it {problem}"
    part = "the part after '/' " if slash else ""
    if not name:
        return f"{part}must not be empty"
    if len(name) > LABEL_MAX:
        return f"{part}must have at most {LABEL_MAX} characters, it has {len(name)}"
    if _QUALIFIED.fullmatch(name) is None:
        return f"{part}must be letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    return None


def label_value(value: str) -> str | None:
    """Return why `value` cannot be the value of a label; the empty one can."""
    if not value:
        return None
    if len(value) > LABEL_MAX:
        return f"must have at most {LABEL_MAX} characters, it has {len(value)}"
    if _QUALIFIED.fullmatch(value) is None:
        return "must be letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    return None


def _case_hint(value: str, wanted: re.Pattern[str]) -> str:
    """Return an addition for names whose only fault are capitals or underscores: the usual two mistakes."""
    mended = value.lower().replace("_", "-")
    if mended != value and wanted.fullmatch(mended) is not None:
        return f"; '{mended}' would be one"
    return ""
