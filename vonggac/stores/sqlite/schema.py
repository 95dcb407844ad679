"""The tables, as ordered lists of migrations: a file's `PRAGMA user_version` counts those it has had.

Add steps at the end; never change one that was released. Instants are whole microseconds since 1970 (UTC).
"""

from __future__ import annotations

from vonggac.stores.sqlite.connection import Migration
from vonggac.stores.sqlite.documents import take_over
from vonggac.stores.sqlite.incidents import number_and_summarise
from vonggac.stores.sqlite.states import TABLES_OF_AGENCIES, with_agencies

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
    ),
    (
        # Tells this file from one of the same month that was dropped before, whose `seq` counted other documents.
        "CREATE TABLE birth (mark TEXT NOT NULL)",
        "INSERT INTO birth (mark) VALUES (lower(hex(randomblob(8))))",
    ),
    (
        "DROP INDEX IF EXISTS document_time",
        "ALTER TABLE document RENAME TO older",
        # `documents.add` sees to it that no two have the same id: an index of random ids costs more as it grows.
        """CREATE TABLE document (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            time INTEGER NOT NULL,
            dataset TEXT,
            agency TEXT
        )""",
        "CREATE INDEX document_time ON document (time)",
        # Of the documents up to `last`: see `bodies`.
        "CREATE TABLE block (last INTEGER PRIMARY KEY, bodies BLOB NOT NULL)",
        # Where values and ids stand, by the keys of `keys`: see `postings`.
        """CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            level INTEGER NOT NULL,
            documents INTEGER NOT NULL,
            filter BLOB NOT NULL
        )""",
        """CREATE TABLE page (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES run (id),
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            keys BLOB NOT NULL,
            numbers BLOB NOT NULL
        )""",
        "CREATE INDEX page_run ON page (run, last)",
        take_over,
        "DROP TABLE older",
        "DROP TABLE IF EXISTS value",
        "DROP TABLE IF EXISTS posting",
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
    (
        # The last readable number given in each year.
        "CREATE TABLE number (year INTEGER PRIMARY KEY, last INTEGER NOT NULL)",
        "DROP TABLE evidence",
        "DROP TABLE involvement",
        "DROP TABLE incident",
        """CREATE TABLE incident (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            number TEXT NOT NULL UNIQUE,
            version INTEGER NOT NULL,
            key TEXT NOT NULL,
            status TEXT NOT NULL,
            category TEXT NOT NULL,
            severity TEXT NOT NULL,
            assignee TEXT,
            tlp INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            text TEXT NOT NULL
        )""",
        "CREATE INDEX incident_last ON incident (last_at DESC, id)",
        "CREATE INDEX incident_key ON incident (key, last_at DESC) WHERE key <> ''",
        "CREATE INDEX incident_changed ON incident (changed_at)",
        """CREATE TABLE involvement (
            agency TEXT NOT NULL,
            incident INTEGER NOT NULL REFERENCES incident (seq),
            PRIMARY KEY (incident, agency)
        ) WITHOUT ROWID""",
        "CREATE INDEX involvement_agency ON involvement (agency, incident)",
        """CREATE TABLE evidence (
            detection TEXT NOT NULL,
            incident INTEGER NOT NULL REFERENCES incident (seq),
            PRIMARY KEY (incident, detection)
        ) WITHOUT ROWID""",
        "CREATE INDEX evidence_detection ON evidence (detection, incident)",
        # What incidents counted as, and from when until when they were known so: see `states`.
        "CREATE TABLE facts (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE)",
        "CREATE TABLE parties (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE)",
        *TABLES_OF_AGENCIES,
        number_and_summarise,
    ),
    (with_agencies,),
)
