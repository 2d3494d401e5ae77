//! Bad stories, each of which breaks its rule and no other, and good ones.

use exocamp::store::Store;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::support::binary::number;

/// The horizon of all doubts, and how far apart two readings of the list must be.
const SETTLES_AT: i64 = 60_000;
const APART: i64 = 10_000;

/// A history made by hand: a database with one campaign, which tries everybody twice, and a ledger.
struct Story {
    folder: TempDir,
    db: Connection,
    ledger: Vec<Call>,
}

impl Story {
    /// Two reached, one of them after a busy line, one refused, and one that may have been called.
    fn good() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        drop(Store::open_or_create(&path).unwrap());
        let story = Self {
            db: Connection::open(&path).unwrap(),
            folder,
            ledger: Vec::new(),
        };
        story.sql(
            "INSERT INTO campaign (id, name, owner, created_at) VALUES (1, 'leads', 'asha', 0);
             INSERT INTO setting (campaign_id, key, value, set_by, set_at)
                 VALUES (1, 'retries', '1', 'asha', 0), (1, 'retry-on', 'busy', 'asha', 0);
             INSERT INTO source (id, campaign_id, file, imported_at) VALUES (1, 1, 'people.csv', 0);
             INSERT INTO run (id, campaign_id, pid, host, started_at) VALUES (1, 1, 1, 'desk', 0);",
        );
        let mut story = story;
        for person in 0..4 {
            story.contact(person);
        }
        story.attempt(0, "k0", &["accepted:s0", "completed:s0"], "completed");
        story.call(0, "k0", "s0", "completed", 0..2);
        story.attempt(1, "k1", &["accepted:s1", "busy:s1"], "pending");
        story.call(1, "k1", "s1", "busy", 0..1);
        let doubted = ["in_doubt", "accepted:s2", "in_progress:s2", "completed:s2"];
        story.attempt(1, "k2", &doubted, "completed");
        story.call(1, "k2", "s2", "completed", 3..5);
        story.attempt(2, "k3", &["rejected"], "failed");
        story.attempt(3, "k4", &["in_doubt"], "held");
        story.call(3, "k4", "s4", "busy", 4..6);
        story
    }

    /// The same without the guards of the schema, as a program could be that has none.
    fn unguarded() -> Self {
        let story = Self::good();
        story.sql(
            "DROP INDEX one_live_attempt_per_number; DROP INDEX one_attempt_per_call;
             DROP TRIGGER attempt_steps_are_legal; DROP TRIGGER attempt_keeps_its_sid;
             DROP TRIGGER attempt_keeps_its_person; DROP TRIGGER attempt_is_kept;
             DROP TRIGGER attempt_event_is_kept;",
        );
        story
    }

    fn sql(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }

    fn contact(&mut self, person: u32) {
        let digits = &number(person)[1..];
        self.sql(&format!(
            "INSERT INTO person (id, number) VALUES ({person}, {digits});
             INSERT INTO contact (id, campaign_id, person_id, source_id, line, due_at)
                 VALUES ({person}, 1, {person}, 1, 2, 0);
             INSERT INTO tally (campaign_id, state, contacts) VALUES (1, 'pending', 1)
                 ON CONFLICT DO UPDATE SET contacts = contacts + 1;"
        ));
    }

    /// Permits an attempt, takes it through these steps (`state` or `state:sid`), and puts its contact into a state.
    fn attempt(&mut self, person: u32, key: &str, steps: &[&str], contact: &str) {
        self.sql(&format!(
            "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, intent_at, send_at)
                 VALUES ('{key}', 1, 1, {person}, {person}, 'intent', 0, 0);"
        ));
        let id = self.db.last_insert_rowid();
        self.step(id, "intent");
        for step in steps {
            let (state, sid) = step.split_once(':').unwrap_or((step, ""));
            let rejection = if state == "rejected" {
                "bad_number"
            } else {
                ""
            };
            self.sql(&format!(
                "UPDATE attempt SET state = '{state}', call_sid = nullif('{sid}', ''),
                     rejection = nullif('{rejection}', ''), error = 'no reply in time' WHERE id = {id}"
            ));
            self.step(id, state);
        }
        self.sql(&format!(
            "UPDATE contact SET last_attempt_id = {id}, state = '{contact}',
                 due_at = CASE '{contact}' WHEN 'pending' THEN 0 END WHERE id = {person}"
        ));
    }

    /// Reads the list for an attempt's call at these times, in vain, and to its end; all other calls are shown.
    fn looks(&self, key: &str, grade: &str, at: [i64; 2]) {
        self.sql(&format!(
            "INSERT INTO doubt (attempt_id, sent_from_at, sent_to_at, settles_at, clear_at, clear_grade, grade)
                 SELECT id, 0, 0, {SETTLES_AT}, {}, '{grade}', '{grade}' FROM attempt WHERE key = '{key}'",
            at[0]
        ));
        let (known, shown) = if grade == "strong" { (3, 3) } else { (3, 2) };
        for at in at {
            self.sql(&format!(
                "INSERT INTO doubt_look (attempt_id, at, asked_for, calls, total, is_complete, known, known_shown, finding)
                     SELECT id, {at}, 'window', 9, 9, 1, {known}, {shown}, 'nothing' FROM attempt WHERE key = '{key}'"
            ));
        }
    }

    /// Keeps a call that may be an attempt's.
    fn keep(&self, key: &str, sid: &str, verdict: &str) {
        self.sql(&format!(
            "INSERT OR IGNORE INTO doubt (attempt_id, sent_from_at, sent_to_at, settles_at)
                 SELECT id, 0, 0, {SETTLES_AT} FROM attempt WHERE key = '{key}';
             INSERT INTO candidate (attempt_id, call_sid, source, noted_at, verdict)
                 SELECT id, '{sid}', 'list', 0, '{verdict}' FROM attempt WHERE key = '{key}'"
        ));
    }

    fn step(&self, attempt: i64, state: &str) {
        self.sql(&format!(
            "INSERT INTO attempt_event (attempt_id, at, state, source) VALUES ({attempt}, 0, '{state}', 'turn')"
        ));
    }

    fn call(
        &mut self,
        person: u32,
        key: &str,
        sid: &str,
        outcome: &str,
        seconds: std::ops::Range<i64>,
    ) {
        let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        self.ledger.push(Call {
            at: at(seconds.start),
            ends_at: at(seconds.end),
            sid: sid.to_owned(),
            number: number(person),
            caller_id: "08098765000".to_owned(),
            flow: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            custom_field: Some(key.to_owned()),
            outcome: outcome.to_owned(),
        });
    }

    /// Fails unless these rules, and no others, are found broken.
    #[track_caller]
    fn breaks(&self, rules: &[Rule]) {
        let database = self.folder.path().join("exocamp.db");
        let search = Search {
            scans_apart: SignedDuration::from_millis(APART),
            list: List::Whole,
        };
        let found = History::read(&database, &self.ledger)
            .searched(search)
            .violations();
        let mut broken: Vec<_> = found.iter().map(|violation| violation.rule).collect();
        broken.sort();
        broken.dedup();
        assert_eq!(broken, rules, "{found:#?}");
    }
}

#[test]
fn a_good_history_breaks_no_rule_and_has_its_figures() {
    let story = Story::good();
    story.breaks(&[]);
    Story::unguarded().breaks(&[]);
    let database = story.folder.path().join("exocamp.db");
    let figures = History::read(&database, &story.ledger).figures();
    let expected = Figures {
        contacts: 4,
        calls: 4,
        runs_cut_off: 0,
        doubted: 2,
        resolved: 1,
        in_doubt: 1,
        held: 0,
        proven_absent: 0,
    };
    assert_eq!(figures, expected);
}

#[test]
fn a_call_that_no_attempt_had_permitted_is_found() {
    let mut posted_before_the_commit = Story::good();
    posted_before_the_commit.call(9, "k9", "s9", "busy", 0..1);
    posted_before_the_commit.breaks(&[Rule::Unpermitted]);

    let mut without_a_key = Story::good();
    without_a_key.call(9, "k9", "s9", "busy", 0..1);
    without_a_key.ledger.last_mut().unwrap().custom_field = None;
    without_a_key.breaks(&[Rule::Unpermitted]);

    let mut to_somebody_else = Story::good();
    to_somebody_else.ledger[0].number = number(77);
    to_somebody_else.breaks(&[Rule::Unpermitted]);
}

#[test]
fn a_post_that_was_repeated_is_found() {
    let mut story = Story::good();
    story.call(3, "k4", "s5", "busy", 8..9);
    story.breaks(&[Rule::CalledTwice]);
}

#[test]
fn a_number_that_was_rung_by_two_calls_at_once_is_found() {
    let mut story = Story::good();
    // The busy line was not over when the second call came.
    story.ledger[1].ends_at = story.ledger[2].ends_at;
    story.breaks(&[Rule::CalledTwice]);
}

#[test]
fn an_attempt_that_was_permitted_while_another_was_live_is_found_though_no_phone_rang() {
    let mut story = Story::unguarded();
    story.sql("UPDATE contact SET state = 'pending', due_at = 0 WHERE id = 3");
    story.attempt(3, "k5", &["in_doubt"], "held");
    story.breaks(&[Rule::CalledTwice]);
}

#[test]
fn a_person_who_was_called_more_often_than_permitted_is_found() {
    let mut story = Story::good();
    story.contact(5);
    for (place, state) in ["pending", "pending", "failed"].into_iter().enumerate() {
        let (key, sid) = (format!("k5{place}"), format!("s5{place}"));
        let steps = [format!("accepted:{sid}"), format!("busy:{sid}")];
        story.attempt(5, &key, &steps.each_ref().map(String::as_str), state);
        let second = 10 * place as i64;
        story.call(5, &key, &sid, "busy", second..second + 1);
    }
    story.breaks(&[Rule::CalledTwice]);
}

#[test]
fn a_person_who_was_called_again_after_they_were_reached_is_found() {
    let mut story = Story::good();
    story.attempt(0, "k5", &["accepted:s5", "completed:s5"], "completed");
    story.call(0, "k5", "s5", "completed", 10..11);
    story.breaks(&[Rule::CalledTwice]);
}

#[test]
fn a_doubt_that_was_dialled_again_is_found() {
    let mut timeout_redialled = Story::unguarded();
    timeout_redialled.sql("UPDATE contact SET state = 'pending', due_at = 0 WHERE id = 3");
    timeout_redialled.attempt(3, "k5", &["accepted:s5", "busy:s5"], "failed");
    timeout_redialled.call(3, "k5", "s5", "busy", 10..11);
    timeout_redialled.breaks(&[Rule::CalledTwice]);

    let mut held_redialled = Story::unguarded();
    held_redialled.sql("UPDATE attempt SET state = 'held' WHERE key = 'k4'");
    held_redialled.step(5, "held");
    held_redialled.keep("k4", "s4", "one_of_several");
    held_redialled.breaks(&[]);
    held_redialled.sql("UPDATE contact SET state = 'pending', due_at = 0 WHERE id = 3");
    held_redialled.attempt(3, "k5", &["accepted:s5", "busy:s5"], "failed");
    held_redialled.call(3, "k5", "s5", "busy", 10..11);
    held_redialled.breaks(&[Rule::CalledTwice]);
}

#[test]
fn a_call_whose_absence_was_proven_and_that_rang_is_found() {
    let decided_by = |by: &str| {
        let mut story = Story::good();
        story.contact(5);
        story.attempt(5, "k5", &["in_doubt", "held", "not_placed"], "pending");
        story.call(5, "k5", "s5", "completed", 6..7);
        story.sql(&format!(
            "INSERT INTO decision (attempt_id, at, by, decision, because)
                 SELECT max(id), 0, '{by}', 'not_placed', 'made up' FROM attempt"
        ));
        story.looks("k5", "strong", [SETTLES_AT, SETTLES_AT + APART]);
        story.attempt(5, "k6", &["accepted:s6", "completed:s6"], "completed");
        story.call(5, "k6", "s6", "completed", 20..21);
        story
    };
    decided_by("asha").breaks(&[]);
    decided_by("exocamp").breaks(&[Rule::CalledTwice, Rule::Denied]);
}

#[test]
fn leftovers_that_were_reset_are_found() {
    // A restart that takes what was open for never sent, and dials it again.
    let mut taken_for_not_sent = Story::unguarded();
    taken_for_not_sent.sql(
        "UPDATE attempt SET state = 'not_sent' WHERE key = 'k4';
         UPDATE contact SET state = 'pending', due_at = 0 WHERE id = 3",
    );
    taken_for_not_sent.step(5, "not_sent");
    taken_for_not_sent.attempt(3, "k5", &["accepted:s5", "completed:s5"], "completed");
    taken_for_not_sent.call(3, "k5", "s5", "completed", 10..11);
    taken_for_not_sent.breaks(&[Rule::CalledTwice, Rule::Denied]);

    // A restart that forgets what was open.
    let forgotten = Story::unguarded();
    forgotten.sql(
        "UPDATE contact SET state = 'pending', due_at = 0, last_attempt_id = NULL WHERE id = 3;
         DELETE FROM attempt_event WHERE attempt_id = 5; DELETE FROM attempt WHERE key = 'k4'",
    );
    forgotten.breaks(&[Rule::Unpermitted, Rule::Unfinished]);
}

#[test]
fn an_outcome_that_was_lost_is_found() {
    let still_open = Story::unguarded();
    still_open.sql(
        "UPDATE attempt SET state = 'accepted' WHERE key = 'k0';
         UPDATE contact SET state = 'initiated' WHERE id = 0",
    );
    still_open.breaks(&[Rule::Lost, Rule::Unfinished]);

    let another_outcome = Story::unguarded();
    another_outcome.sql(
        "UPDATE attempt SET state = 'failed' WHERE key = 'k0';
         UPDATE contact SET state = 'failed' WHERE id = 0",
    );
    another_outcome.breaks(&[Rule::Lost]);

    let doubt_without_evidence = Story::good();
    doubt_without_evidence.sql("UPDATE attempt SET error = NULL WHERE key = 'k4'");
    doubt_without_evidence.breaks(&[Rule::Lost]);

    let mut given_up = Story::good();
    given_up.contact(5);
    given_up.attempt(5, "k5", &["accepted:s5", "busy:s5"], "failed");
    given_up.call(5, "k5", "s5", "busy", 0..1);
    given_up.breaks(&[Rule::Lost]);
}

#[test]
fn a_call_that_never_was_is_found() {
    let mut unheard = Story::good();
    unheard.contact(5);
    unheard.attempt(5, "k5", &["accepted:s5", "completed:s5"], "completed");
    unheard.breaks(&[Rule::Invented]);

    let mut anothers = Story::unguarded();
    anothers.contact(5);
    anothers.attempt(5, "k5", &["accepted:s0", "completed:s0"], "completed");
    anothers.breaks(&[Rule::Invented]);

    let swapped = Story::unguarded();
    swapped.sql("UPDATE attempt SET call_sid = 's4' WHERE key = 'k0'");
    swapped.breaks(&[Rule::Lost]);
}

#[test]
fn figures_that_do_not_add_up_are_found() {
    let story = Story::good();
    story.sql("UPDATE tally SET contacts = contacts + 1 WHERE state = 'held'");
    story.breaks(&[Rule::Miscounted]);

    let uncounted = Story::good();
    uncounted.sql("DELETE FROM tally WHERE state = 'failed'");
    uncounted.breaks(&[Rule::Miscounted]);

    let elsewhere = Story::good();
    elsewhere.sql("UPDATE contact SET state = 'completed' WHERE id = 3");
    elsewhere.breaks(&[Rule::Miscounted]);

    let untried = Story::good();
    untried.sql(
        "INSERT INTO person (id, number) VALUES (5, 919876500005);
         INSERT INTO contact (id, campaign_id, person_id, state, source_id, line) VALUES (5, 1, 5, 'completed', 1, 2);
         UPDATE tally SET contacts = contacts + 1 WHERE state = 'completed'",
    );
    untried.breaks(&[Rule::Miscounted]);
}

#[test]
fn people_who_still_wait_are_found() {
    let mut pending = Story::good();
    pending.contact(5);
    pending.breaks(&[Rule::Unfinished]);
    let mut initiated = Story::good();
    initiated.contact(5);
    initiated.attempt(5, "k5", &[], "initiated");
    initiated.breaks(&[Rule::Unfinished]);
}

#[test]
fn a_phone_that_rang_though_the_database_denies_it_is_found() {
    let mut rejected = Story::good();
    rejected.call(2, "k3", "s3", "completed", 0..1);
    rejected.breaks(&[Rule::Denied]);

    let mut not_sent = Story::good();
    not_sent.contact(5);
    not_sent.attempt(5, "k5", &["not_sent"], "skipped");
    not_sent.breaks(&[]);
    not_sent.call(5, "k5", "s5", "completed", 0..1);
    not_sent.breaks(&[Rule::Denied]);
}

/// Returns a history in which somebody's call was lost, and they are held.
fn held() -> Story {
    let mut story = Story::good();
    story.contact(5);
    story.attempt(5, "k5", &["in_doubt", "held"], "held");
    story
}

#[test]
fn whoever_is_held_without_evidence_is_found() {
    held().breaks(&[Rule::Unproven]);
    for grade in ["strong", "weak"] {
        let whole = held();
        whole.looks("k5", grade, [SETTLES_AT, SETTLES_AT + APART]);
        whole.breaks(&[]);
        let too_early = [SETTLES_AT - 1, SETTLES_AT + APART];
        let too_soon_after = [SETTLES_AT, SETTLES_AT + APART - 1];
        for at in [too_early, too_soon_after] {
            let hasty = held();
            hasty.looks("k5", grade, at);
            hasty.breaks(&[Rule::Unproven]);
        }
    }
    for flaw in [
        "is_complete = 0",
        "asked_for = 'number'",
        "finding = 'one'",
        "known_shown = 2",
        "known = 0, known_shown = 0",
    ] {
        for which in ["min(id)", "max(id)"] {
            let flawed = held();
            flawed.looks("k5", "strong", [SETTLES_AT, SETTLES_AT + APART]);
            flawed.sql(&format!(
                "UPDATE doubt_look SET {flaw} WHERE id = (SELECT {which} FROM doubt_look)"
            ));
            flawed.breaks(&[Rule::Unproven]);
        }
    }
}

#[test]
fn whoever_is_held_because_several_calls_may_be_theirs_has_these_on_record() {
    for (verdict, broken) in [
        ("one_of_several", &[][..]),
        ("refuted", &[]),
        ("unknown", &[Rule::Unproven]),
    ] {
        let story = held();
        story.keep("k5", "another", verdict);
        story.breaks(broken);
    }
}

#[test]
fn a_call_that_rang_and_that_a_search_of_the_whole_list_did_not_find_is_found() {
    let mut strong = held();
    strong.looks("k5", "strong", [SETTLES_AT, SETTLES_AT + APART]);
    strong.call(5, "k5", "s5", "completed", 6..7);
    strong.breaks(&[Rule::Denied]);

    let mut weak = held();
    weak.looks("k5", "weak", [SETTLES_AT, SETTLES_AT + APART]);
    weak.call(5, "k5", "s5", "completed", 6..7);
    weak.breaks(&[Rule::Lost]);

    let mut another = held();
    another.keep("k5", "s6", "one_of_several");
    another.call(5, "k5", "s5", "completed", 6..7);
    another.breaks(&[Rule::Lost]);
    another.keep("k5", "s5", "one_of_several");
    another.breaks(&[]);
}

#[test]
fn whoever_is_called_again_without_proof_is_found() {
    let called_again = |grade: &str, at| {
        let mut story = Story::good();
        story.contact(5);
        story.attempt(5, "k5", &["in_doubt", "held", "not_placed"], "pending");
        story.sql(
            "INSERT INTO decision (attempt_id, at, by, decision, because)
                 SELECT max(id), 0, 'exocamp', 'not_placed', 'made up' FROM attempt",
        );
        story.looks("k5", grade, at);
        story.attempt(5, "k6", &["accepted:s6", "completed:s6"], "completed");
        story.call(5, "k6", "s6", "completed", 20..21);
        story
    };
    let proven = [SETTLES_AT, SETTLES_AT + APART];
    called_again("strong", proven).breaks(&[]);
    called_again("weak", proven).breaks(&[Rule::Unproven]);
    called_again("strong", [SETTLES_AT, SETTLES_AT]).breaks(&[Rule::Unproven]);
    let on_a_candidate = called_again("strong", proven);
    on_a_candidate.sql("UPDATE doubt SET grade = NULL");
    on_a_candidate.keep("k5", "s7", "one_of_several");
    on_a_candidate.breaks(&[Rule::Unproven]);
}
