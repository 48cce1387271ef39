"""Changed inputs for whatever reads bytes from outside: every one gets an answer, in bounded time, and never another exception.

`make test` gives each reader a few seconds from one seed; `make fuzz SECONDS=600` gives it more from another one. An input
that was answered wrongly is kept in `kept/READER/` and is the first that every later run tries.
"""
