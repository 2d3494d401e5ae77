-- Whose database this is, and on which machine: a copy that calls from somewhere else, or a backup that was put back,
-- would ring people twice.

-- One row, made here. How far the database has got needs no column: events and adoptions are only ever added.
CREATE TABLE binding (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    database_id TEXT    NOT NULL CHECK (length(database_id) = 32),
    -- The machine that calls with it, as a hash; NULL before the first start, and where a machine has no id.
    machine     TEXT,
    bound_at    INTEGER
) STRICT;
INSERT INTO binding (one, database_id) VALUES (1, lower(hex(randomblob(16))));

CREATE TRIGGER binding_keeps_its_database BEFORE UPDATE OF database_id ON binding
BEGIN
    SELECT RAISE(ABORT, 'a database keeps its id');
END;

CREATE TRIGGER binding_is_kept BEFORE DELETE ON binding
BEGIN
    SELECT RAISE(ABORT, 'the binding is kept');
END;

-- Every time a person has accepted a restored or moved database, and why. Only ever added to.
CREATE TABLE adoption (
    id         INTEGER PRIMARY KEY,
    adopted_at INTEGER NOT NULL,
    adopted_by TEXT    NOT NULL,
    because    TEXT    NOT NULL CHECK (because <> ''),
    was_moved  INTEGER NOT NULL CHECK (was_moved IN (0, 1)),
    -- How far it had got, and how far its mark said it had: the highest attempt events.
    event      INTEGER NOT NULL,
    mark_event INTEGER
) STRICT;

CREATE TRIGGER adoption_is_not_changed BEFORE UPDATE ON adoption
BEGIN
    SELECT RAISE(ABORT, 'adoptions are only added');
END;

CREATE TRIGGER adoption_is_kept BEFORE DELETE ON adoption
BEGIN
    SELECT RAISE(ABORT, 'adoptions are only added');
END;
