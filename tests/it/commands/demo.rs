//! `demo`: the newcomer's first command.

use std::collections::BTreeSet;

use crate::support::answers::assert_adds_up;
use crate::support::binary::Folder;

#[test]
fn the_demo_ends_with_a_status_that_adds_up_and_leaves_nothing_behind() {
    let folder = Folder::new();
    // Both at once: a demo takes its time.
    let in_words = folder.spawn("demo");
    let status = folder.run("demo --format json").exits(0).json();
    assert_adds_up(&status);
    assert_eq!(status["campaign"], "demo");
    assert_eq!(status["status"], "completed");
    assert_eq!(status["total_contacts"], 24);
    assert_eq!(status["sandbox"], true);
    let contacts = status["contacts"].as_array().unwrap();
    let words = |name: &str| -> BTreeSet<_> {
        contacts
            .iter()
            .filter_map(|contact| contact[name].as_str())
            .collect()
    };
    let outcomes = ["busy", "canceled", "completed", "failed", "no-answer"];
    assert_eq!(words("outcome"), BTreeSet::from(outcomes));
    assert_eq!(words("reason"), BTreeSet::from(["bad_number", "ndnc"]));

    let ran = in_words.end().exits(0);
    assert!(folder.files().is_empty(), "{:?}", folder.files());
    assert_eq!(ran.stdout.lines().count(), 7 + 24);
    let _filters = folder.snapshots();
    // Only the status is data; the steps on the way are talk.
    let head: Vec<_> = ran.stdout.lines().take(5).collect();
    insta::assert_snapshot!(head.join("\n"), @"
    campaign  demo (SANDBOX)
    status    completed
    contacts  24 = 0 pending + 0 initiated + 17 completed + 6 failed + 1 skipped + 0 held
    started   [TIME]
    finished  [TIME]
    ");
    insta::assert_snapshot!(ran.stderr, @"
    SANDBOX: nobody is called; a pretend Exotel runs inside this process

    $ exocamp import demo.csv
    campaign    demo (SANDBOX)
    rows        24
    accepted    24
    duplicates  0
    rejected    0

    $ exocamp start demo --rate 4/s
    campaign  demo (SANDBOX)
    status    completed
    contacts  24 = 0 pending + 0 initiated + 17 completed + 6 failed + 1 skipped + 0 held
    started   [TIME]
    finished  [TIME]
    stopped   finished: nothing is left to do; limited by pace
    calls     22 in [LENGTH], [N] requests

    $ exocamp status demo
    ");
}
