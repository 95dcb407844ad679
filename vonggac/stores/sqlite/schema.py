"""The tables, as ordered lists of migrations: a file's `PRAGMA user_version` counts those it has had.

Add steps at the end; never change one that was released. Instants are whole microseconds since 1970 (UTC).
"""

from __future__ import annotations

Migration = tuple[str, ...]

#: A run of the value index is of 65,536 documents.
RUN_BITS = 16

#: A file of documents: one month of events, or all detections. `seq` has no gaps, so the highest is the count.
DOCUMENTS: tuple[Migration, ...] = (
    (
        """CREATE TABLE document (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            time INTEGER NOT NULL,
            dataset TEXT,
            agency TEXT,
            body BLOB NOT NULL
        )""",
        "CREATE INDEX document_time ON document (time, id)",
        # The digest of a value that stands in a document: half the size of the value, and in time order for each value.
        """CREATE TABLE value (
            digest INTEGER NOT NULL,
            time INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY (digest, time, seq)
        ) WITHOUT ROWID""",
    ),
    (
        # Tells this file from one of the same month that was dropped before, whose `seq` counted other documents.
        "CREATE TABLE birth (mark TEXT NOT NULL)",
        "INSERT INTO birth (mark) VALUES (lower(hex(randomblob(8))))",
        # Where a value stands, by the key of `keys.key_of`: in time order for each. A run is of so many documents that
        # its pages stay in memory while it grows; earlier ones are not written to any more, so that a large file takes
        # documents as fast as a small one. To look up a value is to ask each run.
        """CREATE TABLE posting (
            run INTEGER NOT NULL,
            key INTEGER NOT NULL,
            time INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY (run, key, time, seq)
        ) WITHOUT ROWID""",
        f"""INSERT INTO posting (run, key, time, seq)
            SELECT d.seq >> {RUN_BITS}, k.value, d.time, d.seq FROM document d, json_each(keys_of(d.body)) k
            ORDER BY 1, 2, 3, 4""",  # noqa: S608
        "DROP TABLE value",
    ),
    (
        # Detections that a suppression holds back; of events there are none.
        """CREATE TABLE suppressed (
            suppression TEXT NOT NULL,
            time INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY (suppression, time, seq)
        ) WITHOUT ROWID""",
    ),
)

#: `vonggac.db`: everything but events and detections.
MAIN: tuple[Migration, ...] = (
    (
        # What happened, appended and never changed.
        """CREATE TABLE entry (
            incident TEXT NOT NULL,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            known_at INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (incident, position),
            UNIQUE (incident, id)
        ) WITHOUT ROWID""",
        # What the entries come to, for queries: `incidents.rebuild` makes it again from them.
        """CREATE TABLE incident (
            id TEXT PRIMARY KEY,
            version INTEGER NOT NULL,
            key TEXT NOT NULL,
            status TEXT NOT NULL,
            category TEXT NOT NULL,
            severity TEXT NOT NULL,
            assignee TEXT,
            tlp INTEGER NOT NULL,
            counted INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            known_from INTEGER NOT NULL,
            text TEXT NOT NULL
        )""",
        "CREATE INDEX incident_last ON incident (last_at DESC, id)",
        "CREATE INDEX incident_first ON incident (first_at)",
        "CREATE INDEX incident_changed ON incident (changed_at)",
        "CREATE INDEX incident_key ON incident (key, last_at DESC)",
        """CREATE TABLE involvement (
            incident TEXT NOT NULL REFERENCES incident (id),
            agency TEXT NOT NULL,
            role TEXT NOT NULL,
            PRIMARY KEY (incident, agency, role)
        ) WITHOUT ROWID""",
        "CREATE INDEX involvement_agency ON involvement (agency, incident)",
        """CREATE TABLE evidence (
            detection TEXT NOT NULL,
            incident TEXT NOT NULL REFERENCES incident (id),
            PRIMARY KEY (detection, incident)
        ) WITHOUT ROWID""",
        "CREATE INDEX evidence_incident ON evidence (incident)",
        # last_added only grows, also when items are deleted, so that no reader's `added_after` misses anything.
        """CREATE TABLE collection (
            id TEXT PRIMARY KEY,
            max_tlp INTEGER NOT NULL,
            last_added INTEGER NOT NULL,
            body BLOB NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE item (
            collection TEXT NOT NULL REFERENCES collection (id),
            id TEXT NOT NULL,
            version INTEGER NOT NULL,
            type TEXT NOT NULL,
            spec_version TEXT NOT NULL,
            date_added INTEGER NOT NULL,
            tlp INTEGER NOT NULL,
            agencies TEXT NOT NULL,
            digest BLOB NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (collection, id, version)
        )""",
        "CREATE UNIQUE INDEX item_added ON item (collection, date_added)",
        """CREATE TABLE record (
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (kind, key)
        ) WITHOUT ROWID""",
    ),
)
