//! A database on another machine than the one it was called from.

use crate::support::binary::{FAST, Folder};
use crate::support::exotel::{Exotel, rung_once};

#[test]
fn a_database_that_was_moved_calls_nobody_until_it_is_adopted() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOCAMP_MACHINE_ID", "desk");
    folder.import_people("leads", 3);
    folder
        .run(&format!("start leads {FAST} --max-calls 1"))
        .exits(3);

    folder.set("EXOCAMP_MACHINE_ID", "laptop");
    let ran = folder.run(&format!("start leads {FAST}")).exits(6);
    {
        let _filters = folder.snapshots();
        insta::assert_snapshot!(ran.stderr, @"
        error: `[FOLDER]/exocamp.db` belongs to another machine
        hint: see that the other machine calls no more and run `exocamp audit CAMPAIGN`, then `exocamp adopt`
        ");
    }
    assert_eq!(exotel.ledger().len(), 1);
    let ran = folder.run("status leads").exits(0);
    assert!(
        ran.stderr
            .contains("warning: this database belongs to another machine; calling is refused until `exocamp adopt`"),
        "{}",
        ran.stderr
    );
    // A rehearsal is no calling.
    folder
        .run("start leads --sandbox --rate max --max-calls 1")
        .exits(3);

    let line = "adopt --because moved --yes --format json";
    let adoption = folder.run(line).exits(0).json();
    assert_eq!(adoption["adopted"], true);
    assert_eq!(adoption["was_moved"], true);
    assert_eq!(adoption["behind_events"], serde_json::Value::Null);
    folder
        .run(&format!("start leads {FAST} --max-calls 1"))
        .exits(3);

    // It has left the desk.
    folder.set("EXOCAMP_MACHINE_ID", "desk");
    folder.run(&format!("start leads {FAST}")).exits(6);
    assert_eq!(rung_once(&exotel.ledger()).len(), 2);
}

#[test]
fn nothing_of_a_machines_id_is_written_down() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOCAMP_MACHINE_ID", "0123456789abcdef0123456789abcdef");
    folder.import_people("leads", 1);
    folder.run(&format!("start leads {FAST}")).exits(0);
    for name in folder.files() {
        let bytes = std::fs::read(folder.path().join(&name)).unwrap();
        let id = b"0123456789abcdef0123456789abcdef";
        assert!(
            !bytes.windows(id.len()).any(|window| window == id),
            "{name} has it"
        );
    }
}
