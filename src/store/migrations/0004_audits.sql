-- What an audit is worth to somebody who adopts a database.

-- Whether the list could be read whole. Audits from before this column were none.
ALTER TABLE audit ADD COLUMN is_complete INTEGER NOT NULL DEFAULT 0 CHECK (is_complete IN (0, 1));
-- How the database stood when it was audited, if it was one that had been put back or moved: only such an audit can
-- have seen the calls that it does not know of. It says how far the database and its mark had got, and on which machine,
-- so it fits no other time.
ALTER TABLE audit ADD COLUMN standing TEXT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audits are only added');
END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audits are only added');
END;
