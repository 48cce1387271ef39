"""Keeps what must survive: records, revisions and facts as files, history and events in SQLite, versions of API objects.

Class A (records, revisions, facts, the instance) is durable before its effect and raises `StoreError` where it cannot be
written; class B (history, events, versions) is kept in memory first, written behind, and never raises (foundation 21).
This room knows files and SQLite; it knows nothing of the runtime, and decides nothing about pods.
"""
