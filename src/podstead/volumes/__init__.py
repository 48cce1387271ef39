"""Prepares and removes what pods mount: volumes of every kind, sub-paths, hosts files, termination messages, resolv.conf.

`resolv`, `hostname`, `hosts`, `layout`, `payload`, `abilities`, `mountinfo` and `mounts` are pure; `home` is the way in for
everything that touches files, and runs it in threads that a dead network file system cannot exhaust. `making` knows the
kinds of volumes, each of which has its file; `atomic` and `subpaths` say what a container may do to a directory that we
write. Failures that wait for the operator are values (VolumeTrouble).
"""
