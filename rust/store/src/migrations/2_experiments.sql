-- Version 2: experiments, and replies that a person should look at.

CREATE TABLE experiments (
    -- Of the definition's canonical form, as summaries name it.
    sha256 TEXT PRIMARY KEY,
    definition BLOB NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

-- Exposures, outcomes and the end, as lines of the ledger, in their order.
CREATE TABLE experiment_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment TEXT NOT NULL REFERENCES experiments (sha256),
    event TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_experiment ON experiment_events (experiment, id);

-- One row a purpose that somebody was asked about.
CREATE TABLE consents (
    purpose TEXT PRIMARY KEY,
    given INTEGER NOT NULL CHECK (given IN (0, 1)),
    at INTEGER NOT NULL
) STRICT;

-- Stays on the device but for an export that the app asks for.
CREATE TABLE review_items (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    content TEXT NOT NULL,
    shared INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1)),
    exported_at INTEGER
) STRICT;

CREATE TABLE review_labels (
    item TEXT NOT NULL REFERENCES review_items (id) ON DELETE CASCADE,
    annotator TEXT NOT NULL,
    label TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (item, annotator)
) STRICT;
