-- What came in with which import: every contact can say where it is from, and the last import can be taken back.

CREATE TABLE import (
    id          INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    imported_at INTEGER NOT NULL,
    imported_by TEXT    NOT NULL,
    -- When the campaign was finished, if it was: it is again once this was taken back.
    finished_at INTEGER,
    -- Rows of the files; rows = accepted + duplicates + rejected. A row can be several contacts.
    rows        INTEGER NOT NULL DEFAULT 0,
    accepted    INTEGER NOT NULL DEFAULT 0,
    duplicates  INTEGER NOT NULL DEFAULT 0,
    rejected    INTEGER NOT NULL DEFAULT 0,
    contacts    INTEGER NOT NULL DEFAULT 0,
    undone_at   INTEGER,
    undone_by   TEXT,
    CHECK ((undone_at IS NULL) = (undone_by IS NULL))
) STRICT;
CREATE INDEX import_of_campaign ON import (campaign_id, id);

-- Contacts from before this table came with no import that could be taken back.
ALTER TABLE source ADD COLUMN import_id INTEGER REFERENCES import (id);
-- The file's bytes as they were.
ALTER TABLE source ADD COLUMN bytes INTEGER CHECK (bytes >= 0);
ALTER TABLE source ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);
-- The workbook's sheet.
ALTER TABLE source ADD COLUMN sheet TEXT;
CREATE INDEX source_of_import ON source (import_id);
