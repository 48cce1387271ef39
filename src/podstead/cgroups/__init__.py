"""Makes, limits and removes the cgroups of pods, on v1 and v2, by itself or through systemd.

Touches nothing outside the instance's own root cgroup (foundation 1). `hierarchy`, `layout`, `slices` and `values` are
pure; `tree` and `usage` read and write the kernel's files, `systemd` asks the manager over D-Bus (jeepney, imported
only there and only when it is used). Knows uids and numbers, no pods and no runtime.
"""
