"""The demo: the article's MySQL as a static pod, run and queried (`make run`, `make stop`, `make uninstall`).

It uses the agent as an operator would: its command line, its socket and its manifest directory; nothing of the agent
knows of it. `run`, `stop` and `uninstall` are the commands; every other file is one thing that they use. What the demo
makes is written down before it is made (`record`), and only that is ever removed.
"""
