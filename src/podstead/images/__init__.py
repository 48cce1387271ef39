"""Decides about and carries out image pulls: policy, back-off, registries, credentials."""
