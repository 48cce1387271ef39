"""Decides what to do next for one pod: `compute_pod_actions`, a pure function of values.

No clock, network, file or log; knows `state` and below. What it returns is done by `agent`, step by step.
"""
