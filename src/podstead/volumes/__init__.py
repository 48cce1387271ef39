"""Prepares and removes what pods mount: hostPath, emptyDir, the hosts file, termination messages, resolv.conf values.

`resolv`, `hostname`, `hosts`, `layout` and `mounts` are pure; `home` is the way in for everything that touches files, and runs it in
threads that a dead network file system cannot exhaust. Failures that wait for the operator are values (VolumeTrouble).
"""
