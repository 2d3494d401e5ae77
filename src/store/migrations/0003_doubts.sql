-- What is needed to clear up a doubt: when, from where and for how long the call may have been placed, who has looked
-- for it, what was found, and what people have decided. And what came to light too late.

-- As it was when the intent was written; a later change of a setting must not move the search.
ALTER TABLE attempt ADD COLUMN caller_id INTEGER;
ALTER TABLE attempt ADD COLUMN ring_s INTEGER CHECK (ring_s >= 0);
ALTER TABLE attempt ADD COLUMN talk_limit_s INTEGER CHECK (talk_limit_s >= 0);
-- SHA-256 of the token in the attempt's callback address. The token itself is kept nowhere.
ALTER TABLE attempt ADD COLUMN callback_hash BLOB CHECK (length(callback_hash) = 32);
CREATE UNIQUE INDEX attempt_of_callback ON attempt (callback_hash) WHERE callback_hash IS NOT NULL;

-- One row for each attempt that was ever in doubt.
CREATE TABLE doubt (
    attempt_id   INTEGER PRIMARY KEY REFERENCES attempt (id),
    -- The request may have left between these two.
    sent_from_at INTEGER NOT NULL,
    sent_to_at   INTEGER NOT NULL CHECK (sent_to_at >= sent_from_at),
    -- The horizon: before it, absence from the provider's list proves nothing.
    settles_at   INTEGER NOT NULL,
    -- When to look next, by the wall clock: a doubt outlives runs and reboots. None once nobody looks by itself.
    look_at      INTEGER,
    -- How often the list was read because of it, and when last.
    looks        INTEGER NOT NULL DEFAULT 0,
    looked_at    INTEGER,
    -- The first complete scan past the horizon that did not show it, by the provider's clock, and what it is worth.
    clear_at     INTEGER,
    clear_grade  TEXT CHECK (clear_grade IN ('weak', 'strong')),
    -- Absent from two such scans: what that is worth.
    grade        TEXT CHECK (grade IN ('weak', 'strong')),
    CHECK ((clear_at IS NULL) = (clear_grade IS NULL))
) STRICT;
CREATE INDEX doubt_to_look_for ON doubt (look_at) WHERE look_at IS NOT NULL;

-- Doubts from before there was this table: nobody wrote down how long they may have talked, so the longest counts.
INSERT INTO doubt (attempt_id, sent_from_at, sent_to_at, settles_at, look_at)
    SELECT id, min(intent_at, send_at), max(intent_at, send_at) + 5000, max(intent_at, send_at) + 16200000,
           CASE state WHEN 'in_doubt' THEN 0 END
    FROM attempt WHERE state IN ('in_doubt', 'held');

-- What each reading of the list showed. Only ever added to.
CREATE TABLE doubt_look (
    id              INTEGER PRIMARY KEY,
    attempt_id      INTEGER NOT NULL REFERENCES attempt (id),
    at              INTEGER NOT NULL,
    -- Asked for by number, or a scan of everything in the window.
    asked_for       TEXT    NOT NULL CHECK (asked_for IN ('number', 'window')),
    -- How many calls were shown, and how many the provider counted.
    calls           INTEGER NOT NULL,
    total           INTEGER,
    is_complete     INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    -- Calls of that time that we know of, and how many of them were shown.
    known           INTEGER NOT NULL,
    known_shown     INTEGER NOT NULL,
    finding         TEXT    NOT NULL CHECK (finding IN ('nothing', 'one', 'several'))
) STRICT;
CREATE INDEX doubt_look_of_attempt ON doubt_look (attempt_id);

-- Calls that may be an attempt's, whoever named them. None counts before a GET has shown the call and its number.
CREATE TABLE candidate (
    id         INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    call_sid   TEXT    NOT NULL,
    source     TEXT    NOT NULL CHECK (source IN ('list', 'callback', 'person')),
    noted_at   INTEGER NOT NULL,
    -- When to ask the provider about it; none once that is settled.
    ask_at     INTEGER,
    tries      INTEGER NOT NULL DEFAULT 0,
    verdict    TEXT    CHECK (verdict IN ('confirmed', 'refuted', 'unknown', 'one_of_several')),
    UNIQUE (attempt_id, call_sid),
    CHECK ((ask_at IS NULL) = (verdict IS NOT NULL))
) STRICT;
CREATE INDEX candidate_to_ask ON candidate (ask_at) WHERE ask_at IS NOT NULL;

-- What people have decided about attempts, and exocamp on their behalf. Only ever added to.
CREATE TABLE decision (
    id         INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    at         INTEGER NOT NULL,
    by         TEXT    NOT NULL CHECK (by <> ''),
    decision   TEXT    NOT NULL CHECK (decision IN ('placed', 'not_placed', 'give_up')),
    call_sid   TEXT,
    because    TEXT    NOT NULL CHECK (because <> '')
) STRICT;
CREATE INDEX decision_of_attempt ON decision (attempt_id);

-- What came to light and should not have: never a reason to dial, always one to look.
CREATE TABLE incident (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    attempt_id  INTEGER NOT NULL REFERENCES attempt (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('late_call', 'call_after_redial', 'outcome_changed', 'foreign_sid')),
    call_sid    TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    UNIQUE (attempt_id, kind, call_sid, detail)
) STRICT;
CREATE INDEX incident_of_campaign ON incident (campaign_id, id);

-- Our ledger held against the provider's list. Only ever added to.
CREATE TABLE audit (
    id          INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    at          INTEGER NOT NULL,
    by          TEXT    NOT NULL CHECK (by <> ''),
    from_at     INTEGER NOT NULL,
    to_at       INTEGER NOT NULL,
    matched     INTEGER NOT NULL,
    only_ours   INTEGER NOT NULL,
    only_theirs INTEGER NOT NULL,
    different   INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_of_campaign ON audit (campaign_id, id);
