"""The database's tables, as the scripts that lead from each schema version to the next.

Bodies are JSON, so a key can be added without a migration; a script may only add (foundation 21: the version before
must be able to read what this one wrote).
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE history (uid TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE probes (uid TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE intents (
        uid TEXT NOT NULL, container TEXT NOT NULL, kind TEXT NOT NULL,
        attempt INTEGER NOT NULL, revision TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (uid, container, kind)
    ) WITHOUT ROWID;
    CREATE TABLE events (uid TEXT PRIMARY KEY, seen_at REAL NOT NULL, body BLOB NOT NULL);
    """,
)
"""`MIGRATIONS[n]` leads from `PRAGMA user_version` n to n + 1."""

TABLES = ("history", "probes", "intents", "events")
