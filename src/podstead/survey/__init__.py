"""What lies and runs on a machine, looked at for an inspection: files below a root, processes, units of systemd.

Only reads, and judges nothing: what is seen goes to `inspection` as values. The root may be another machine's disk, so
links are followed within it, and what is in it is never run, opened for writing or waited for.
"""
