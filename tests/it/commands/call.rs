//! `call`: one test call.

use exocamp::domain::phone::PhoneNumber;
use exocamp::store::contacts;

use crate::support::answers::assert_adds_up;
use crate::support::binary::Folder;
use crate::support::exotel::Exotel;

#[test]
fn a_test_call_shows_its_outcome_and_works_twice_in_a_row() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    for nth in 1..=2 {
        let shown = folder.run("call 98765-00000 --format json").exits(0).json();
        assert_adds_up(&shown);
        assert_eq!(shown["contacts"][0]["number"], "+919876500000");
        assert_eq!(shown["contacts"][0]["outcome"], "completed");
        assert_eq!(exotel.ledger().len(), nth);
    }
    let other = folder.run("call 9876500001").exits(0);
    assert!(other.stdout.contains("+919876500001"), "{}", other.stdout);
    assert!(
        !other.stdout.contains("+919876500000"),
        "only the number that was called: {}",
        other.stdout
    );
    assert_eq!(exotel.ledger().len(), 3);
    let kept = folder
        .run_words(&["status", "test calls exampleco1", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(kept["counts"]["completed"], 2);
}

#[test]
fn a_test_call_in_doubt_is_not_repeated() {
    let exotel = Exotel::start("--fate 00=lost-reply");
    let folder = Folder::calling(&exotel);
    folder.run("call 9876500000").exits(4);
    let ran = folder.run("call 9876500000").exits(4);
    assert!(
        ran.stderr
            .contains("an earlier call to …0000 is live or not cleared up"),
        "{}",
        ran.stderr
    );
    let remedy = "hint: `exocamp settle 'test calls exampleco1'` asks the provider";
    assert!(ran.stderr.contains(remedy), "{}", ran.stderr);
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn a_test_call_that_nobody_answers_is_no_failure_of_the_command() {
    let exotel = Exotel::start("--hold 100ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    let shown = folder.run("call 9876500000 --format json").exits(0).json();
    assert_eq!(shown["contacts"][0]["outcome"], "busy");
}

#[test]
fn a_test_call_that_was_not_placed_is_not_made_up_for_by_a_run() {
    const TEST_CALLS: &str = "test calls exampleco1";
    let exotel = Exotel::start("--hold 100ms --mix completed=1 --fate 01=refused");
    let folder = Folder::calling(&exotel);
    let ran = folder.run("call 9876500001").exits(5);
    assert!(ran.stdout.contains("provider_refused"), "{}", ran.stdout);
    let kept = folder
        .run_words(&["status", TEST_CALLS, "--format", "json"])
        .exits(0)
        .json();
    assert_adds_up(&kept);
    assert_eq!(kept["counts"]["pending"], 0);
    assert_eq!(kept["counts"]["skipped"], 1);

    folder.run("call 9876500000").exits(0);
    // As one leaves it that was killed before it had sent anything.
    let number = PhoneNumber::parse("9876500000").unwrap();
    folder.change(TEST_CALLS, |tx, id| contacts::offer_again(tx, id, number));
    let ran = folder.run("-q run").exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 1);
}
