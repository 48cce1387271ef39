"""Podstead keeps a node's static pods running: a directory of Pod manifests, a CRI runtime, no cluster."""

__version__ = "0.1.0"
