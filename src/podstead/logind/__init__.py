"""Knows when the machine goes down: logind over the system bus, and systemd's own word at the very end.

Holds logind's lock and says when it may be released; ends nothing itself and knows no pods. D-Bus' library is imported
where there is a bus, and nowhere else (`cgroups` asks systemd by calls of its own), and the only thing of the machine that it changes is
one drop-in of its own under /run.
"""
