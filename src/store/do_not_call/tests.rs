use super::*;
use crate::domain::contact::{ContactState, Fields, NewContact};
use crate::domain::retry::Verdict;
use crate::store::campaigns;
use crate::store::contacts::{self, AT_ONCE};
use crate::store::{Store, StoreError};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

const TOLD_US: Entry<'_> = Entry {
    by: "asha",
    source: Source::Person,
    note: Some("rang us"),
};

fn number(last: u32) -> PhoneNumber {
    format!("98765{last:05}").parse().unwrap()
}

/// Makes a campaign of so many people, all pending.
fn campaign(tx: &Tx<'_>, name: &str, people: u32) -> Result<CampaignId> {
    let id = campaigns::create(tx, &name.parse().unwrap(), "asha", NOW)?;
    let source = contacts::add_source(tx, id, "list.csv", NOW)?;
    for person in 0..people {
        let contact = NewContact {
            number: number(person),
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
            line: person.into(),
        };
        contacts::add(tx, id, source, &contact)?;
    }
    contacts::count_new(tx, id, people.into())?;
    Ok(id)
}

fn in_memory(body: impl FnOnce(&Tx<'_>) -> Result<()>) {
    Store::in_memory().unwrap().write(body).unwrap();
}

fn reasons(tx: &Tx<'_>) -> Result<Vec<(String, Option<String>)>> {
    let mut statement =
        tx.0.prepare("SELECT state, reason FROM contact ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[test]
fn who_is_put_on_the_list_waits_in_no_campaign_any_more_and_the_tallies_say_so() {
    in_memory(|tx| {
        let first = campaign(tx, "first", 2)?;
        let second = campaign(tx, "second", 1)?;
        let added = add(tx, number(0), &TOLD_US, NOW)?;
        assert_eq!(
            added,
            Added {
                is_new: true,
                skipped: 2
            }
        );
        for (campaign, pending) in [(first, 1), (second, 0)] {
            let counts = contacts::counts(tx, campaign)?;
            assert_eq!((counts.skipped, counts.pending), (1, pending));
        }
        let skipped = ("skipped".to_owned(), Some("do_not_call".to_owned()));
        let pending = ("pending".to_owned(), None);
        assert_eq!(reasons(tx)?, [skipped.clone(), pending, skipped]);
        Ok(())
    });
}

#[test]
fn only_what_is_pending_is_skipped() {
    in_memory(|tx| {
        let id = campaign(tx, "leads", 1)?;
        for state in ContactState::ALL {
            let due_at = (state == ContactState::Pending).then_some(AT_ONCE);
            tx.0.execute(
                "UPDATE contact SET state = ?1, due_at = ?2, reason = NULL",
                params![state.as_str(), due_at],
            )?;
            let added = add(tx, number(0), &TOLD_US, NOW)?;
            let is_pending = state == ContactState::Pending;
            assert_eq!(added.skipped, u64::from(is_pending), "{state}");
            assert_eq!(contacts::counts(tx, id)?.total(), 1);
        }
        Ok(())
    });
}

#[test]
fn a_number_that_is_on_the_list_stays_there_as_it_came() {
    in_memory(|tx| {
        add(tx, number(0), &TOLD_US, NOW)?;
        let file = Entry {
            by: "ravi",
            source: Source::File,
            note: Some("optouts.csv"),
        };
        assert!(!add(tx, number(0), &file, NOW)?.is_new);
        let listed = find(tx, number(0))?.unwrap();
        assert_eq!(
            (listed.added_by.as_str(), listed.source),
            ("asha", Source::Person)
        );
        assert_eq!(listed.note.as_deref(), Some("rang us"));
        let events: i64 =
            tx.0.query_row("SELECT count(*) FROM do_not_call_event", [], |row| {
                row.get(0)
            })?;
        assert_eq!(events, 1);
        Ok(())
    });
}

#[test]
fn taking_a_number_off_is_kept_and_changes_no_contact() {
    in_memory(|tx| {
        campaign(tx, "leads", 1)?;
        add(tx, number(0), &TOLD_US, NOW)?;
        let before = reasons(tx)?;
        let stays = Stays {
            campaign: "leads".to_owned(),
            reason: "do_not_call".to_owned(),
        };
        let off = remove(tx, number(0), "ravi", "they agreed", NOW)?;
        assert_eq!(off, Removed::Off(vec![stays]));
        assert_eq!(reasons(tx)?, before);
        assert_eq!(find(tx, number(0))?, None);
        let removal = last_removal(tx, number(0))?.unwrap();
        assert_eq!(
            (removal.by.as_str(), removal.because.as_deref()),
            ("ravi", Some("they agreed"))
        );
        let again = remove(tx, number(0), "ravi", "they agreed", NOW)?;
        assert_eq!(again, Removed::NotListed);
        assert!(
            add(tx, number(0), &TOLD_US, NOW)?.is_new,
            "it can come back"
        );
        Ok(())
    });
}

#[test]
fn the_list_is_shown_with_the_latest_first() {
    in_memory(|tx| {
        for last in 0..5 {
            let at = Timestamp::from_second(last.into()).unwrap();
            add(tx, number(last), &TOLD_US, at)?;
        }
        let shown = list(tx, Some(2))?;
        let numbers: Vec<_> = shown.iter().map(|listed| listed.number).collect();
        assert_eq!(numbers, [number(4), number(3)]);
        assert_eq!((list(tx, None)?.len(), count(tx)?), (5, 5));
        Ok(())
    });
}

#[test]
fn whoever_comes_in_on_the_list_is_skipped_once_they_are_counted() {
    in_memory(|tx| {
        add(tx, number(1), &TOLD_US, NOW)?;
        let id = campaign(tx, "leads", 3)?;
        assert_eq!(skip_pending(tx, id, NOW)?, 1);
        assert_eq!(skip_pending(tx, id, NOW)?, 0);
        let counts = contacts::counts(tx, id)?;
        assert_eq!((counts.pending, counts.skipped), (2, 1));
        Ok(())
    });
}

#[test]
fn a_started_campaign_whose_last_contact_is_skipped_is_completed() {
    in_memory(|tx| {
        let never = campaign(tx, "never started", 1)?;
        let stopped = campaign(tx, "stopped", 1)?;
        tx.0.execute(
            "UPDATE campaign SET started_at = 1 WHERE name = 'stopped'",
            [],
        )?;
        add(tx, number(0), &TOLD_US, NOW)?;
        let state = |id| campaigns::get(tx, id).map(|campaign| campaign.state.as_str());
        assert_eq!((state(never)?, state(stopped)?), ("stopped", "completed"));
        Ok(())
    });
}

#[test]
fn every_source_fits_the_table_and_events_are_kept() {
    in_memory(|tx| {
        for (last, source) in (0..).zip(Source::ALL) {
            let entry = Entry { source, ..TOLD_US };
            add(tx, number(last), &entry, NOW)?;
            assert_eq!(find(tx, number(last))?.unwrap().source, source);
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        for sql in [
            "UPDATE do_not_call_event SET by = 'nobody'",
            "DELETE FROM do_not_call_event",
        ] {
            assert!(tx.0.execute(sql, []).is_err(), "{sql}");
        }
        Ok::<(), StoreError>(())
    });
}

#[test]
fn a_retry_that_is_due_to_a_listed_number_is_none() {
    in_memory(|tx| {
        let id = campaign(tx, "leads", 2)?;
        let due = contacts::due(tx, id, NOW, 2)?;
        for due in &due {
            contacts::settle(tx, due.contact, Verdict::Initiated)?;
        }
        assert_eq!(
            add(tx, number(0), &TOLD_US, NOW)?.skipped,
            0,
            "a call is under way"
        );
        for due in &due {
            let again = Verdict::Pending(NOW, Some(Reason::Retry));
            contacts::settle(tx, due.contact, again)?;
        }
        let skipped = ("skipped".to_owned(), Some("do_not_call".to_owned()));
        let pending = ("pending".to_owned(), Some("retry".to_owned()));
        assert_eq!(reasons(tx)?, [skipped, pending]);
        assert_eq!(contacts::counts(tx, id)?.total(), 2);
        Ok(())
    });
}
