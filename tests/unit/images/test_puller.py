"""Pulling through the runtime's port, shown by a registry simulator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from podstead.config.images import ImageSettings, Registry
from podstead.errors import NotFoundFault, RuntimeFault
from podstead.images.credentials import CredentialFile, decode_secret
from podstead.images.puller import Puller
from podstead.state.runtime import Image, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.k8s.image_reference import ImageReference

MYSQL = "docker.io/library/mysql:5.7.39"


class Registries:
    """A runtime that pulls from a registry holding some references; each pull waits for `gate`."""

    def __init__(self, *held: str) -> None:
        self.held = set(held)
        self.images: dict[str, Image] = {}
        self.asked: list[tuple[str, RegistryAuth | None]] = []
        self.cancelled: list[str] = []
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: RuntimeFault | None = None

    async def pull(self, ref: str, auth: RegistryAuth | None) -> str:
        self.asked.append((ref, auth))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(ref)
            raise
        finally:
            self.at_once -= 1
        if self.fault is not None:
            raise self.fault
        if ref not in self.held:
            raise NotFoundFault(f'failed to pull and unpack image "{ref}": {ref}: not found')
        self.images[ref] = Image(id=f"sha256:{ref}")
        return f"sha256:{ref}"

    async def inspect(self, ref: str) -> Image | None:
        return self.images.get(ref)


def puller(runtime: Registries, settings: ImageSettings | None = None) -> Puller:
    return Puller(runtime.pull, runtime.inspect, settings or ImageSettings())


async def settle(check: Callable[[], bool]) -> None:
    for _ in range(200):
        if check():
            return
        await asyncio.sleep(0)
    raise AssertionError("never came about")


async def test_policies_decide_whether_the_registry_is_asked() -> None:
    registries = Registries(MYSQL)
    images = puller(registries)
    assert (await images.ensure("mysql:5.7.39", "IfNotPresent")).id == f"sha256:{MYSQL}"
    assert (await images.ensure("docker.io/mysql:5.7.39", "IfNotPresent")).id == f"sha256:{MYSQL}"
    assert (await images.ensure("mysql:5.7.39", "Never")).id == f"sha256:{MYSQL}"
    assert len(registries.asked) == 1
    await images.ensure("mysql:5.7.39", "Always")
    assert len(registries.asked) == 2
    assert await images.inspect("index.docker.io/library/mysql:5.7.39") == Image(id=f"sha256:{MYSQL}")
    assert await images.inspect("My SQL") is None


async def test_one_pull_for_all_who_wait() -> None:
    registries = Registries(MYSQL)
    registries.gate.clear()
    images = puller(registries)
    waiting = [asyncio.create_task(images.ensure(name, "Always")) for name in ("mysql:5.7.39", MYSQL, MYSQL)]
    await settle(lambda: len(registries.asked) == 1)
    assert list(images.running) == [MYSQL]
    registries.gate.set()
    assert {image.id for image in await asyncio.gather(*waiting)} == {f"sha256:{MYSQL}"}
    assert len(registries.asked) == 1
    assert list(images.running) == []


async def test_the_last_one_to_leave_cancels_the_pull() -> None:
    registries = Registries(MYSQL)
    registries.gate.clear()
    images = puller(registries)
    first, second = (asyncio.create_task(images.ensure(MYSQL, "Always")) for _ in range(2))
    await settle(lambda: len(registries.asked) == 1)
    first.cancel()
    await asyncio.wait([first])
    assert (first.cancelled(), registries.cancelled) == (True, [])
    second.cancel()
    third = asyncio.create_task(images.ensure(MYSQL, "Always"))
    await settle(lambda: len(registries.asked) == 2)
    assert registries.cancelled == [MYSQL]
    registries.gate.set()
    assert (await third).id == f"sha256:{MYSQL}"


async def test_parallel_pulls_are_bounded() -> None:
    names = [f"docker.io/library/i{number}:latest" for number in range(6)]
    registries = Registries(*names)
    registries.gate.clear()
    images = puller(registries, ImageSettings(parallel_pulls=2))
    waiting = [asyncio.create_task(images.ensure(name, "Always")) for name in names]
    await settle(lambda: registries.at_once == 2)
    registries.gate.set()
    await asyncio.gather(*waiting)
    assert registries.most_at_once == 2


async def test_close_gives_up_and_says_so() -> None:
    registries = Registries(MYSQL)
    registries.gate.clear()
    images = puller(registries)
    waiting = asyncio.create_task(images.ensure(MYSQL, "Always"))
    await settle(lambda: len(registries.asked) == 1)
    await images.close()
    with pytest.raises(RuntimeFault) as caught:
        await waiting
    assert caught.value.transient
    assert registries.cancelled == [MYSQL]


async def test_credentials_go_with_the_pull() -> None:
    registries, auth = Registries(MYSQL), RegistryAuth(username="u", password="p")

    async def find(reference: ImageReference) -> RegistryAuth | None:
        return auth if reference.host == "docker.io" else None

    images = Puller(registries.pull, registries.inspect, ImageSettings(), find)
    await images.pull("mysql:5.7.39")
    assert registries.asked == [(MYSQL, auth)]


@pytest.mark.parametrize(
    ("image", "policy", "reason", "word"),
    [
        ("My SQL", "Always", "InvalidImageName", "lower case"),
        ("mysql:5.7.39", "Never", "ErrImageNeverPull", "podstead image import"),
        ("mysql:0", "IfNotPresent", "ErrImagePull", "no such image"),
    ],
)
async def test_refusals(image: str, policy: str, reason: str, word: str) -> None:
    with pytest.raises(RuntimeFault) as caught:
        await puller(Registries(MYSQL)).ensure(image, policy)
    assert caught.value.reason == reason
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("words", "reason", "host", "step"),
    [
        (
            'Head "https://registry-1.docker.io/v2/library/mysql": dial tcp: lookup registry-1.docker.io: no such host',
            "RegistryUnavailable",
            "from registry-1.docker.io",
            "import the image",
        ),
        (
            'Head "https://mirror.lan:5000/v2/": dial tcp 192.0.2.9:5000: connect: connection refused',
            "RegistryUnavailable",
            "from mirror.lan:5000",
            "set a mirror",
        ),
        ("failed with status code [manifests 1]: 401 Unauthorized", "ErrImagePull", "from docker.io", "credentials"),
        (
            "pull access denied, repository does not exist or may require authorization",
            "ErrImagePull",
            "docker.io",
            "name",
        ),
        ("unexpected status 429 Too Many Requests: toomanyrequests", "RegistryUnavailable", "docker.io", "limits"),
        (
            'Head "https://127.0.0.1:5011/v2/x": tls: first record does not look like a TLS handshake',
            "RegistryUnavailable",
            "127.0.0.1:5011",
            "plainHTTP: true",
        ),
        ("x509: certificate signed by unknown authority", "RegistryUnavailable", "docker.io", "CA"),
        ("no match for platform in manifest", "ErrImagePull", "docker.io", "platform"),
        ("disk on fire", "ErrImagePull", "docker.io", "disk on fire"),
    ],
)
async def test_failures_name_host_and_next_step(words: str, reason: str, host: str, step: str) -> None:
    registries = Registries()
    registries.fault = RuntimeFault(words)
    with pytest.raises(RuntimeFault) as caught:
        await puller(registries).ensure("mysql:5.7.39", "Always")
    assert caught.value.reason == reason
    assert "docker.io/library/mysql:5.7.39" in str(caught.value)
    assert host in str(caught.value)
    assert step in str(caught.value)


async def test_a_runtime_that_is_away_is_not_the_registrys_fault() -> None:
    registries = Registries()
    registries.fault = RuntimeFault("connection refused", transient=True, reason="RuntimeUnavailable")
    with pytest.raises(RuntimeFault) as caught:
        await puller(registries).ensure(MYSQL, "Always")
    assert (caught.value.transient, caught.value.reason) == (True, "RuntimeUnavailable")


async def test_mirrors_are_named_and_signed_addresses_cut() -> None:
    registries = Registries()
    registries.fault = RuntimeFault('Get "https://cdn.lan/blob?X-Signature=canary": unexpected EOF')
    mirrored = Registry(host="docker.io", mirrors=("mirror.lan",))
    images = puller(registries, ImageSettings(registries=(mirrored,)))
    with pytest.raises(RuntimeFault) as caught:
        await images.ensure(MYSQL, "Always")
    assert "mirrors asked first: mirror.lan" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_a_pull_without_an_image_is_a_failure() -> None:
    async def pull(ref: str, _: RegistryAuth | None) -> str:
        return ref

    async def inspect(_: str) -> Image | None:
        return None

    with pytest.raises(RuntimeFault, match="does not show it"):
        await Puller(pull, inspect, ImageSettings()).ensure(MYSQL, "IfNotPresent")


def own(user: str, host: str = "docker.io") -> CredentialFile:
    entry = {"username": user, "password": "p"}
    return decode_secret(msgspec.json.encode({host: entry}), "Secret default/x", legacy=True)


class Guarded(Registries):
    """A registry that lets only `user` in."""

    def __init__(self, user: str) -> None:
        super().__init__(MYSQL)
        self.user = user

    async def pull(self, ref: str, auth: RegistryAuth | None) -> str:
        pulled = await super().pull(ref, auth)
        if auth is None or auth.username != self.user:
            raise RuntimeFault("unexpected status 401 Unauthorized")
        return pulled


async def of_node(_: ImageReference) -> RegistryAuth | None:
    return RegistryAuth(username="node", password="p")


def users(registries: Registries) -> list[str]:
    return [auth.username if auth is not None else "" for _, auth in registries.asked]


@pytest.mark.parametrize(
    ("user", "asked"), [("one", ["one"]), ("two", ["one", "two"]), ("node", ["one", "two", "node"])]
)
async def test_a_pods_own_credentials_come_before_the_nodes(user: str, asked: list[str]) -> None:
    registries = Guarded(user)
    images = Puller(registries.pull, registries.inspect, ImageSettings(), of_node)
    await images.ensure(MYSQL, "Always", (own("one"), own("other", "quay.io"), own("two"), own("one")))
    assert users(registries) == asked


async def test_other_credentials_are_tried_only_where_the_first_are_refused() -> None:
    registries = Guarded("two")
    registries.fault = RuntimeFault("connection refused")
    with pytest.raises(RuntimeFault, match="cannot be reached"):
        await puller(registries).ensure(MYSQL, "Always", (own("one"), own("two")))
    assert users(registries) == ["one"]
    registries.fault = None
    with pytest.raises(RuntimeFault, match="refuses the credentials"):
        await puller(registries).ensure(MYSQL, "Always", (own("one"), own("three")))
    assert users(registries) == ["one", "one", "three"]


async def test_nobody_rides_on_a_pull_with_other_credentials() -> None:
    registries = Guarded("one")
    registries.gate.clear()
    images = puller(registries)
    pulls = [asyncio.create_task(images.ensure(MYSQL, "Always", files)) for files in ((own("one"),), (), (own("one"),))]
    await settle(lambda: len(registries.asked) == 2)
    registries.gate.set()
    done = await asyncio.gather(*pulls, return_exceptions=True)
    assert [isinstance(one, Image) for one in done] == [True, False, True]


# Pins

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
PINNED = "docker.io/library/mysql@" + DIGEST


async def test_a_pin_is_a_registrys_digest_or_an_images_id() -> None:
    runtime = Registries()
    for image in (Image(id=DIGEST), Image(id=OTHER, digests=(PINNED,))):
        runtime.images = {MYSQL: image}
        assert await puller(runtime).held("mysql:5.7.39", DIGEST) == image
        assert await puller(runtime).ensure_pinned("mysql:5.7.39", DIGEST, "Always") == image
    runtime.images = {MYSQL: Image(id=OTHER), DIGEST: Image(id=DIGEST)}
    assert await puller(runtime).held("mysql:5.7.39", DIGEST) == Image(id=DIGEST), "its tag is another's now"
    assert runtime.asked == []


async def test_a_pinned_image_is_pulled_by_its_digest() -> None:
    runtime = Registries(PINNED)
    runtime.images = {MYSQL: Image(id=OTHER)}

    async def pull(ref: str, auth: RegistryAuth | None) -> str:
        await runtime.pull(ref, auth)
        runtime.images[ref] = Image(id="sha256:c", digests=(PINNED,))
        return "sha256:c"

    found = await Puller(pull, runtime.inspect, ImageSettings()).ensure_pinned("mysql:5.7.39", DIGEST, "IfNotPresent")
    assert found.id == "sha256:c"
    assert [ref for ref, _ in runtime.asked] == [PINNED]


@pytest.mark.parametrize("policy", ["Never", "Always"])
async def test_what_is_not_the_pinned_image_is_never_given(policy: str) -> None:
    runtime = Registries(MYSQL)
    runtime.images = {MYSQL: Image(id=OTHER)}
    with pytest.raises(RuntimeFault, match=f"was signed as {DIGEST}, and 'mysql:5.7.39' is") as caught:
        await puller(runtime).ensure_pinned("mysql:5.7.39", DIGEST, policy)
    assert caught.value.reason == "ImageDigestMismatch"


async def test_a_pinned_image_that_nobody_has_says_what_the_registry_said() -> None:
    with pytest.raises(RuntimeFault) as caught:
        await puller(Registries()).ensure_pinned("mysql:5.7.39", DIGEST, "IfNotPresent")
    assert caught.value.reason == "ErrImagePull"
