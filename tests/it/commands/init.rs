//! `init`: a `.env` to fill in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::binary::Folder;
use crate::support::canary;

#[test]
fn init_writes_an_env_file_for_its_owners_eyes_only_and_names_what_to_fill_in() {
    let folder = Folder::new();
    let ran = folder.run("init").exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    wrote `./.env`, readable by you alone
    fill in EXOTEL_AUTH_KEY, EXOTEL_AUTH_TOKEN, EXOTEL_ACCOUNT_SID, EXOTEL_CALLER_ID, EXOTEL_URL
    ");
    assert_eq!(ran.stdout, "");
    assert_eq!(folder.files(), [".env"]);
    let mode = fs::metadata(folder.path().join(".env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let template = include_str!("../../../.env.example");
    assert_eq!(
        fs::read_to_string(folder.path().join(".env")).unwrap(),
        template
    );
}

#[test]
fn a_second_init_leaves_the_env_file_as_it_is() {
    let folder = Folder::new();
    let (key, token) = (canary::KEY, canary::TOKEN);
    let filled = format!(
        "EXOTEL_AUTH_KEY='{key}'\nEXOTEL_AUTH_TOKEN='{token}'\nEXOTEL_ACCOUNT_SID='exampleco1'\n"
    );
    folder.write(".env", &filled);
    let ran = folder.run("init").exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    `./.env` is there already and stays as it is
    fill in EXOTEL_CALLER_ID, EXOTEL_URL
    ");
    assert_eq!(
        fs::read_to_string(folder.path().join(".env")).unwrap(),
        filled
    );
}
