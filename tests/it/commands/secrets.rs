//! Key and token are shown nowhere.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;
use crate::support::wiretap::Wiretap;

const KEY: &str = "canary-key-4711";
const TOKEN: &str = "canary$token-0815";

#[test]
fn no_output_log_file_or_address_holds_the_key_or_the_token() {
    let exotel = Exotel::with_credentials(
        KEY,
        TOKEN,
        "-vv --hold 50ms --fate 01=lost-reply --fate 02=ndnc",
    );
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 4);
    let mut said = String::new();
    let mut listen = |folder: &Folder, line: &str| {
        let ran = folder.run(line);
        said += &format!("{}{}", ran.stdout, ran.stderr);
        ran
    };
    // A wrong token first: a refusal must not repeat it either.
    folder.set("EXOTEL_AUTH_KEY", KEY);
    folder.set("EXOTEL_AUTH_TOKEN", "canary-wrong");
    listen(&folder, &format!("-vv start leads {FAST}")).exits(5);
    folder.set("EXOTEL_AUTH_TOKEN", TOKEN);
    let logged = listen(&folder, &format!("-vv start leads {FAST} --format json"))
        .exits(4)
        .stderr;
    listen(&folder, "-vv settle leads").exits(0);
    listen(&folder, "-vv status leads --format json").exits(0);
    listen(&folder, "-vv init").exits(0);
    listen(&folder, "-vv call 12").exits(2);
    said += &wire.requests().join("\n");
    said += &exotel.said();
    for file in folder.files() {
        said += &String::from_utf8_lossy(&fs::read(folder.path().join(file)).unwrap());
    }
    let basic = STANDARD.encode(format!("{KEY}:{TOKEN}"));
    for secret in ["canary", TOKEN, basic.as_str()] {
        assert!(!said.contains(secret), "`{secret}` is shown");
    }
    assert!(
        !logged.contains("98765000"),
        "logs show the last four digits only: {logged}"
    );
}

#[test]
fn a_line_of_an_env_file_that_cannot_be_read_is_not_repeated() {
    let folder = Folder::new();
    folder.write(
        ".env",
        "EXOTEL_AUTH_KEY='made-up'\nEXOTEL_AUTH_TOKEN='canary\n",
    );
    let ran = folder.run("list").exits(2);
    insta::assert_snapshot!(ran.stderr, @"error: cannot read `./.env`: line 2 is not NAME='value'");
}
