"""Runs the private containerd: finds, probes, configures, starts and ends it; builds and imports images into it."""
