"""Runs liveness, readiness and startup probes from the node and publishes their verdicts after thresholds."""
