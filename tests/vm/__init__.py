"""The ring of virtual machines: Podstead on a Debian that boots, with systemd and cgroup v2.

`make test-vm ALL=1` runs all of it, without `ALL` the older release what differs there, and
`pytest tests/vm/test_boot.py -k trixie` a part; other runs of pytest leave it out, but for `--short-vm`, as `make test` says it.
A boot takes 45 s where the processor is emulated, so machines are shared where that is safe:

    def test_something(node: GuestNode) -> None:          # the release's shared machine, Podstead installed and running
        node.deploy("web", manifest("web"))
        node.wait_pod("web", is_running)
        assert node.machine.do("cat /proc/sys/kernel/osrelease").startswith("6.")

- `node` (shared by a release's tests, `tests/support/vm/node.py`): Podstead installed, its service running, no pods
  before a test, and none after it. A test must leave the service as it found it. It may `node.machine.reboot()`.
- `make_machine(recipe, hardware=…, payload=…)` gives a machine of the test's own, switched off, with a fresh disk:
  for what breaks a machine, for other packages (`Recipe(release=release, more_packages=("docker.io",))`), clocks and
  leases. `install_podstead(machine)` makes a `GuestNode` of one that is up.
- `release` is the code name that a test runs for: both, or the one of `@pytest.mark.parametrize("release", ["trixie"],
  indirect=True)`.
- `Machine` (`tests/support/vm/machine.py`): `start`, `run` (exit code, output, errors), `do` (must succeed), `wait`,
  `put`, `get`, `reboot`, `shut_down`, `cut_power` (then `start` again), `boots` (seconds). All are bounded, and none
  needs the guest's network. A test that fails prints the last lines of the serial console.
- /media/payload in the guest is a read-only disk: this checkout as it is now, uncommitted files included, below
  `project/`, `busybox.tar` (`BUSYBOX_IMAGE`), and the demo's MySQL stand-in below `podstead-demo/`.
- What every guest has installed is `PACKAGES` and what tools/setup asks for, see `tests/support/vm/recipe.py`; its `.venv` is made with its disk.
- `@pytest.mark.newest` leaves a test to the newest release where a whole run is bounded: what differs between releases
  (systemd, kernel, runtime) is shown on each, the rest on every one with `--every-release`.
- `@pytest.mark.short` puts a test into the short form that `make test` runs: one boot and one reboot in all.
"""
