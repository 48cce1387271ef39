"""The agent's real loops, in this process, against the simulated runtime: no root, no containerd, no network."""
