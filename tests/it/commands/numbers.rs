//! The flags of `import` that say which numbers may be called, and what becomes of several in one cell.

use serde_json::{Value, json};

use crate::support::binary::Folder;

const NUMBERS: &str = "phone,name
9876500001,Asha
+971 50 123 4567,Dubai
+1 415 555 2671,California
+1 604 555 2671,Vancouver
9876500002 / 9876500003,Ravi
9876500004/11,Meena
";

/// What `import` counts with these flags, in a folder of its own.
fn imported(flags: &str) -> Value {
    let folder = Folder::new();
    folder.write("people.csv", NUMBERS);
    let ran = folder.run(&format!("import people.csv {flags} --format json"));
    let counted = ran.exits(0).json();
    json!([counted["accepted"], counted["rejected_by_reason"]])
}

#[test]
fn a_country_is_called_when_it_is_named() {
    for (flags, accepted, foreign) in [
        ("", 1, 3),
        ("--country IN", 1, 3),
        ("--country AE", 2, 2),
        ("--country +971,us", 3, 1),
        ("--country CA --country 971", 3, 1),
        ("--country 1", 3, 1),
        ("--country ae,1", 4, 0),
    ] {
        let mut reasons = json!({"two_numbers": 2});
        if foreign > 0 {
            reasons["foreign"] = json!(foreign);
        }
        assert_eq!(imported(flags), json!([accepted, reasons]), "{flags}");
    }
}

#[test]
fn a_country_that_nobody_knows_is_refused_before_anything_is_read() {
    let folder = Folder::new();
    folder.write("people.csv", NUMBERS);
    let ran = folder.run("import people.csv --country AE,UK").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: `UK` is no country that is known
    hint: name it by its two letters, as in `--country AE`, or by its calling code, as in `--country +971`
    ");
}

#[test]
fn the_first_of_several_numbers_is_called_on_request() {
    assert_eq!(
        imported("--split-numbers first"),
        json!([3, {"foreign": 3}])
    );
}

#[test]
fn none_of_several_exophones_is_called() {
    let mut folder = Folder::new();
    folder.set("EXOTEL_CALLER_ID", "08098765000,08098765001");
    folder.write(
        "people.csv",
        "phone\n080 98765000\n080 98765001\n9876500000\n",
    );
    let ran = folder.run("import people.csv --format json").exits(0);
    assert_eq!(
        ran.json()["rejected_by_reason"],
        json!({"own_caller_id": 2})
    );
}
