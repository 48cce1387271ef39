"""Who wrote a manifest: the process that the kernel names, asked while it is still there.

`fanotify` opens and reads the kernel's queue, `events` says what its bytes mean and is pure, `process` asks /proc, and
`witness` does both on a thread of its own and remembers the last writer of each name, within bounds. Imported only by an
agent that may listen; it knows nothing of manifests, and decides nothing: who wrote a file is told, never trusted.
"""
