//! The database file: whose it is, and what is refused in its place.

mod backup;
mod machine;
mod unwritable;

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};

use rusqlite::Connection;

use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;
use crate::support::strace::Strace;

#[test]
fn the_database_is_for_its_owners_eyes_only() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    for name in folder.files().iter().filter(|name| name.contains(".db")) {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let folder = Folder::new();
    folder.write(
        "exocamp.db",
        "something else, and long enough to be looked at\n",
    );
    let other = Connection::open(folder.path().join("other.db")).unwrap();
    other
        .execute_batch("CREATE TABLE campaign (name TEXT)")
        .unwrap();
    drop(other);
    for line in ["list", "start leads", "list --db other.db"] {
        let ran = folder.run(line).exits(6);
        assert!(
            ran.stderr.contains("is not an exocamp database"),
            "{line}: {}",
            ran.stderr
        );
    }
    let kept = fs::read_to_string(folder.path().join("exocamp.db")).unwrap();
    assert!(kept.starts_with("something else"));
}

#[test]
fn a_database_of_a_newer_exocamp_is_refused() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let database = Connection::open(folder.path().join("exocamp.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    drop(database);
    let ran = folder.run("status leads").exits(6);
    assert!(ran.stderr.contains("has schema 999"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("hint: install the newer exocamp"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_folder_in_the_place_of_the_database_is_none() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("exocamp.db")).unwrap();
    folder.write("people.csv", "phone\n9876500000\n");
    for line in ["list", "import people.csv"] {
        let ran = folder.run(line).exits(6);
        let _filters = folder.snapshots();
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stderr, @"
        error: `./exocamp.db` is not a file
        hint: name another file with `--db PATH`
        ");
        }
    }
    let ran = folder
        .run("import people.csv --db nowhere/exocamp.db")
        .exits(6);
    assert!(
        ran.stderr
            .contains("hint: check that the folder exists and is yours"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_link_to_a_database_is_the_database_with_all_that_lies_beside_it() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let links = Folder::new();
    let link = links.path().join("calls.db");
    symlink(folder.path().join("exocamp.db"), &link).unwrap();
    folder
        .run(&format!("start leads {FAST} --db {}", link.display()))
        .exits(0);
    assert_eq!(links.files(), ["calls.db"]);
    assert!(folder.files().contains(&"exocamp.db.mark".to_owned()));
    assert_eq!(folder.status("leads")["counts"]["completed"], 2);
}

#[test]
fn a_damaged_database_is_refused_with_the_way_back() {
    let folder = Folder::new();
    folder.import_people("leads", 200);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("exocamp.db"))
        .unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xA5; length as usize - 4096], 4096)
        .unwrap();
    for line in ["status leads", "start leads", "adopt"] {
        let ran = folder.run(line).exits(6);
        let hint = "hint: put a backup in its place and run `exocamp adopt`, or save what is left with `sqlite3 FILE .recover`";
        assert!(
            ran.stderr.starts_with("error: the database is damaged\n") && ran.stderr.contains(hint),
            "{line}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_database_on_a_network_file_system_is_refused_before_it_is_opened() {
    let Some(strace) = Strace::find() else { return };
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let before = fs::read(folder.path().join("exocamp.db")).unwrap();
    // As if the folder had been mounted from a server: NFS, then CIFS.
    for (kind, name) in [("6969000000000000", "nfs"), ("424d53ff00000000", "cifs")] {
        let fault = format!("statfs:poke_exit=@arg2={kind}");
        for line in [
            "start leads",
            "status leads",
            "import people.csv --db new.db",
        ] {
            let ran = strace.run(&folder, &fault, None, line).end().exits(6);
            assert!(
                ran.stderr.contains(&format!(
                    "lies on a network file system ({name})\nhint: keep the database on a disk of this machine: `--db PATH`"
                )),
                "{line}: {}",
                ran.stderr
            );
        }
    }
    assert_eq!(fs::read(folder.path().join("exocamp.db")).unwrap(), before);
    assert!(!folder.files().contains(&"new.db".to_owned()));
}

#[test]
fn where_nobody_can_tell_whether_it_is_a_network_a_run_says_so_and_goes_on() {
    let Some(strace) = Strace::find() else { return };
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let fault = "statfs:poke_exit=@arg2=4655736500000000";
    let ran = strace
        .run(&folder, fault, None, &format!("start leads {FAST}"))
        .end()
        .exits(0);
    assert!(
        ran.stderr
            .contains("the database lies on fuse; see that no other machine uses it"),
        "{}",
        ran.stderr
    );
}
