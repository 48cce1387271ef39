"""What answers the routes: one module a concern. A handler turns a request into a reply or raises `PodsteadError`.

Handlers read the store and ask the agent's port; none of them calls the runtime or changes a pod by itself.
"""
