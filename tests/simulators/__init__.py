"""Simulators of what the agent depends on: they keep the contract of the real thing, and have its faults by name."""
