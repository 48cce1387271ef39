"""Serves Kubernetes' own paths and objects over HTTP on the local socket.

Reads the agent through the port in `server.port`; never calls the runtime or changes a pod by itself.
"""
