"""Decides what this node may run now: host ports, resources, preemption, start order.

Pure: values in, values out. Content is judged in `manifest`; here stands what depends on the node and on the other pods.
"""
