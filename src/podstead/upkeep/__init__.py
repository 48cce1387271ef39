"""Keeps the node fit for its pods: logs bounded, images and leftovers dropped, pressure relieved.

Loops beside those of `agent`, and independent of it: what they need of pods are values that `daemon` gives them. What
is to be dropped or evicted is decided by pure functions (`logs.paths`, `images.retention`, `admission.eviction`).
"""
