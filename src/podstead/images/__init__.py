"""Decides about and carries out image pulls: references, policy, registries, credentials.

`reference` and `policy` are pure; `credentials` reads docker's config.json; `puller` asks the runtime through two
callables. When to try again after a failure is the pod planner's business.
"""
