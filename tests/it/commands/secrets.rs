//! Key and token are shown nowhere. That holds for every test: see `support::canary`. Here is where they are most
//! likely to turn up.

use crate::support::binary::{FAST, Folder};
use crate::support::canary;
use crate::support::exotel::Exotel;
use crate::support::wiretap::Wiretap;

#[test]
fn no_output_log_file_or_address_holds_the_key_or_the_token() {
    let exotel = Exotel::with_credentials("-vv --hold 50ms --fate 01=lost-reply --fate 02=ndnc");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 4);
    // A wrong token first: a refusal must not repeat it either.
    let wrong = "canary-wrong";
    folder.set("EXOTEL_AUTH_TOKEN", wrong);
    let refused = folder.run(&format!("-vv start leads {FAST}")).exits(5);
    let said = refused.stdout + &refused.stderr + &exotel.said();
    assert!(!said.contains(wrong), "{said}");

    folder.set("EXOTEL_AUTH_TOKEN", canary::TOKEN);
    let logged = folder
        .run(&format!("-vv start leads {FAST} --format json"))
        .exits(4)
        .stderr;
    folder.run("-vv settle leads").exits(0);
    folder.run("-vv status leads --format json").exits(0);
    folder.run("-vv init").exits(0);
    folder.run("-vv call 12").exits(2);
    let asked_for = wire.requests().join("\n");
    assert_eq!(canary::found_in(asked_for.as_bytes()), None, "{asked_for}");
    assert!(
        !logged.contains("98765000"),
        "logs show the last four digits only: {logged}"
    );
}

#[test]
fn a_line_of_an_env_file_that_cannot_be_read_is_not_repeated() {
    let folder = Folder::new();
    let (key, token) = (canary::KEY, canary::TOKEN);
    folder.write(
        ".env",
        &format!("EXOTEL_AUTH_KEY='{key}'\nEXOTEL_AUTH_TOKEN='{token}\n"),
    );
    let ran = folder.run("list").exits(2);
    insta::assert_snapshot!(ran.stderr, @"error: cannot read `./.env`: line 2 is not NAME='value'");
}
