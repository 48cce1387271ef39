"""Decides what this node may run now: host ports, resources, placement, sysctls, preemption, start order.

Pure: values in, values out, of all pods at once. Content is judged in `manifest`; here stands what depends on the node
and on the other pods, so a refusal is a pod that waits, never a file that is rejected (foundation 11 and 17).
"""
