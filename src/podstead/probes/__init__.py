"""Runs liveness, readiness and startup probes from the node and publishes their verdicts after thresholds.

`thresholds` decides and is pure; one handler file a kind of probe makes a single attempt; `prober` keeps one task per
probe and holds what was published. Knows the runtime only through the `ExecSync` callable, and no other room of effects.
"""
