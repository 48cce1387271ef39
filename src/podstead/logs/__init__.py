"""Reads container logs in the CRI format."""
