//! A database that cannot be written to: it can be read, and is refused for everything else.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

use rustix::process::getuid;

use crate::support::binary::Folder;
use crate::support::process::{Ran, Running};

/// Runs a command as somebody whom file modes keep out: root is let in everywhere.
fn run_without_rights(folder: &Folder, line: &str) -> Ran {
    let mut command = folder.command(line.split_whitespace());
    if getuid().is_root() {
        command.uid(65_534);
    }
    Running::spawn(command).end()
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).unwrap();
}

/// Returns whether the program can be run by that somebody at all.
fn is_possible(folder: &Folder) -> bool {
    set_mode(folder, ".", 0o755);
    let mut command = folder.command(["--version"]);
    if getuid().is_root() {
        command.uid(65_534);
    }
    let possible = command.output().is_ok_and(|output| output.status.success());
    if !possible {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: nobody but root can run the program here"
        );
    }
    possible
}

#[test]
fn a_database_that_cannot_be_written_to_can_be_read() {
    let folder = Folder::new();
    if !is_possible(&folder) {
        return;
    }
    folder.import_people("leads", 2);
    folder.write("people.csv", "phone\n9876500009\n");
    let hint = "hint: check owner and mode of the database and its folder, and that the disk is not mounted read-only";
    // The file, then the folder that its log must lie in.
    for (folder_mode, file_mode, what) in [(0o777, 0o444, "exocamp.db"), (0o555, 0o666, "")] {
        set_mode(&folder, "exocamp.db", file_mode);
        set_mode(&folder, ".", folder_mode);
        let before = folder.files();
        for line in ["start leads", "import people.csv --campaign leads", "adopt"] {
            let ran = run_without_rights(&folder, line).exits(6);
            let refused = folder.path().canonicalize().unwrap().join(what);
            let refused = refused.display().to_string();
            let message = format!(
                "error: `{}` cannot be written to\n",
                refused.trim_end_matches('/')
            );
            assert!(
                ran.stderr.starts_with(&message) && ran.stderr.contains(hint),
                "{line}: {}",
                ran.stderr
            );
        }
        for line in ["status leads", "list --format json"] {
            let ran = run_without_rights(&folder, line).exits(0);
            assert!(ran.stdout.contains("leads"), "{}", ran.stdout);
        }
        assert_eq!(folder.files(), before, "reading leaves nothing behind");
    }
    set_mode(&folder, ".", 0o755);
}

#[test]
fn no_database_is_made_where_nothing_can_be_written() {
    let folder = Folder::new();
    if !is_possible(&folder) {
        return;
    }
    folder.write("people.csv", "phone\n9876500009\n");
    set_mode(&folder, ".", 0o555);
    let ran = run_without_rights(&folder, "import people.csv").exits(6);
    set_mode(&folder, ".", 0o755);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stderr, @"
        error: `[FOLDER]` cannot be written to
          caused by: Permission denied (os error 13)
        hint: check owner and mode of the database and its folder, and that the disk is not mounted read-only
        ");
}
