-- Version 5: a random number of this installation, which decides in which stage of a release
-- it is. Made once; it never leaves the device.

CREATE TABLE installation (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id BLOB NOT NULL CHECK (length(id) = 32)
) STRICT;
INSERT INTO installation VALUES (1, randomblob(32));
