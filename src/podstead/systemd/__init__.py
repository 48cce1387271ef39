"""systemd as the agent and its installer know it: what is said to it, written for it and asked of it.

What a unit is stands in `units/`, once, for `podstead install` and for packages. Nobody here knows pods or a runtime.
"""
