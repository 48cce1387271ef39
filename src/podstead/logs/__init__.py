"""Reads container logs in the CRI format.

`paths` and `format` are pure; `tail` finds where to begin; `reader` gives the output in pieces, with memory that does
not grow with the file. Writing and rotating logs is the runtime's and another room's business.
"""
