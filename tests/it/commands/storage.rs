//! The database file: whose it is, and what is refused in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use crate::support::binary::Folder;

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
