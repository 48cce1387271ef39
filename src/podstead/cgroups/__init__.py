"""Makes, limits and removes the cgroups of pods, on v1 and v2.

Touches nothing outside the instance's own root cgroup (foundation 1). `hierarchy`, `layout` and `values` are pure;
`tree` and `usage` read and write the kernel's files. Knows uids and numbers, no pods and no runtime.
"""
