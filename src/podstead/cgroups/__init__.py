"""Makes, limits and removes the cgroups of pods, on v1 and v2."""
