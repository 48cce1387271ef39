"""The loops: from a look at the directory to running containers, one worker a pod.

The only room that acts on plans. Its ports stand in `agent.ports`; `daemon` fills them in.
"""
