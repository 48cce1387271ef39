"""The node's policy in force, and what it says of files, at a cost that neither a policy nor a manifest can raise.

Reads the policy file and keeps the last good one (`keeper`), looks up what paths lead to (`paths`), and judges (`judges`):
small files by a policy without CEL rules on the loop, all others in a child process (`child`) with limits of memory and
time. What a policy means is `policy`'s; whose bytes they are, and what is done with a verdict, the agent's.
"""
