"""The page of `podstead inspect -o html`: complete in itself, and harmless whatever a node's files say."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.support.canary import HOSTILE
from tests.support.inspected import kubeadm_node, pod, put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell

VOID = {"meta"}


class Page(HTMLParser):
    """What a browser finds in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.content: dict[str, str] = {}
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.content[self.open[-1]] = self.content.get(self.open[-1], "") + data


@pytest.fixture
def page(local: LocalShell, tmp_path: Path) -> Page:
    manifests = kubeadm_node(tmp_path)
    name = (HOSTILE + "' onload='alert(1)").replace("/", "-")
    put(manifests, f"{name}.yaml", "kind: [\n")
    put(manifests, "odd.yaml.bak", pod("odd", image='"<img src=x onerror=alert(1)>"'))
    result = local("inspect", "--root", str(tmp_path), "-ohtml")
    assert (result.code, result.err) == (1, "")
    return Page(result.out)


def test_every_element_is_closed(page: Page) -> None:
    assert (page.wrong, page.open) == ([], [])


@pytest.mark.attack("hostile-strings")
def test_nothing_comes_from_the_node_but_text(page: Page) -> None:
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "footer", "h1", "h2", "h3", "p", "div", "span", "b", "code",
        "dl", "dt", "dd", "a", "table", "thead", "tbody", "tr", "th", "td", "section", "article", "button", "script",
    }  # fmt: skip
    attributes = {name for _, given in page.elements for name in given}
    assert attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "type"}
    assert all(str(given["href"]).startswith("#") for _, given in page.elements if "href" in given)
    targets = {given["id"] for _, given in page.elements if given.get("id")}
    assert {str(given["href"])[1:] for _, given in page.elements if "href" in given} <= targets
    assert "<script>alert(1)" in page.content["h3"], "the name is there, as text"


def test_the_policy_allows_its_own_style_and_script_alone(page: Page) -> None:
    policy = next(str(given["content"]) for _, given in page.elements if given.get("http-equiv"))

    def mark(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {mark(page.content['style'])}",
        f"script-src {mark(page.content['script'])}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert all(word not in page.content["style"] for word in ("url(", "@import", "http"))
