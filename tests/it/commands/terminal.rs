//! A person at a terminal: what they are asked, and what is drawn for them.

use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::Running;
use crate::support::terminal::{Terminal, Watched};

/// What `start` asks before it calls the three people of these tests.
const QUESTION: &str = "call 3 people from 08098765000 through flow 112233?";

/// Returns an Exotel and a folder with three people in the campaign `leads`.
fn three_people() -> (Exotel, Folder) {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    (exotel, folder)
}

/// Types a command line at a terminal.
fn at_terminal(folder: &Folder, line: &str) -> Watched {
    Terminal::open().spawn(folder.command(line.split_whitespace()))
}

#[track_caller]
fn assert_all_were_called(exotel: &Exotel) {
    assert_eq!(rung_once(&exotel.ledger()), (0..3).map(number).collect());
}

#[test]
fn a_person_who_does_not_say_yes_has_nobody_called() {
    let (exotel, folder) = three_people();
    // No, the enter key alone, and the two ways to leave a question.
    for key in ["n", "\r", "q", "\u{1b}"] {
        let mut terminal = at_terminal(&folder, &format!("start leads {FAST}"));
        terminal.shows(QUESTION);
        assert!(
            exotel.ledger().is_empty(),
            "nobody is called before {key:?}"
        );
        terminal.types(key);
        let shown = terminal.end().exits(3).stdout;
        assert!(shown.contains("nobody was called"), "{key:?}: {shown}");
        assert!(exotel.ledger().is_empty(), "{key:?}: {shown}");
    }
    let status = folder.status("leads");
    assert_eq!(status["counts"]["pending"], 3);
    assert_eq!(status["started_at"], serde_json::Value::Null);
}

#[test]
fn a_person_who_says_yes_has_everybody_called() {
    let (exotel, folder) = three_people();
    let mut terminal = at_terminal(&folder, &format!("start leads {FAST}"));
    terminal.shows(QUESTION);
    terminal.types("y");
    let shown = terminal.end().exits(0).stdout;
    assert!(shown.contains("3 completed"), "{shown}");
    assert_all_were_called(&exotel);
}

#[test]
fn who_said_yes_beforehand_is_asked_nothing() {
    let (exotel, folder) = three_people();
    let shown = at_terminal(&folder, &format!("start leads {FAST} --yes"))
        .end()
        .exits(0)
        .stdout;
    assert!(!shown.contains("call 3 people"), "{shown}");
    assert_all_were_called(&exotel);
}

#[test]
fn a_question_that_nobody_would_see_is_not_taken_for_a_yes() {
    let (exotel, folder) = three_people();
    let keyboard = Terminal::open();
    let start = |flags: &str| {
        let line = format!("start leads {FAST} {flags}");
        let mut command = folder.command(line.split_whitespace());
        command.stdin(keyboard.stream());
        Running::spawn(command).end()
    };
    let ran = start("").exits(2);
    assert!(ran.stderr.contains("`--yes`"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(exotel.ledger().is_empty(), "{}", ran.stderr);
    start("--yes").exits(0);
    assert_all_were_called(&exotel);
}

#[test]
fn a_bar_shows_how_a_run_is_getting_on() {
    let (_exotel, folder) = three_people();
    let shown = at_terminal(&folder, &format!("start leads {FAST} --yes"))
        .end()
        .exits(0)
        .stdout;
    let bar = shown
        .split(['\r', '\n'])
        .find(|line| line.contains("/3 (0 failed) · "));
    let bar = bar.unwrap_or_else(|| panic!("there is no bar: {shown:?}"));
    assert!(bar.contains(" live"), "{bar:?}");
    assert!(bar.contains('─') || bar.contains('━'), "{bar:?}");
    let summary = shown.rsplit_once("campaign  leads");
    let (_, summary) = summary.expect("the summary follows");
    assert!(
        !summary.contains("failed) · "),
        "the bar is gone: {shown:?}"
    );

    let shown = at_terminal(&folder, "status leads").end().exits(0).stdout;
    assert!(shown.contains("3 completed"), "{shown}");
}

#[test]
fn tables_have_a_line_under_their_header() {
    let folder = Folder::new();
    folder.import_people("leads", 2);
    for (line, title) in [("status leads", "Number"), ("list", "Campaign")] {
        let shown = at_terminal(&folder, line).end().exits(0).stdout;
        let mut rows = shown
            .lines()
            .skip_while(|row| !row.trim_start().starts_with(title));
        let (header, below) = (rows.next(), rows.next());
        assert!(header.is_some(), "`{line}` has a header: {shown}");
        let below = below.unwrap_or_default().trim();
        assert!(!below.is_empty(), "{shown}");
        assert!(below.chars().all(|c| c == '─'), "{shown}");
        assert!(!shown.contains('\t'), "{shown}");
        assert_eq!(shown.matches('─').count(), below.chars().count(), "{shown}");
    }
}

#[test]
fn a_person_is_asked_before_a_campaign_is_cancelled_or_many_are_called_again() {
    let exotel = Exotel::start("--hold 50ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    folder.run(&format!("start leads {FAST}")).exits(0);
    for (line, question, state) in [
        (
            "retry leads --outcome busy",
            "offer 3 contacts of `leads` again?",
            "stopped",
        ),
        (
            "cancel leads",
            "cancel `leads` for good, with 3 contacts left?",
            "cancelled",
        ),
    ] {
        let before = folder.status("leads");
        let mut terminal = at_terminal(&folder, line);
        terminal.shows(question);
        terminal.types("n");
        let shown = terminal.end().exits(3).stdout;
        assert!(shown.contains("nothing was changed"), "{shown}");
        assert_eq!(folder.status("leads"), before, "{line}");
        let mut terminal = at_terminal(&folder, line);
        terminal.shows(question);
        terminal.types("y");
        terminal.end().exits(0);
        assert_eq!(folder.status("leads")["status"], state, "{line}");
    }
}
