"""The composition root: builds the agent from its rooms, starts them in order, and stops them in reverse.

The only place that names concrete classes of every room. What the loops' ports need beyond a method's name is bridged
here in small adapters; nothing is decided.
"""
