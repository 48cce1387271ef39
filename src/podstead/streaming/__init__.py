"""Carries exec streams: WebSocket towards clients, SPDY/3.1 towards the runtime's streaming server.

`exec_bridge` joins the two; `exec_client` is the command line's half and imports no event loop. Knows neither paths
nor pods: it is handed an open connection and the runtime's one-shot URL.
"""
