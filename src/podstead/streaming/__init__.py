"""Carries exec streams: WebSocket towards clients, SPDY/3.1 towards the runtime's streaming server."""
