"""Keeps what must survive: records and revisions as files, history and events in SQLite, versions of API objects."""
