"""Serves Kubernetes' own paths and objects over HTTP on the local socket.

Reads objects from the store and asks the agent through the port in `server.port`; never calls the runtime or changes a
pod by itself. `http` carries requests and knows no paths; `routes` is the table of everything that is served, with the
access each line needs; `handlers` answer; selectors, ages, tables and printers are pure.
"""
