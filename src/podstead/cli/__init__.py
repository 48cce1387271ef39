"""The command line: a client of the local socket, and the entry point that starts the agent.

Imports its rooms inside the commands: `podstead get` must not pay for the agent's imports.
"""
