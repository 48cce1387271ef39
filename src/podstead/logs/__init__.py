"""Container logs: read in the CRI format over their rotations, bounded, linked for log shippers, removed.

`paths` and `format` are pure; `segments` opens the files of a log, `tail` finds where to begin, `reader` gives the
output in pieces, with memory that does not grow with the log. `rotation`, `links` and `cleanup` change files and block.
When that is done is decided elsewhere; writing logs is the runtime's business.
"""
