use std::fs;
use std::path::Path;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn desk() -> MachineId {
    MachineId::named("desk")
}

fn laptop() -> MachineId {
    MachineId::named("laptop")
}

/// Adds events as calls do, and returns how far the database has got.
fn call(store: &mut Store, events: u32) -> Level {
    // Whose events they are is of no matter here.
    store
        .connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    let level = store.write(|tx| {
        for _ in 0..events {
            tx.0.execute(
                "INSERT INTO attempt_event (attempt_id, at, state, source) VALUES (1, 0, 'intent', 'turn')",
                [],
            )?;
        }
        level(tx)
    });
    let level = level.unwrap();
    store.raise_mark(level);
    level
}

/// Makes a database that was claimed by the desk and has called so often.
fn database(path: &Path, events: u32) -> Store {
    let mut store = Store::open_or_create(path).unwrap();
    assert_eq!(store.claim(Some(&desk()), NOW).unwrap(), None);
    call(&mut store, events);
    store
}

fn back_up(store: &Store, to: &Path) {
    let to = to.to_str().unwrap();
    store.connection.execute("VACUUM INTO ?1", [to]).unwrap();
}

fn put_back(backup: &Path, path: &Path) -> Store {
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{beside}", path.display()));
    }
    fs::copy(backup, path).unwrap();
    Store::open(path).unwrap()
}

#[test]
fn a_backup_is_behind_until_it_is_adopted_and_what_it_replaced_ever_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exocamp.db");
    let (early, late) = (folder.path().join("early"), folder.path().join("late"));
    let mut store = database(&path, 5);
    back_up(&store, &early);
    call(&mut store, 7);
    back_up(&store, &late);
    assert!(store.standing(Some(&desk())).unwrap().is_at_home());
    drop(store);

    let mut store = put_back(&early, &path);
    let standing = store.standing(Some(&desk())).unwrap();
    assert_eq!(standing.behind, Some(Behind::Events(7)));
    let refused = store.claim(Some(&desk()), NOW).unwrap_err();
    assert!(matches!(refused, StoreError::Behind(_, Behind::Events(7))));
    let adoption = Adoption {
        by: "asha",
        because: "nobody was called since",
    };
    store.adopt(Some(&desk()), adoption, NOW).unwrap();
    assert_eq!(store.claim(Some(&desk()), NOW).unwrap(), None);
    call(&mut store, 1);
    drop(store);

    // It has more events than the adopted one, and not the adopted one's.
    let mut store = put_back(&late, &path);
    assert!(matches!(
        store.claim(Some(&desk()), NOW),
        Err(StoreError::Behind(_, Behind::Adoption))
    ));
}

#[test]
fn how_a_database_is_astray_changes_with_every_call_adoption_and_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exocamp.db");
    let backup = folder.path().join("backup");
    let mut store = database(&path, 5);
    back_up(&store, &backup);
    let astray = |store: &mut Store, machine: MachineId| {
        let standing = store.standing(Some(&machine)).unwrap();
        (standing.of_an_astray(), standing.marked_at.is_some())
    };
    assert_eq!(astray(&mut store, desk()), (None, false));
    let (moved, _) = astray(&mut store, laptop());
    call(&mut store, 2);
    let (moved_later, _) = astray(&mut store, laptop());
    drop(store);
    let mut store = put_back(&backup, &path);
    let (behind, is_marked) = astray(&mut store, desk());
    assert!(is_marked);
    assert_eq!(
        astray(&mut store, desk()).0,
        behind,
        "it stands as it stood"
    );
    let (both, _) = astray(&mut store, laptop());
    let adoption = Adoption {
        by: "asha",
        because: "nobody was called since",
    };
    store.adopt(Some(&desk()), adoption, NOW).unwrap();
    assert_eq!(astray(&mut store, desk()), (None, false));
    call(&mut store, 2);
    drop(store);
    let mut store = put_back(&backup, &path);
    let (behind_again, _) = astray(&mut store, desk());
    let all = [moved, moved_later, behind, both, behind_again];
    let different: std::collections::HashSet<_> = all.iter().flatten().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
}

#[test]
fn a_mark_that_lags_or_was_lost_or_torn_locks_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exocamp.db");
    let beside = mark::path_beside(&path);
    let mut store = database(&path, 3);
    let lagging = fs::read(&beside).unwrap();
    call(&mut store, 2);
    fs::write(&beside, lagging).unwrap();
    assert_eq!(store.claim(Some(&desk()), NOW).unwrap(), None);
    fs::write(&beside, "{").unwrap();
    let cautious = store.claim(Some(&desk()), NOW).unwrap();
    assert_eq!(cautious, Some(Caution::UnreadableMark));
    assert_eq!(store.claim(Some(&desk()), NOW).unwrap(), None, "mended");
    fs::remove_file(&beside).unwrap();
    let cautious = store.claim(Some(&desk()), NOW).unwrap();
    assert_eq!(cautious, Some(Caution::NoMark));
    let other = folder.path().join("other.db");
    drop(database(&other, 9));
    fs::copy(mark::path_beside(&other), &beside).unwrap();
    let cautious = store.claim(Some(&desk()), NOW).unwrap();
    assert_eq!(cautious, Some(Caution::MarkOfAnother));
}

#[test]
fn the_mark_is_never_ahead_of_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exocamp.db");
    let mut store = database(&path, 3);
    let marked = |path: &Path| match mark::read(path) {
        Found::Mark(mark) => mark.level.event,
        other => panic!("{other:?}"),
    };
    assert_eq!(marked(&path), 3);
    let failed: Result<Level> = store.write(|tx| {
        tx.0.execute(
            "INSERT INTO attempt_event (attempt_id, at, state, source) VALUES (1, 0, 'intent', 'turn')",
            [],
        )?;
        assert_eq!(level(tx)?.event, 4);
        Err(StoreError::Superseded)
    });
    assert!(failed.is_err());
    assert_eq!(marked(&path), 3);
    assert_eq!(call(&mut store, 1).event, 4);
    assert_eq!(marked(&path), 4);
}

#[test]
fn a_database_belongs_to_the_machine_that_called_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exocamp.db");
    let mut store = Store::open_or_create(&path).unwrap();
    // A container without an id binds nothing.
    store.claim(None, NOW).unwrap();
    store.claim(Some(&desk()), NOW).unwrap();
    store.claim(Some(&desk()), NOW).unwrap();
    for elsewhere in [Some(&laptop()), None] {
        assert!(store.standing(elsewhere).unwrap().is_moved);
        assert!(matches!(
            store.claim(elsewhere, NOW),
            Err(StoreError::Moved(_))
        ));
    }
    let adoption = Adoption {
        by: "asha",
        because: "the desk is gone",
    };
    store.adopt(Some(&laptop()), adoption, NOW).unwrap();
    store.claim(Some(&laptop()), NOW).unwrap();
    assert!(store.standing(Some(&desk())).unwrap().is_moved);
    let kept: (String, String, bool) = store
        .connection
        .query_row(
            "SELECT adopted_by, because, was_moved FROM adoption",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(kept, ("asha".into(), "the desk is gone".into(), true));
}
