-- The first schema. Released files are never edited; what changes later comes in a migration of its own.
--
-- Times in columns ending `_at` are milliseconds since 1970 UTC; columns ending `_us` are microseconds since the boot
-- named beside them, for intervals that a corrected wall clock must not stretch.

CREATE TABLE campaign (
    id              INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE COLLATE NOCASE CHECK (length(name) BETWEEN 1 AND 64),
    owner           TEXT    NOT NULL CHECK (owner <> ''),
    -- The Exotel account it was first started with; never changes after that.
    account         TEXT,
    state           TEXT    NOT NULL DEFAULT 'stopped'
                    CHECK (state IN ('stopped', 'running', 'paused', 'completed', 'cancelled')),
    -- Who paused it: a person's pause lasts until `resume`, ours until the next start.
    paused_by       TEXT    CHECK (paused_by IN ('person', 'exocamp')),
    paused_why      TEXT,
    paused_at       INTEGER,
    -- The run that may write; a run that finds another number here has lost its place.
    current_run     INTEGER REFERENCES run (id),
    -- What a call of this campaign has turned out to last, ringing included.
    typical_call_ms INTEGER CHECK (typical_call_ms >= 0),
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    finished_at     INTEGER,
    CHECK ((state = 'paused') = (paused_by IS NOT NULL))
) STRICT;

-- Every change of a remembered setting; the latest of a key counts.
CREATE TABLE setting (
    id          INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    key         TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    set_by      TEXT    NOT NULL,
    set_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX setting_of_campaign ON setting (campaign_id, id);

-- A person's number lives here and nowhere else, so that it can be erased in one place.
CREATE TABLE person (
    id     INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 1000000 AND 999999999999999)
) STRICT;

-- A file that contacts came from.
CREATE TABLE source (
    id          INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file        TEXT    NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT;

CREATE TABLE contact (
    id              INTEGER PRIMARY KEY,
    campaign_id     INTEGER NOT NULL REFERENCES campaign (id),
    person_id       INTEGER NOT NULL REFERENCES person (id),
    name            TEXT,
    -- The other columns of the file, as a JSON object of texts.
    fields          TEXT    CHECK (fields IS NULL OR json_valid(fields)),
    source_id       INTEGER NOT NULL REFERENCES source (id),
    line            INTEGER NOT NULL,
    state           TEXT    NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'initiated', 'completed', 'failed', 'skipped', 'held')),
    reason          TEXT,
    due_at          INTEGER,
    -- Tries that count against the permitted number.
    charged         INTEGER NOT NULL DEFAULT 0 CHECK (charged >= 0),
    last_attempt_id INTEGER REFERENCES attempt (id),
    CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    UNIQUE (campaign_id, person_id)
) STRICT;
CREATE INDEX contact_of_campaign ON contact (campaign_id);
CREATE INDEX contact_busy_elsewhere ON contact (campaign_id, person_id) WHERE state = 'pending' AND reason = 'busy_elsewhere';
CREATE INDEX contact_due ON contact (campaign_id, due_at, id) WHERE state = 'pending';

-- How many contacts of a campaign are in each state, so that nobody has to count a million rows. The import adds its
-- rows in one go; the trigger keeps up with every later move.
CREATE TABLE tally (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    state       TEXT    NOT NULL,
    contacts    INTEGER NOT NULL CHECK (contacts >= 0),
    PRIMARY KEY (campaign_id, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER contact_moves AFTER UPDATE OF state ON contact WHEN OLD.state <> NEW.state
BEGIN
    UPDATE tally SET contacts = contacts - 1 WHERE campaign_id = OLD.campaign_id AND state = OLD.state;
    INSERT INTO tally (campaign_id, state, contacts) VALUES (NEW.campaign_id, NEW.state, 1)
        ON CONFLICT (campaign_id, state) DO UPDATE SET contacts = contacts + 1;
END;

-- One row permits at most one POST, ever.
CREATE TABLE attempt (
    id              INTEGER PRIMARY KEY,
    -- Travels with the call as its CustomField.
    key             TEXT    NOT NULL UNIQUE,
    run_id          INTEGER NOT NULL REFERENCES run (id),
    campaign_id     INTEGER NOT NULL REFERENCES campaign (id),
    contact_id      INTEGER NOT NULL REFERENCES contact (id),
    person_id       INTEGER NOT NULL REFERENCES person (id),
    state           TEXT    NOT NULL CHECK (state IN (
                        'intent', 'not_sent', 'rejected', 'in_doubt', 'held', 'not_placed', 'presumed_placed',
                        'accepted', 'in_progress', 'outcome_unknown',
                        'completed', 'busy', 'no_answer', 'failed', 'canceled')),
    live            INTEGER GENERATED ALWAYS AS
                    (state IN ('intent', 'in_doubt', 'accepted', 'in_progress')) VIRTUAL,
    rejection       TEXT    CHECK ((state = 'rejected') = (rejection IS NOT NULL)),
    -- Why it is where it is, in words; numbers in it are masked.
    error           TEXT,
    call_sid        TEXT,
    -- Permitted then, to be sent no earlier than that.
    intent_at       INTEGER NOT NULL,
    send_at         INTEGER NOT NULL,
    accepted_at     INTEGER,
    -- When we learnt the end.
    closed_at       INTEGER,
    -- A doubt holds its line until then.
    line_until_at   INTEGER,
    -- When to ask about it next, on this boot's clock; every run sets it anew.
    look_us         INTEGER,
    -- When a campaign that waits for this person has last asked about the call.
    blocker_asked_at INTEGER,
    -- When to ask once more for the price and length, which the provider fills in late.
    price_due_at    INTEGER,
    -- The provider's own account of the call.
    call_started_at INTEGER,
    call_ended_at   INTEGER,
    duration_s      INTEGER CHECK (duration_s >= 0),
    price           TEXT,
    CHECK (call_sid IS NOT NULL OR state IN
        ('intent', 'not_sent', 'rejected', 'in_doubt', 'held', 'not_placed', 'presumed_placed')),
    CHECK (call_sid IS NULL OR state NOT IN ('intent', 'not_sent', 'rejected', 'in_doubt'))
) STRICT;

-- The rule the whole program stands on: nobody's number is rung by two attempts at once.
CREATE UNIQUE INDEX one_live_attempt_per_number ON attempt (person_id) WHERE live = 1;
CREATE UNIQUE INDEX one_attempt_per_call ON attempt (call_sid) WHERE call_sid IS NOT NULL;
CREATE INDEX attempt_live ON attempt (campaign_id, state, look_us, accepted_at, line_until_at, intent_at) WHERE live = 1;
CREATE INDEX attempt_of_contact ON attempt (contact_id);
CREATE INDEX attempt_price_due ON attempt (campaign_id, price_due_at) WHERE price_due_at IS NOT NULL;

-- The steps an attempt may take. `domain::attempt::is_legal_step` is the same table; a test holds the two together.
CREATE TABLE attempt_step (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;
INSERT INTO attempt_step (from_state, to_state) VALUES
    ('intent', 'not_sent'), ('intent', 'rejected'), ('intent', 'in_doubt'), ('intent', 'accepted'),
    ('in_doubt', 'accepted'), ('in_doubt', 'held'),
    ('held', 'not_placed'), ('held', 'presumed_placed'), ('held', 'outcome_unknown'),
    ('not_placed', 'outcome_unknown'), ('presumed_placed', 'outcome_unknown'),
    ('accepted', 'in_progress'), ('accepted', 'outcome_unknown'),
    ('accepted', 'completed'), ('accepted', 'busy'), ('accepted', 'no_answer'), ('accepted', 'failed'),
    ('accepted', 'canceled'),
    ('in_progress', 'outcome_unknown'),
    ('in_progress', 'completed'), ('in_progress', 'busy'), ('in_progress', 'no_answer'), ('in_progress', 'failed'),
    ('in_progress', 'canceled'),
    ('outcome_unknown', 'completed'), ('outcome_unknown', 'busy'), ('outcome_unknown', 'no_answer'),
    ('outcome_unknown', 'failed'), ('outcome_unknown', 'canceled');

CREATE TRIGGER attempt_begins_as_intent BEFORE INSERT ON attempt WHEN NEW.state <> 'intent'
BEGIN
    SELECT RAISE(ABORT, 'an attempt begins as an intent');
END;

CREATE TRIGGER attempt_steps_are_legal BEFORE UPDATE OF state ON attempt
    WHEN OLD.state <> NEW.state
     AND NOT EXISTS (SELECT 1 FROM attempt_step WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'no such step of an attempt');
END;

CREATE TRIGGER attempt_keeps_its_sid BEFORE UPDATE OF call_sid ON attempt
    WHEN OLD.call_sid IS NOT NULL AND NEW.call_sid IS NOT OLD.call_sid
BEGIN
    SELECT RAISE(ABORT, 'an attempt keeps its call');
END;

CREATE TRIGGER attempt_keeps_its_person
    BEFORE UPDATE OF key, run_id, campaign_id, contact_id, person_id, intent_at ON attempt
BEGIN
    SELECT RAISE(ABORT, 'what an attempt was permitted for does not change');
END;

CREATE TRIGGER attempt_is_kept BEFORE DELETE ON attempt
BEGIN
    SELECT RAISE(ABORT, 'attempts are kept');
END;

-- What happened to each attempt, in order. Only ever added to.
CREATE TABLE attempt_event (
    id         INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    at         INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    -- Where we know it from: turn, reply, look_up, recovery.
    source     TEXT    NOT NULL,
    detail     TEXT
) STRICT;
CREATE INDEX attempt_event_of_attempt ON attempt_event (attempt_id);

CREATE TRIGGER attempt_event_is_not_changed BEFORE UPDATE ON attempt_event
BEGIN
    SELECT RAISE(ABORT, 'attempt events are only added');
END;

CREATE TRIGGER attempt_event_is_kept BEFORE DELETE ON attempt_event
BEGIN
    SELECT RAISE(ABORT, 'attempt events are only added');
END;

-- One process working at one campaign, from lock to leave. A row without an end was killed.
CREATE TABLE run (
    id              INTEGER PRIMARY KEY,
    campaign_id     INTEGER NOT NULL REFERENCES campaign (id),
    pid             INTEGER NOT NULL,
    host            TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    stopped_because TEXT,
    calls_placed    INTEGER NOT NULL DEFAULT 0,
    requests        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The next permitted start: one row for each campaign (`campaign:ID`) and each account (`account:SID`).
CREATE TABLE pace (
    scope    TEXT    PRIMARY KEY,
    boot     TEXT    NOT NULL,
    next_us  INTEGER NOT NULL,
    -- 429 closes an account's row until then.
    shut_us  INTEGER
) STRICT, WITHOUT ROWID;

-- The requests of the last minute to an account with an allowance.
CREATE TABLE request (
    id         INTEGER PRIMARY KEY,
    account    TEXT    NOT NULL,
    boot       TEXT    NOT NULL,
    at_us      INTEGER NOT NULL,
    is_look_up INTEGER NOT NULL CHECK (is_look_up IN (0, 1))
) STRICT;
CREATE INDEX request_of_account ON request (account, at_us);
