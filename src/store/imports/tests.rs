use proptest::prelude::*;

use super::*;
use crate::domain::contact::{Fields, NewContact};
use crate::domain::phone::PhoneNumber;
use crate::store::{Store, campaigns, do_not_call};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn number(index: u64) -> PhoneNumber {
    PhoneNumber::from_digits(919_876_500_000 + index).unwrap()
}

fn row(line: u64, numbers: &[u64]) -> NewContact {
    let mut fields = Fields::default();
    fields.push("city", "Pune \"West\"");
    NewContact {
        number: number(numbers[0]),
        more_numbers: numbers[1..].iter().copied().map(number).collect(),
        name: Some(format!("Asha {line}")),
        fields,
        line,
    }
}

fn campaign(tx: &Tx<'_>, name: &str) -> Campaign {
    if found(tx, name).is_none() {
        campaigns::create(tx, &name.parse().unwrap(), "asha", NOW).unwrap();
    }
    found(tx, name).unwrap()
}

fn found(tx: &Tx<'_>, name: &str) -> Option<Campaign> {
    campaigns::find(tx, name).unwrap()
}

/// Imports rows as one file, in pieces of so many.
fn import(tx: &Tx<'_>, name: &str, file: &str, rows: &[NewContact], piece: usize) -> Vec<Taken> {
    let before = found(tx, name);
    let campaign = campaign(tx, name).id;
    let import = begin(tx, campaign, before.as_ref(), "asha", NOW).unwrap();
    let source = add_source(tx, import, campaign, file, NOW).unwrap();
    let mut taken = Vec::new();
    for rows in rows.chunks(piece) {
        taken.extend(add_rows(tx, campaign, source, rows, &mut |_| Ok(false)).unwrap());
    }
    let contacts = taken.iter().map(|taken| match taken {
        Taken::New { contacts } => u64::from(*contacts),
        _ => 0,
    });
    let counted = Counted {
        contacts: contacts.sum(),
        ..Counted::default()
    };
    finish(tx, import, campaign, &counted).unwrap();
    taken
}

fn store() -> Store {
    let mut store = Store::in_memory().unwrap();
    store.prepare_for_list().unwrap();
    store
}

/// Line and number of every contact, in the order in which they are called.
fn contacts_of(tx: &Tx<'_>, name: &str) -> Vec<(u64, u64)> {
    let campaign = campaign(tx, name).id;
    let mut statement =
        tx.0.prepare(
            "SELECT line, number FROM contact JOIN person ON person.id = person_id
             WHERE campaign_id = ?1 ORDER BY due_at, contact.id",
        )
        .unwrap();
    let rows = statement.query_map([campaign.get()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    });
    rows.unwrap()
        .map(|row| row.unwrap())
        .map(|(line, number)| (line.unsigned_abs(), number.unsigned_abs() - 919_876_500_000))
        .collect()
}

fn total(tx: &Tx<'_>, name: &str) -> u64 {
    contacts::counts(tx, campaign(tx, name).id).unwrap().total()
}

fn people(tx: &Tx<'_>) -> i64 {
    let sql = "SELECT count(*) FROM person";
    tx.0.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn write<T>(store: &mut Store, body: impl FnOnce(&Tx<'_>) -> T) -> T {
    store.write(|tx| -> Result<T> { Ok(body(tx)) }).unwrap()
}

#[test]
fn the_first_row_of_a_number_wins_and_contacts_stand_in_the_order_of_the_file() {
    let mut store = store();
    write(&mut store, |tx| {
        import(tx, "other", "b.csv", &[row(2, &[3]), row(3, &[1])], 10);
        let rows = [
            row(2, &[9]),
            row(3, &[3]),
            row(5, &[9]),
            row(6, &[7, 9]),
            row(7, &[3, 9]),
        ];
        let taken = import(tx, "leads", "a.csv", &rows, 10);
        let first = |line| {
            Taken::Duplicate(First {
                source: SourceId(2),
                line,
            })
        };
        let new = Taken::New { contacts: 1 };
        assert_eq!(taken, [new, new, first(2), new, first(2)]);
        assert_eq!(contacts_of(tx, "leads"), [(2, 9), (3, 3), (6, 7)]);
        assert_eq!(people(tx), 4);
        assert_eq!(total(tx, "leads"), 3);
    });
}

#[test]
fn who_asked_to_be_forgotten_is_not_added() {
    let mut store = store();
    write(&mut store, |tx| {
        let campaign = campaign(tx, "leads").id;
        let import = begin(tx, campaign, None, "asha", NOW).unwrap();
        let source = add_source(tx, import, campaign, "a.csv", NOW).unwrap();
        let rows = [row(2, &[1]), row(3, &[2]), row(4, &[2, 3]), row(5, &[2, 2])];
        let taken = add_rows(tx, campaign, source, &rows, &mut |asked| {
            Ok(asked == number(2))
        });
        let new = Taken::New { contacts: 1 };
        // What a row says may be about either of its people.
        let expected = [new, Taken::Forgotten, Taken::Forgotten, Taken::Forgotten];
        assert_eq!(taken.unwrap(), expected);
        assert_eq!(people(tx), 1);
    });
}

/// What adding one row after another comes to.
fn one_by_one(known: &[Vec<u64>], rows: &[Vec<u64>]) -> (Vec<bool>, Vec<(u64, u64)>) {
    let mut seen: Vec<u64> = known.iter().flatten().copied().collect();
    let (mut is_new, mut contacts) = (Vec::new(), Vec::new());
    for (line, numbers) in rows.iter().enumerate() {
        let before = contacts.len();
        for number in numbers {
            if !seen.contains(number) {
                seen.push(*number);
                contacts.push((line as u64 + 2, *number));
            }
        }
        is_new.push(contacts.len() > before);
    }
    (is_new, contacts)
}

fn lists() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let numbers = prop::collection::vec(0_u64..300, 1..3);
    prop::collection::vec(numbers, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn many_rows_at_once_are_added_as_if_one_by_one(
        elsewhere in lists(), known in lists(), list in lists(), piece in 1_usize..250,
    ) {
        let rows = |list: &[Vec<u64>]| -> Vec<NewContact> {
            list.iter().enumerate().map(|(index, numbers)| row(index as u64 + 2, numbers)).collect()
        };
        let mut store = store();
        write(&mut store, |tx| {
            import(tx, "other", "other.csv", &rows(&elsewhere), 1_000);
            import(tx, "leads", "known.csv", &rows(&known), 1_000);
            let before = contacts_of(tx, "leads").len();
            let taken = import(tx, "leads", "list.csv", &rows(&list), piece);
            let (is_new, contacts) = one_by_one(&known, &list);
            let new: Vec<bool> =
                taken.iter().map(|taken| matches!(taken, Taken::New { .. })).collect();
            assert_eq!(new, is_new);
            assert_eq!(contacts_of(tx, "leads")[before..], contacts);
            assert_eq!(total(tx, "leads"), (before + contacts.len()) as u64);
        });
        // What was not checked when it was written: values, references, indexes.
        let wrong: Vec<String> = store.connection.prepare("PRAGMA integrity_check").unwrap()
            .query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect();
        prop_assert_eq!(wrong, ["ok"]);
        let dangling = store.connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        prop_assert!(!dangling);
    }
}

#[test]
fn the_last_import_goes_and_whoever_is_known_from_elsewhere_stays() {
    let mut store = store();
    write(&mut store, |tx| {
        import(tx, "other", "b.csv", &[row(2, &[1])], 10);
        import(tx, "leads", "a.csv", &[row(2, &[2])], 10);
        let listed = do_not_call::Entry {
            by: "asha",
            source: do_not_call::Source::Person,
            note: None,
        };
        do_not_call::add(tx, number(5), &listed, NOW).unwrap();
        import(
            tx,
            "leads",
            "c.csv",
            &[row(2, &[1]), row(3, &[2]), row(4, &[4]), row(5, &[5])],
            10,
        );
        let leads = campaign(tx, "leads").id;
        let import = last(tx, Of::Campaign(leads)).unwrap().unwrap();
        assert_eq!(import, last(tx, Of::Owner("asha")).unwrap().unwrap());
        assert_eq!(
            (import.files.as_slice(), import.contacts),
            (&["c.csv".to_owned()][..], 3)
        );
        assert_eq!(last(tx, Of::Owner("ravi")).unwrap(), None);

        assert_eq!(dialled(tx, &import).unwrap(), 0);
        undo(tx, &import, "asha", NOW).unwrap();
        assert_eq!(contacts_of(tx, "leads"), [(2, 2)]);
        assert_eq!(total(tx, "leads"), 1);
        // 1 is in the other campaign, 5 on the do-not-call list; nobody knows 4.
        assert_eq!(people(tx), 3);

        // The campaign stays, for its id must never be another's.
        let first = last(tx, Of::Campaign(leads)).unwrap().unwrap();
        assert_eq!(first.files, ["a.csv"]);
        undo(tx, &first, "asha", NOW).unwrap();
        assert_eq!((campaign(tx, "leads").id, total(tx, "leads")), (leads, 0));
        assert_eq!(last(tx, Of::Campaign(leads)).unwrap(), None);
        assert_eq!(
            last(tx, Of::Owner("asha")).unwrap().unwrap().files,
            ["b.csv"]
        );
    });
    let dangling = store.connection.prepare("PRAGMA foreign_key_check");
    assert!(!dangling.unwrap().exists([]).unwrap());
}

#[test]
fn a_finished_campaign_is_finished_again() {
    let mut store = store();
    write(&mut store, |tx| {
        import(tx, "leads", "a.csv", &[row(2, &[2])], 10);
        let leads = campaign(tx, "leads").id;
        contacts::cancel_pending(tx, leads).unwrap();
        campaigns::set_state(tx, leads, CampaignState::Completed, NOW).unwrap();
        import(tx, "leads", "b.csv", &[row(2, &[3])], 10);
        assert_eq!(campaign(tx, "leads").state, CampaignState::Stopped);
        let import = last(tx, Of::Campaign(leads)).unwrap().unwrap();
        undo(tx, &import, "asha", NOW).unwrap();
        let after = campaign(tx, "leads");
        assert_eq!(
            (after.state, after.finished_at),
            (CampaignState::Completed, Some(NOW))
        );
    });
}

#[test]
fn the_same_bytes_are_known_again_unless_they_were_taken_back() {
    let mut store = store();
    write(&mut store, |tx| {
        let leads = campaign(tx, "leads").id;
        let bytes = Provenance {
            bytes: 10,
            sha256: [7; 32],
            sheet: None,
        };
        let arrives = |sheet: Option<&str>| {
            let import = begin(tx, leads, None, "asha", NOW).unwrap();
            let source = add_source(tx, import, leads, "a.csv", NOW).unwrap();
            let provenance = Provenance {
                sheet: sheet.map(str::to_owned),
                ..bytes.clone()
            };
            let at = earlier(tx, leads, source, &provenance).unwrap();
            describe(tx, source, &provenance).unwrap();
            at
        };
        assert_eq!(arrives(None), None);
        assert_eq!(arrives(None), Some(NOW));
        assert_eq!(arrives(Some("Sheet1")), None);
        while let Some(import) = last(tx, Of::Campaign(leads)).unwrap() {
            undo(tx, &import, "asha", NOW).unwrap();
        }
        assert_eq!(arrives(None), None);
    });
}
