-- Version 3: each start of an experiment has a name of its own, so that nobody writes on in one
-- that was forgotten and started again, and nobody counts a device twice.

ALTER TABLE experiments ADD COLUMN run TEXT NOT NULL DEFAULT '';
UPDATE experiments SET run = lower(hex(randomblob(16)));
