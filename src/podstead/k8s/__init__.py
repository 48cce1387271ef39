"""Kubernetes vocabulary: object types, quantities, names, labels, Status errors.

Pure values and functions: no clock, network, file or log, and no knowledge of any other room.
"""
