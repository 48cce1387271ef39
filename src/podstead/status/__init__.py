"""Generates the API's view of a pod: phase, conditions, container states, events' texts.

Pure: (desired, observed, probes, history, now) in, core/v1 status out. Independent of `reconcile` except for its values.
"""
