"""Virtual machines like the users': a Debian with systemd and cgroup v2 in qemu. How to use them stands in tests/vm."""
