"""Runs the private containerd: finds, probes, configures, starts and ends it; builds and imports images into it.

It outlives the agent and is known by its lock and its socket's peer, never by a pid file (foundation 4 and 5). What a
poor machine needs is probed, never a default (foundation 3). Knows no pod; pulls are made through a callable.
"""
