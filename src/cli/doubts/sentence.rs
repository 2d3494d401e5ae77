//! What is known of a doubt, in one sentence.

use jiff::Timestamp;

use super::{candidates, is_held};
use crate::cli::view::{clock_time, counted};
use crate::domain::doubt::Grade;
use crate::store::candidates::NamedBy;
use crate::store::doubts::Look;
use crate::store::evidence::{Standing, Waiting};

/// Returns what is known of a doubt in one sentence.
pub(super) fn of(doubt: &Waiting, now: Timestamp) -> String {
    let calls: Vec<_> = candidates(doubt).collect();
    if let [call] = calls.as_slice() {
        let sid = &call.sid;
        return match (call.standing, call.by) {
            (Standing::Asked, NamedBy::Person) => {
                format!("a person says that it is {sid}, and Exotel is asked")
            }
            (Standing::Asked, NamedBy::List | NamedBy::Callback) => {
                format!("it may be {sid}, and Exotel is asked")
            }
            (Standing::Unknown, _) => {
                format!("it was said to be {sid}, and Exotel does not know that call")
            }
            (Standing::OneOfSeveral, _) => format!("{sid} may be this one, or another's"),
            (Standing::Confirmed | Standing::Refuted, _) => format!("it is {sid}"),
        };
    }
    if !calls.is_empty() {
        return format!("{} may be this one", counted(calls.len() as u64, "call"));
    }
    if is_held(doubt) {
        return match (doubt.search.grade, last_complete_scan(doubt)) {
            (Some(grade), scan) => absent(grade, scan),
            (None, _) if doubt.search.looks == 0 => "never looked for".to_owned(),
            (None, _) => format!("{}; nothing was found that could be it", looked(doubt)),
        };
    }
    let next = next_look(doubt, now);
    let horizon = doubt.search.doubted.settles_at;
    if doubt.search.doubted.clear.is_some() {
        format!("not in Exotel's list, read once to its end; {next}")
    } else if now < horizon {
        let until = clock_time(horizon, now);
        format!(
            "{}, {next}; its call may be listed until {until}",
            looked(doubt)
        )
    } else {
        format!(
            "{}, {next}; the list was not read to its end since its call must be in it",
            looked(doubt)
        )
    }
}

/// Returns the last reading of everything in the doubt's time that was read to its end.
pub(super) fn last_complete_scan(doubt: &Waiting) -> Option<Look> {
    let mut readings = doubt.readings.iter().rev().map(|reading| reading.look);
    readings.find(|look| look.of_window && look.is_complete)
}

fn absent(grade: Grade, scan: Option<Look>) -> String {
    let known = match scan {
        Some(Look {
            known, known_shown, ..
        }) if known > 0 => {
            let first_was_weaker = grade == Grade::Weak && known == known_shown;
            let not_always = if first_was_weaker {
                ", but not in every reading"
            } else {
                ""
            };
            let (calls, were) = match known {
                1 => ("call", "was"),
                _ => ("calls", "were"),
            };
            format!("{known_shown} of {known} known {calls} of that time {were} shown{not_always}")
        }
        _ => "no other call of that time is known".to_owned(),
    };
    format!("not in Exotel's list, read twice to its end; {known}: {grade}")
}

fn looked(doubt: &Waiting) -> String {
    match doubt.search.looks {
        0 => "not looked for yet".to_owned(),
        1 => "looked once".to_owned(),
        looks => format!("looked {looks} times"),
    }
}

fn next_look(doubt: &Waiting, now: Timestamp) -> String {
    match doubt.search.look_at {
        Some(at) if at > now => format!("next at {}", clock_time(at, now)),
        Some(_) => "the next look is due".to_owned(),
        None => "and nobody looks any more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::StateName;
    use crate::domain::call::Window;
    use crate::domain::doubt::{Clear, Doubted};
    use crate::store::attempts::AttemptId;
    use crate::store::campaigns::CampaignId;
    use crate::store::evidence::{NamedCall, Reading, Search};

    /// A time on one day, as an Indian clock shows it.
    fn at(clock: &str) -> Timestamp {
        format!("2026-03-05T{clock}:00+05:30").parse().unwrap()
    }

    /// A doubt of a request that left at 10:24 and whose call may be listed until 10:47.
    fn doubt(state: StateName) -> Waiting {
        Waiting {
            attempt: AttemptId::from(12),
            campaign: CampaignId::from(1),
            campaign_name: "leads".to_owned(),
            number: "9876500000".parse().unwrap(),
            state,
            sent_at: at("10:24"),
            search: Search {
                doubted: Doubted {
                    sent: Window {
                        from: at("10:24"),
                        to: at("10:24"),
                    },
                    settles_at: at("10:47"),
                    clear: None,
                },
                why: None,
                looks: 0,
                looked_at: None,
                look_at: None,
                grade: None,
            },
            readings: Vec::new(),
            named: Vec::new(),
        }
    }

    fn in_doubt(looks: u32, look_at: &str) -> Waiting {
        let mut doubt = doubt(StateName::InDoubt);
        doubt.search.looks = looks;
        doubt.search.look_at = Some(at(look_at));
        doubt
    }

    fn absent(grade: Grade, known: u64, known_shown: u64) -> Waiting {
        let mut doubt = doubt(StateName::Held);
        doubt.search.grade = Some(grade);
        doubt.search.looks = 5;
        let look = |of_window, is_complete, known| Look {
            of_window,
            calls: known,
            total: Some(known),
            is_complete,
            known,
            known_shown,
            candidates: 0,
        };
        // What was read by number or not to its end says nothing.
        for look in [
            look(true, true, known),
            look(false, true, 99),
            look(true, false, 99),
        ] {
            doubt.readings.push(Reading {
                at: at("10:50"),
                look,
            });
        }
        doubt
    }

    fn named(state: StateName, calls: &[(&str, NamedBy, Standing)]) -> Waiting {
        let mut doubt = doubt(state);
        for (sid, by, standing) in calls {
            doubt.named.push(NamedCall {
                sid: sid.parse().unwrap(),
                by: *by,
                at: at("10:50"),
                standing: *standing,
            });
        }
        doubt
    }

    #[test]
    fn each_doubt_has_its_sentence() {
        use NamedBy::{List, Person};
        use StateName::{Held, InDoubt};
        let noted = {
            let mut doubt = in_doubt(4, "10:57");
            doubt.search.doubted.clear = Some(Clear {
                at: at("10:47"),
                grade: Grade::Strong,
            });
            doubt
        };
        let not_to_be_found = {
            let mut doubt = doubt(Held);
            doubt.search.looks = 3;
            doubt
        };
        let a1 = |standing| ("a1", List, standing);
        let several = [
            a1(Standing::OneOfSeveral),
            ("b2", List, Standing::OneOfSeveral),
        ];
        for (doubt, now, expected) in [
            (
                in_doubt(0, "10:25"),
                "10:24",
                "not looked for yet, next at 10:25:00; its call may be listed until 10:47:00",
            ),
            (
                in_doubt(1, "10:27"),
                "10:30",
                "looked once, the next look is due; its call may be listed until 10:47:00",
            ),
            (
                in_doubt(2, "10:33"),
                "10:30",
                "looked 2 times, next at 10:33:00; its call may be listed until 10:47:00",
            ),
            (
                in_doubt(4, "10:48"),
                "10:47",
                "looked 4 times, next at 10:48:00; the list was not read to its end since its call must be in it",
            ),
            (
                noted,
                "10:48",
                "not in Exotel's list, read once to its end; next at 10:57:00",
            ),
            (
                absent(Grade::Strong, 14, 14),
                "11:00",
                "not in Exotel's list, read twice to its end; 14 of 14 known calls of that time were shown: strong",
            ),
            (
                absent(Grade::Weak, 14, 3),
                "11:00",
                "not in Exotel's list, read twice to its end; 3 of 14 known calls of that time were shown: weak",
            ),
            (
                absent(Grade::Weak, 1, 1),
                "11:00",
                "not in Exotel's list, read twice to its end; 1 of 1 known call of that time was shown, but not in every reading: weak",
            ),
            (
                absent(Grade::Weak, 0, 0),
                "11:00",
                "not in Exotel's list, read twice to its end; no other call of that time is known: weak",
            ),
            (doubt(Held), "11:00", "never looked for"),
            (
                not_to_be_found,
                "11:00",
                "looked 3 times; nothing was found that could be it",
            ),
            (named(Held, &several), "11:00", "2 calls may be this one"),
            (
                named(Held, &[a1(Standing::OneOfSeveral)]),
                "11:00",
                "a1 may be this one, or another's",
            ),
            (
                named(
                    Held,
                    &[a1(Standing::OneOfSeveral), ("b2", List, Standing::Refuted)],
                ),
                "11:00",
                "a1 may be this one, or another's",
            ),
            (
                named(InDoubt, &[a1(Standing::Asked)]),
                "10:30",
                "it may be a1, and Exotel is asked",
            ),
            (
                named(Held, &[("a1", Person, Standing::Asked)]),
                "11:00",
                "a person says that it is a1, and Exotel is asked",
            ),
            (
                named(Held, &[("a1", Person, Standing::Unknown)]),
                "11:00",
                "it was said to be a1, and Exotel does not know that call",
            ),
        ] {
            assert_eq!(of(&doubt, at(now)), expected);
        }
    }
}
