-- The rules of calling, and who changed what: the do-not-call list, caps, costs, the canary, steering from any terminal.

-- What is live, as before, but for the way it is written: for `IN` with more than two words SQLite makes a temporary table
-- each time, and every change of an attempt asks four times.
DROP INDEX one_live_attempt_per_number;
DROP INDEX attempt_live;
ALTER TABLE attempt DROP COLUMN live;
ALTER TABLE attempt ADD COLUMN live INTEGER GENERATED ALWAYS AS
    (state = 'intent' OR state = 'in_doubt' OR state = 'accepted' OR state = 'in_progress') VIRTUAL;
CREATE UNIQUE INDEX one_live_attempt_per_number ON attempt (person_id) WHERE live = 1;
CREATE INDEX attempt_live ON attempt (campaign_id, state, look_us, accepted_at, line_until_at, intent_at) WHERE live = 1;

-- Caps count a number's calls over all campaigns, by the time they were to be sent.
CREATE INDEX attempt_of_person ON attempt (person_id, send_at);

-- A row of `pace` can also be an ExoPhone's (`caller_id:NUMBER`), or a campaign's of one ExoPhone
-- (`campaign:ID:caller_id:NUMBER`): it says then when the last call from there started, and what interval whoever
-- started it keeps.
ALTER TABLE pace ADD COLUMN interval_us INTEGER;

-- Whom never to call, in no campaign. A number stays on it whatever list it comes in with again.
CREATE TABLE do_not_call (
    person_id INTEGER PRIMARY KEY REFERENCES person (id),
    added_at  INTEGER NOT NULL,
    added_by  TEXT    NOT NULL,
    -- How it got here: a person said so, a file, Exotel's refusal (TRAI NDNC), or the person was forgotten.
    source    TEXT    NOT NULL CHECK (source IN ('person', 'file', 'ndnc', 'forgotten')),
    note      TEXT
) STRICT;

-- Every time a number was put on the list or taken off. Only ever added to.
CREATE TABLE do_not_call_event (
    id        INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id),
    at        INTEGER NOT NULL,
    by        TEXT    NOT NULL,
    what      TEXT    NOT NULL CHECK (what IN ('added', 'removed')),
    source    TEXT    NOT NULL,
    note      TEXT
) STRICT;
CREATE INDEX do_not_call_event_of_person ON do_not_call_event (person_id);

CREATE TRIGGER do_not_call_event_is_not_changed BEFORE UPDATE OF person_id, at, by, what, source ON do_not_call_event
BEGIN
    SELECT RAISE(ABORT, 'events of the do-not-call list are only added');
END;

CREATE TRIGGER do_not_call_event_is_kept BEFORE DELETE ON do_not_call_event
BEGIN
    SELECT RAISE(ABORT, 'events of the do-not-call list are only added');
END;

-- What Exotel has said of a number's do-not-disturb mark, and when.
CREATE TABLE scrub (
    person_id INTEGER PRIMARY KEY REFERENCES person (id),
    asked_at  INTEGER NOT NULL,
    -- Nothing where the answer had no mark, which is good for a shorter time.
    is_dnd    INTEGER CHECK (is_dnd IN (0, 1))
) STRICT;

-- What an attempt costs, in millionths of the account's currency: the worst case from its intent on, what its length
-- says once it has ended, and what the provider says once it does. The tariff it was reckoned with stays with it.
ALTER TABLE attempt ADD COLUMN cost_um INTEGER NOT NULL DEFAULT 0 CHECK (cost_um >= 0);
ALTER TABLE attempt ADD COLUMN tariff_um INTEGER CHECK (tariff_um >= 0);
-- The sum of its attempts' costs; the triggers keep it.
ALTER TABLE campaign ADD COLUMN cost_um INTEGER NOT NULL DEFAULT 0 CHECK (cost_um >= 0);

CREATE TRIGGER attempt_costs AFTER INSERT ON attempt WHEN NEW.cost_um <> 0
BEGIN
    UPDATE campaign SET cost_um = cost_um + NEW.cost_um WHERE id = NEW.campaign_id;
END;

CREATE TRIGGER attempt_cost_changes AFTER UPDATE OF cost_um ON attempt WHEN OLD.cost_um <> NEW.cost_um
BEGIN
    UPDATE campaign SET cost_um = cost_um - OLD.cost_um + NEW.cost_um WHERE id = NEW.campaign_id;
END;

-- How many attempts of a campaign each ExoPhone has, by their state, so that nobody has to count a million rows.
CREATE TABLE caller_id_tally (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    caller_id   INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),
    PRIMARY KEY (campaign_id, caller_id, state)
) STRICT, WITHOUT ROWID;
INSERT INTO caller_id_tally (campaign_id, caller_id, state, attempts)
    SELECT campaign_id, caller_id, state, count(*) FROM attempt WHERE caller_id IS NOT NULL GROUP BY 1, 2, 3;

CREATE TRIGGER attempt_is_counted AFTER INSERT ON attempt WHEN NEW.caller_id IS NOT NULL
BEGIN
    INSERT INTO caller_id_tally (campaign_id, caller_id, state, attempts)
        VALUES (NEW.campaign_id, NEW.caller_id, NEW.state, 1)
        ON CONFLICT (campaign_id, caller_id, state) DO UPDATE SET attempts = attempts + 1;
END;

CREATE TRIGGER attempt_is_counted_anew AFTER UPDATE OF state ON attempt
    WHEN OLD.state <> NEW.state AND NEW.caller_id IS NOT NULL
BEGIN
    UPDATE caller_id_tally SET attempts = attempts - 1
        WHERE campaign_id = OLD.campaign_id AND caller_id = OLD.caller_id AND state = OLD.state;
    INSERT INTO caller_id_tally (campaign_id, caller_id, state, attempts)
        VALUES (NEW.campaign_id, NEW.caller_id, NEW.state, 1)
        ON CONFLICT (campaign_id, caller_id, state) DO UPDATE SET attempts = attempts + 1;
END;

-- Whether a campaign's calls do what they are meant to.
CREATE TABLE quality (
    campaign_id INTEGER PRIMARY KEY REFERENCES campaign (id),
    -- Calls that were picked up since somebody last looked, and those among them that ended within seconds.
    answered    INTEGER NOT NULL DEFAULT 0 CHECK (answered >= 0),
    short       INTEGER NOT NULL DEFAULT 0 CHECK (short >= 0),
    -- The canary's attempts come after this one; none has begun without.
    canary_from INTEGER,
    -- How many it was to have, once it has passed.
    canary_passed INTEGER
) STRICT;

-- What a pause of our own is about: the provider's troubles end by themselves, what comes of calls a person has to see.
ALTER TABLE campaign ADD COLUMN paused_over TEXT CHECK (paused_over IN ('provider', 'quality'));

-- Every hand on the tiller: pause, resume, cancel, retry and what overrode a rule. Settings have their own table. Only
-- ever added to.
CREATE TABLE steering (
    id          INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    at          INTEGER NOT NULL,
    by          TEXT    NOT NULL,
    what        TEXT    NOT NULL,
    detail      TEXT,
    because     TEXT
) STRICT;
CREATE INDEX steering_of_campaign ON steering (campaign_id, id);

CREATE TRIGGER steering_is_not_changed BEFORE UPDATE ON steering
BEGIN
    SELECT RAISE(ABORT, 'steering is only added');
END;

CREATE TRIGGER steering_is_kept BEFORE DELETE ON steering
BEGIN
    SELECT RAISE(ABORT, 'steering is only added');
END;

-- A start in the future, made by `run`.
CREATE TABLE schedule (
    id           INTEGER PRIMARY KEY,
    campaign_id  INTEGER NOT NULL REFERENCES campaign (id),
    start_at     INTEGER NOT NULL,
    -- Too late after this: then it is missed, and nobody is called.
    not_after_at INTEGER CHECK (not_after_at >= start_at),
    made_at      INTEGER NOT NULL,
    made_by      TEXT    NOT NULL,
    -- How it ended: started, missed, or replaced by a later one or by a person's own start.
    ended_at     INTEGER,
    outcome      TEXT    CHECK (outcome IN ('started', 'missed', 'replaced')),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
CREATE UNIQUE INDEX one_open_schedule ON schedule (campaign_id) WHERE ended_at IS NULL;

-- One campaign of each account keeps the test calls of `call`; `run` leaves it alone.
ALTER TABLE campaign ADD COLUMN is_for_test_calls INTEGER NOT NULL DEFAULT 0 CHECK (is_for_test_calls IN (0, 1));
UPDATE campaign SET is_for_test_calls = 1
    WHERE name LIKE 'test calls %' AND id IN (SELECT campaign_id FROM source WHERE file = '(typed)');

-- Who was erased, as a keyed hash of the number: enough to know them again, and not to call them.
CREATE TABLE forgotten (
    hash         BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    forgotten_at INTEGER NOT NULL,
    forgotten_by TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- To be erased as soon as none of their calls is open any more.
ALTER TABLE person ADD COLUMN forget_at INTEGER;
CREATE INDEX person_to_forget ON person (forget_at) WHERE forget_at IS NOT NULL;

-- What erasing needs to know.
CREATE TABLE erasure (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    -- Tells the key of the hashes, which lies in a file of its own beside the database, from another.
    key_check   BLOB CHECK (length(key_check) = 32),
    -- Since when bytes of what was erased may be left in the file.
    unpurged_at INTEGER
) STRICT;
INSERT INTO erasure (one) VALUES (1);
