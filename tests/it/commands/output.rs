//! Help, usage, colours and pipes.

use std::io::pipe;

use crate::support::binary::Folder;

#[test]
fn version_and_help_are_data() {
    let folder = Folder::new();
    let ran = folder.run("--version").exits(0);
    assert_eq!(
        ran.stdout,
        format!("exocamp {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(ran.stderr, "");
    for line in ["--help", "start --help", "sandbox --help", "help import"] {
        let ran = folder.run(line).exits(0);
        assert!(
            ran.stdout.contains("Usage: exocamp"),
            "{line}: {}",
            ran.stdout
        );
        assert_eq!(ran.stderr, "", "{line}");
    }
    let help = folder.run("--help").exits(0).stdout;
    for code in ["0 ", "2 ", "3 ", "4 ", "5 ", "6 ", "75 ", "130 "] {
        assert!(
            help.contains(&format!("\n  {code}")),
            "exit code {code}: {help}"
        );
    }
    let help = folder.run("sandbox --help").exits(0).stdout;
    assert!(help.contains("lost-reply"), "fates are documented: {help}");
}

#[test]
fn what_cannot_be_understood_ends_with_2_and_talks_to_standard_error() {
    let folder = Folder::new();
    for line in [
        "",
        "dial",
        "start",
        "import",
        "start leads --colour",
        "start leads --rate 5/s --delay 2s",
        "start leads --allowance none",
        "start leads --max-calls many",
        "list --format xml",
        "status --state failed",
        "sandbox --fate 99=engaged",
        "sandbox --fault lost-reply",
        "start leads --format csv",
    ] {
        let ran = folder.run(line).exits(2);
        assert_eq!(ran.stdout, "", "{line}");
        assert_ne!(ran.stderr, "", "{line}");
    }
    assert!(folder.files().is_empty());
}

#[test]
fn no_flag_takes_a_secret() {
    let folder = Folder::new();
    for command in ["", "start", "settle", "call", "import", "sandbox"] {
        let help = folder
            .run(&format!("{command} --help"))
            .exits(0)
            .stdout
            .to_lowercase();
        let flags: Vec<_> = help
            .split_whitespace()
            .filter(|word| word.starts_with("--"))
            .collect();
        assert!(
            !flags
                .iter()
                .any(|flag| flag.contains("token") || flag.contains("key")),
            "{flags:?}"
        );
    }
}

#[test]
fn a_pipe_that_was_closed_is_no_error() {
    let folder = Folder::new();
    folder.import_people("leads", 60);
    for line in [
        "list",
        "status leads --limit 0",
        "status leads --format json",
        "--help",
        "--version",
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = folder.command(line.split_whitespace());
        let output = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.as_str()),
            (Some(0), ""),
            "{line}"
        );
    }
}

#[test]
fn off_a_terminal_there_is_no_colour_unless_it_is_asked_for() {
    let folder = Folder::new();
    assert!(!folder.run("list").exits(2).stderr.contains('\u{1b}'));
    assert!(
        folder
            .run("list --color always")
            .exits(2)
            .stderr
            .contains('\u{1b}')
    );
    let mut plain = Folder::new();
    plain.set("NO_COLOR", "1");
    assert!(!plain.run("list").exits(2).stderr.contains('\u{1b}'));
}
