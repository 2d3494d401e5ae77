use std::time::Duration;

use super::*;
use crate::domain::call::{CallSid, Window};
use crate::domain::doubt::{Clear, Doubted, Grade};
use crate::domain::phone::PhoneNumber;
use crate::store::attempts::AttemptId;
use crate::store::campaigns::{Campaign, CampaignId};
use crate::store::evidence::{Reading, Search};
use crate::store::incidents::{Incident, Kind};

/// A time on one day, as an Indian clock shows it.
fn at(clock: &str) -> Timestamp {
    format!("2026-03-05T{clock}+05:30").parse().unwrap()
}

fn sid(text: &str) -> CallSid {
    text.parse().unwrap()
}

/// Somebody who is in one campaign, with these attempts.
fn chapter(state: ContactState, reason: Option<Reason>, attempts: Vec<AttemptStory>) -> Chapter {
    Chapter {
        campaign: Campaign {
            id: CampaignId::from(1),
            name: "march reminders".to_owned(),
            owner: "asha".to_owned(),
            account: Some("exampleco1".to_owned()),
            is_for_test_calls: false,
            state: CampaignState::Stopped,
            paused_by: None,
            typical_call: Some(Duration::from_secs(30)),
            created_at: at("09:00:00"),
            started_at: Some(at("10:00:00")),
            finished_at: None,
        },
        contact: 7,
        name: Some("Ravi".to_owned()),
        file: "people.csv".to_owned(),
        line: 8,
        imported_at: at("09:00:00"),
        state,
        reason: reason.map(|reason| reason.as_str().to_owned()),
        next_attempt_at: None,
        registered_at: None,
        attempts,
    }
}

/// An attempt permitted at that time, which is all that is known of it.
fn attempt(id: i64, state: StateName, clock: &str) -> AttemptStory {
    let attempt = AttemptStory {
        attempt: AttemptId::from(id),
        state,
        permitted_at: at(clock),
        send_at: at(clock),
        caller_id: PhoneNumber::parse_caller_id("08098765000").ok(),
        call_sid: None,
        call_started_at: None,
        call_ended_at: None,
        duration_s: None,
        price: None,
        error: None,
        events: Vec::new(),
        search: None,
        readings: Vec::new(),
        named: Vec::new(),
        decisions: Vec::new(),
        incidents: Vec::new(),
    };
    step(attempt, clock, StateName::Intent, "turn", None)
}

fn step(
    mut attempt: AttemptStory,
    clock: &str,
    state: StateName,
    source: &str,
    detail: Option<&str>,
) -> AttemptStory {
    attempt.events.push(Event {
        at: at(clock),
        state,
        source: source.to_owned(),
        detail: detail.map(str::to_owned),
    });
    attempt
}

/// An attempt whose reply came at once and whose call ended after 40 s.
fn ended(id: i64, state: StateName, clock: [&str; 3], call: &str) -> AttemptStory {
    let [sent, accepted, over] = clock;
    let mut ended = attempt(id, state, sent);
    ended.call_sid = Some(sid(call));
    let ended = step(ended, accepted, StateName::Accepted, "reply", None);
    step(ended, over, state, "look_up", None)
}

/// An attempt that timed out at 10:01:30 and was looked for once, by number.
fn doubted(state: StateName, look_at: Option<&str>) -> AttemptStory {
    let mut doubted = attempt(12, state, "10:01:00");
    doubted = step(
        doubted,
        "10:01:30",
        StateName::InDoubt,
        "reply",
        Some("no reply in time"),
    );
    doubted.search = Some(Search {
        doubted: Doubted {
            sent: Window {
                from: at("10:01:00"),
                to: at("10:01:30"),
            },
            settles_at: at("10:24:30"),
            clear: None,
        },
        why: Some("no reply in time".to_owned()),
        looks: 1,
        looked_at: Some(at("10:02:00")),
        look_at: look_at.map(at),
        grade: None,
    });
    doubted.readings.push(Reading {
        at: at("10:02:00"),
        look: look(false, 0),
    });
    doubted
}

fn look(of_window: bool, candidates: u64) -> Look {
    let known = if of_window { 14 } else { 0 };
    Look {
        of_window,
        calls: known + candidates,
        total: Some(known + candidates),
        is_complete: true,
        known,
        known_shown: known,
        candidates,
    }
}

/// The same, twice not found in the whole list, and so held.
fn absent(state: StateName) -> AttemptStory {
    let mut absent = doubted(state, None);
    for clock in ["10:24:30", "10:34:30"] {
        absent.readings.push(Reading {
            at: at(clock),
            look: look(true, 0),
        });
    }
    let search = absent.search.as_mut().unwrap();
    search.looks = 3;
    search.doubted.clear = Some(Clear {
        at: at("10:24:30"),
        grade: Grade::Strong,
    });
    search.grade = Some(Grade::Strong);
    let detail = "the provider's list does not show the call; the evidence is strong";
    step(absent, "10:34:30", StateName::Held, "search", Some(detail))
}

/// The same, and asha has said that it was not placed.
fn not_placed() -> AttemptStory {
    let mut decided = absent(StateName::NotPlaced);
    decided.decisions.push(Decided {
        at: at("11:00:00"),
        by: "asha".to_owned(),
        said: Said::NotPlaced,
        because: "it is not in the call log".to_owned(),
    });
    step(
        decided,
        "11:00:00",
        StateName::NotPlaced,
        "person",
        Some("decided: it was not placed"),
    )
}

fn told(chapters: Vec<Chapter>) -> String {
    let number = "9876500000".parse().unwrap();
    story(&Story { number, chapters }, at("12:00:00"))
}

fn told_one(state: ContactState, reason: Option<Reason>, attempts: Vec<AttemptStory>) -> String {
    told(vec![chapter(state, reason, attempts)])
}

#[test]
fn somebody_who_was_never_called() {
    insta::assert_snapshot!(told_one(ContactState::Pending, None, Vec::new()), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Pending: never called.

      Next: an attempt is due now, by the run that is going on or the next
            `exocamp start 'march reminders'`.
    ");
}

#[test]
fn somebody_who_was_reached() {
    let mut call = ended(
        3,
        StateName::Completed,
        ["10:01:00", "10:01:01", "10:02:00"],
        "a1",
    );
    call.send_at = at("10:01:03");
    call.call_ended_at = Some(at("10:01:52"));
    call.duration_s = Some(40);
    call.price = Some("0.400000".to_owned());
    insta::assert_snapshot!(told_one(ContactState::Completed, None, vec![call]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Completed: the call was answered.

      Attempt 3
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at 05 Mar 10:01:03
        05 Mar 10:01:01  accepted by Exotel as call a1
        05 Mar 10:02:00  seen to have ended: completed at 05 Mar 10:01:52, after 40 s, for 0.400000

      Next: nothing; this contact is finished.
    ");
}

#[test]
fn somebody_who_was_busy_and_is_tried_again() {
    let busy = ended(
        3,
        StateName::Busy,
        ["10:01:00", "10:01:01", "10:02:00"],
        "a1",
    );
    let mut chapter = chapter(ContactState::Pending, Some(Reason::Retry), vec![busy]);
    chapter.next_attempt_at = Some(at("12:30:00"));
    insta::assert_snapshot!(told(vec![chapter]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Pending: waits for another attempt.

      Attempt 3
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:01  accepted by Exotel as call a1
        05 Mar 10:02:00  seen to have ended: busy

      Next: an attempt is due 05 Mar 12:30:00, by the run that is going on then.
    ");
}

#[test]
fn somebody_in_doubt() {
    let mut doubt = doubted(StateName::InDoubt, Some("12:10:00"));
    doubt.search.as_mut().unwrap().doubted.settles_at = at("12:24:30");
    let in_doubt = Some(Reason::InDoubt);
    insta::assert_snapshot!(told_one(ContactState::Held, in_doubt, vec![doubt]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Held: a call may or may not have been placed.

      Attempt 12
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:30  may or may not have been placed: no reply in time
        05 Mar 10:02:00  Exotel's list was asked for the number: no such call

      Next: waits for evidence: the call may turn up in Exotel's list until 05 Mar 12:24:30; exocamp
            looks for it 05 Mar 12:10:00.
    ");
    // The horizon has passed, and nobody has run exocamp since.
    let overdue = doubted(StateName::InDoubt, Some("10:04:00"));
    let told = told_one(ContactState::Held, in_doubt, vec![overdue]);
    let (_, next) = told.split_once("  Next: ").unwrap();
    insta::assert_snapshot!(next, @"
    waits for evidence: `exocamp settle 'march reminders'` looks for it now. Or a person
            decides: look in Exotel's own call log, then `exocamp doubts resolve 12` with
            `--placed SID`, `--not-placed` or `--give-up`.
    ");
}

#[test]
fn somebody_held_because_two_calls_may_be_theirs() {
    let mut held = doubted(StateName::Held, None);
    for (call, standing) in [
        ("a1", Standing::OneOfSeveral),
        ("b2", Standing::OneOfSeveral),
    ] {
        held.named.push(NamedCall {
            sid: sid(call),
            by: NamedBy::List,
            at: at("10:04:00"),
            standing,
        });
    }
    held.readings.push(Reading {
        at: at("10:04:00"),
        look: look(true, 2),
    });
    let detail = "the provider's list shows several calls that may be this one";
    let held = step(held, "10:04:00", StateName::Held, "search", Some(detail));
    insta::assert_snapshot!(told_one(ContactState::Held, Some(Reason::InDoubt), vec![held]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Held: a call may or may not have been placed.

      Attempt 12
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:30  may or may not have been placed: no reply in time
        05 Mar 10:02:00  Exotel's list was asked for the number: no such call
        05 Mar 10:04:00  Exotel's list of that time was read to its end, 16 calls: several calls may
                         be it; 14 of 14 known calls were shown
        05 Mar 10:04:00  Exotel's list names call a1, which may be this one or another's
        05 Mar 10:04:00  Exotel's list names call b2, which may be this one or another's
        05 Mar 10:04:00  left to a person: the provider's list shows several calls that may be this
                         one

      Next: a person has to decide: look in Exotel's own call log, then `exocamp doubts resolve 12`
            with `--placed SID`, `--not-placed` or `--give-up`.
    ");
}

#[test]
fn nobody_has_to_decide_while_exotel_is_asked_about_a_call() {
    let mut named = absent(StateName::Held);
    named.named.push(NamedCall {
        sid: sid("c3"),
        by: NamedBy::Person,
        at: at("11:00:00"),
        standing: Standing::Asked,
    });
    let next = |named: &AttemptStory| {
        let reason = Some(Reason::InDoubt);
        let told = told_one(ContactState::Held, reason, vec![named.clone()]);
        told.split_once("  Next: ").unwrap().1.to_owned()
    };
    assert_eq!(
        next(&named),
        "exocamp asks Exotel about call c3; `exocamp settle 'march reminders'` asks now.\n"
    );
    named.named[0].standing = Standing::Unknown;
    assert!(next(&named).starts_with("a person has to decide: "));
}

#[test]
fn somebody_who_was_called_again_after_a_decision() {
    let again = ended(
        19,
        StateName::NoAnswer,
        ["11:05:00", "11:05:01", "11:06:00"],
        "b2",
    );
    insta::assert_snapshot!(told_one(ContactState::Failed, None, vec![not_placed(), again]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Failed: the last permitted call ended no-answer.

      Attempt 12
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:30  may or may not have been placed: no reply in time
        05 Mar 10:02:00  Exotel's list was asked for the number: no such call
        05 Mar 10:24:30  Exotel's list of that time was read to its end, 14 calls: no such call; 14
                         of 14 known calls were shown
        05 Mar 10:34:30  Exotel's list of that time was read to its end, 14 calls: no such call; 14
                         of 14 known calls were shown
        05 Mar 10:34:30  left to a person: the provider's list does not show the call; the evidence
                         is strong
        05 Mar 11:00:00  asha has decided: it was not placed; because: it is not in the call log

      Attempt 19
        05 Mar 11:05:00  permitted, to be sent from 08098765000 at once
        05 Mar 11:05:01  accepted by Exotel as call b2
        05 Mar 11:06:00  seen to have ended: no-answer

      Next: nothing; this contact is finished.
    ");
}

#[test]
fn somebody_whose_call_turned_up_after_they_were_called_again() {
    let mut late = not_placed();
    late.state = StateName::Completed;
    late.call_sid = Some(sid("a1"));
    let late = step(late, "11:30:00", StateName::OutcomeUnknown, "look_up", None);
    let mut late = step(late, "11:30:00", StateName::Completed, "look_up", None);
    late.named.push(NamedCall {
        sid: sid("a1"),
        by: NamedBy::Callback,
        at: at("11:29:58"),
        standing: Standing::Confirmed,
    });
    late.incidents.push(Incident {
        at: at("11:30:00"),
        number: "9876500000".parse().unwrap(),
        attempt: AttemptId::from(12),
        kind: Kind::CallAfterRedial,
        sid: sid("a1"),
        detail: "the call was placed, and its contact was called again since".to_owned(),
    });
    let again = ended(
        19,
        StateName::Completed,
        ["11:05:00", "11:05:01", "11:06:00"],
        "b2",
    );
    insta::assert_snapshot!(told_one(ContactState::Completed, None, vec![late, again]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Completed: the call was answered.

      Attempt 12
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:30  may or may not have been placed: no reply in time
        05 Mar 10:02:00  Exotel's list was asked for the number: no such call
        05 Mar 10:24:30  Exotel's list of that time was read to its end, 14 calls: no such call; 14
                         of 14 known calls were shown
        05 Mar 10:34:30  Exotel's list of that time was read to its end, 14 calls: no such call; 14
                         of 14 known calls were shown
        05 Mar 10:34:30  left to a person: the provider's list does not show the call; the evidence
                         is strong
        05 Mar 11:00:00  asha has decided: it was not placed; because: it is not in the call log
        05 Mar 11:29:58  a callback names call a1, which a look-up has confirmed
        05 Mar 11:30:00  found at Exotel as call a1, late
        05 Mar 11:30:00  seen to have ended: completed
        05 Mar 11:30:00  incident: the call was placed, and its contact was called again since (call
                         a1)

      Attempt 19
        05 Mar 11:05:00  permitted, to be sent from 08098765000 at once
        05 Mar 11:05:01  accepted by Exotel as call b2
        05 Mar 11:06:00  seen to have ended: completed

      Next: nothing; this contact is finished.
    ");
}

#[test]
fn somebody_about_whom_a_person_was_wrong_and_then_gave_up() {
    let mut decided = absent(StateName::PresumedPlaced);
    decided.named.push(NamedCall {
        sid: sid("c3"),
        by: NamedBy::Person,
        at: at("11:00:00"),
        standing: Standing::Refuted,
    });
    for (clock, said, because) in [
        ("11:00:00", Said::Placed(sid("c3")), "10:01 in the call log"),
        ("11:10:00", Said::GiveUp, "not worth the time"),
    ] {
        let (by, because) = ("asha".to_owned(), because.to_owned());
        decided.decisions.push(Decided {
            at: at(clock),
            by,
            said,
            because,
        });
    }
    let told = told_one(
        ContactState::Completed,
        Some(Reason::PresumedPlaced),
        vec![decided],
    );
    let (_, end) = told.split_once("11:00:00").unwrap();
    insta::assert_snapshot!(end, @"
    asha has decided: it was placed as call c3, which a look-up has refuted;
                       because: 10:01 in the call log
      05 Mar 11:10:00  asha has decided: it counts as placed; because: not worth the time

    Next: nothing; this contact is finished.
    ");
    assert!(told.contains("\n  Completed: it was decided that the call counts as placed.\n"));
}

#[test]
fn a_number_that_is_registered_was_not_called_and_one_that_was_refused_was_refused() {
    let refused = attempt(3, StateName::Rejected, "10:01:00");
    for (attempts, said) in [
        (
            Vec::new(),
            "Exotel said 05 Mar 10:00:00 that this number is registered as",
        ),
        (vec![refused], "Skipped: Exotel may not call this number"),
    ] {
        let skipped = Chapter {
            registered_at: Some(at("10:00:00")),
            ..chapter(ContactState::Skipped, Some(Reason::Ndnc), attempts)
        };
        let told = told(vec![skipped]);
        assert!(told.replace("\n  ", " ").contains(said), "{told}");
    }
}

#[test]
fn somebody_in_two_campaigns_who_may_not_be_called() {
    let refused = step(
        attempt(3, StateName::Rejected, "10:01:00"),
        "10:01:01",
        StateName::Rejected,
        "reply",
        Some("Call to […0000] cannot be made because of TRAI NDNC regulations (403)"),
    );
    let skipped = chapter(ContactState::Skipped, Some(Reason::Ndnc), vec![refused]);
    let mut waits = chapter(
        ContactState::Pending,
        Some(Reason::BusyElsewhere),
        Vec::new(),
    );
    waits.campaign.name = "leads".to_owned();
    waits.file = "-".to_owned();
    insta::assert_snapshot!(told(vec![skipped, waits]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Skipped: Exotel may not call this number (TRAI NDNC).

      Attempt 3
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:01  refused by Exotel: Call to […0000] cannot be made because of TRAI NDNC
                         regulations (403)

      Next: nothing; this contact is finished.

    Campaign leads, of asha
      Line 8 of standard input, imported 05 Mar 09:00:00.
      Pending: another campaign has a call to this number, or a doubt about one.

      Next: an attempt is due as soon as that is over.
    ");
}

#[test]
fn somebody_whom_the_provider_refused_without_blaming_them() {
    let refused = step(
        attempt(3, StateName::Rejected, "10:01:00"),
        "10:01:01",
        StateName::Rejected,
        "reply",
        Some("something is wrong (400)"),
    );
    let told = told_one(
        ContactState::Pending,
        Some(Reason::ProviderRefused),
        vec![refused],
    );
    insta::assert_snapshot!(told, @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Pending: Exotel refused the last attempt without blaming this number.

      Attempt 3
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:01  refused by Exotel: something is wrong (400)

      Next: an attempt is due now, by the run that is going on or the next
            `exocamp start 'march reminders'`.
    ");
}

#[test]
fn every_rule_that_decides_about_somebody_is_told_in_words() {
    let answered = || {
        let mut call = ended(
            3,
            StateName::Completed,
            ["10:01:00", "10:01:01", "10:01:30"],
            "a1",
        );
        call.duration_s = Some(3);
        vec![call]
    };
    use ContactState as S;
    for (state, reason, attempts, expected) in [
        (
            S::Skipped,
            Reason::DoNotCall,
            Vec::new(),
            "Skipped: the number was on the do-not-call list; `exocamp dnd check` says more.",
        ),
        (
            S::Skipped,
            Reason::Cap,
            Vec::new(),
            "Skipped: the number had got as many calls as it may, over all campaigns.",
        ),
        (
            S::Skipped,
            Reason::Expired,
            Vec::new(),
            "Skipped: no calling hours were left before the campaign's end.",
        ),
        (
            S::Pending,
            Reason::Cap,
            answered(),
            "Pending: the number has got as many calls as it may for now, over all campaigns.",
        ),
        (
            S::Pending,
            Reason::Retry,
            answered(),
            "Pending: the last call was answered, too briefly to count as reached.",
        ),
        (
            S::Failed,
            Reason::TooShort,
            answered(),
            "Failed: the last permitted call was answered, too briefly to count as reached.",
        ),
    ] {
        let told = told_one(state, Some(reason), attempts);
        assert!(told.contains(&format!("\n  {expected}\n")), "{told}");
    }
}

#[test]
fn somebody_who_hung_up_at_once_and_is_called_again_in_the_evening() {
    let mut call = ended(
        3,
        StateName::Completed,
        ["10:01:00", "10:01:01", "10:01:30"],
        "a1",
    );
    (call.duration_s, call.call_ended_at) = (Some(3), Some(at("10:01:20")));
    let mut chapter = chapter(ContactState::Pending, Some(Reason::Retry), vec![call]);
    chapter.next_attempt_at = Some(at("18:00:00"));
    insta::assert_snapshot!(told(vec![chapter]), @"
    +919876500000, Ravi

    Campaign march reminders, of asha
      Line 8 of people.csv, imported 05 Mar 09:00:00.
      Pending: the last call was answered, too briefly to count as reached.

      Attempt 3
        05 Mar 10:01:00  permitted, to be sent from 08098765000 at once
        05 Mar 10:01:01  accepted by Exotel as call a1
        05 Mar 10:01:30  seen to have ended: completed at 05 Mar 10:01:20, after 3 s

      Next: an attempt is due 05 Mar 18:00:00, by the run that is going on then.
    ");
}

#[test]
fn what_keeps_the_whole_campaign_is_said() {
    for (state, paused_by, expected) in [
        (
            CampaignState::Paused,
            Some(PausedBy::Person),
            "But a person has paused the campaign.",
        ),
        (
            CampaignState::Paused,
            Some(PausedBy::Exocamp("no balance".to_owned())),
            "But exocamp has paused the campaign: no balance.",
        ),
        (
            CampaignState::Cancelled,
            None,
            "But the campaign was cancelled.",
        ),
        (CampaignState::Running, None, "the next `exocamp start x`."),
    ] {
        let mut chapter = chapter(ContactState::Pending, None, Vec::new());
        chapter.campaign.name = "x".to_owned();
        (chapter.campaign.state, chapter.campaign.paused_by) = (state, paused_by);
        let next = next(&chapter, at("12:00:00"));
        assert!(next.ends_with(expected), "{next}");
    }
}

#[test]
fn no_line_is_too_long_and_no_name_steers_the_terminal() {
    let mut chapter = chapter(
        ContactState::Held,
        Some(Reason::InDoubt),
        vec![absent(StateName::Held)],
    );
    chapter.name = Some("Ra\u{1b}[2Jvi".to_owned());
    chapter.file =
        "lists/2026/a very long folder/and another one/people of march, second version.csv"
            .to_owned();
    let told = told(vec![chapter]);
    assert!(!told.contains('\u{1b}'));
    for line in told.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}
