-- Version 1 of the database. Times are seconds since 1970, digests 64 hexadecimal
-- digits. What changes later is a file of its own beside this one.

CREATE TABLE policies (
    version INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    stored_at INTEGER NOT NULL
) STRICT;

-- A row's bytes lie in blobs/, named by the digest.
CREATE TABLE adapters (
    sha256 TEXT PRIMARY KEY,
    bundle BLOB NOT NULL,
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    version INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    made_here INTEGER NOT NULL,
    installed_at INTEGER NOT NULL
) STRICT;

-- Outlives what it is about, so that an older release stays refused.
CREATE TABLE high_water (
    channel TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;

-- Sets of adapters that were active, each with the one before it. A set may be empty.
CREATE TABLE active_sets (
    id INTEGER PRIMARY KEY,
    before INTEGER REFERENCES active_sets (id),
    activated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE active_members (
    set_id INTEGER NOT NULL REFERENCES active_sets (id),
    position INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    scale REAL NOT NULL,
    PRIMARY KEY (set_id, position)
) STRICT;

-- One row: which set is active, and the latest time this store has seen.
CREATE TABLE standing (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    active_set INTEGER REFERENCES active_sets (id),
    latest_time INTEGER NOT NULL
) STRICT;
INSERT INTO standing VALUES (1, NULL, 0);

CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    sha256 TEXT,
    name TEXT,
    channel TEXT,
    version INTEGER,
    signers TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE base_norms (
    base_sha256 TEXT NOT NULL,
    tensor TEXT NOT NULL,
    norm REAL NOT NULL,
    PRIMARY KEY (base_sha256, tensor)
) STRICT;
