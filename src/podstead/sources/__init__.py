"""Looks at the manifest directory: inotify, a periodic full look, safe reads, and certainty of absence.

Gives complete sets (`SourceSnapshot`), never deltas. Knows nothing of pods beyond decoding a file's bytes.
"""
