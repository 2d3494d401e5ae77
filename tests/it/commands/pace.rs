//! The pace over real HTTP, read from the ledger.

use crate::support::binary::Folder;
use crate::support::exotel::{Exotel, rung_once};

#[test]
fn starts_are_evenly_spaced_however_long_replies_take() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --reply-delay 1s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 22);
    let line = "start leads --rate 200/min --allowance max --lines 50 --hours 00:00-24:00 --short-calls off --format json";
    let summary = folder.run(line).exits(0).json();
    assert_eq!(summary["limited_by"], "pace");

    let ledger = exotel.ledger();
    assert_eq!(rung_once(&ledger).len(), 22);
    let gaps: Vec<_> = ledger
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_millis())
        .collect();
    assert!(
        gaps[0] >= 1000,
        "the first call goes out alone until its reply: {gaps:?}"
    );
    // A busy machine gets some starts out late, and the gap after a late one looks short. But none is ever early: so far
    // into the run, no more were made than the pace allows. That the rate is kept to the percent is a bench's business;
    // here the gaps in the middle speak for all.
    let first = ledger[1].at;
    for (nth, call) in (0..).zip(&ledger[1..]) {
        let since = call.at.duration_since(first).as_millis();
        assert!(since >= nth * 300 - 100, "start {nth}: {gaps:?}");
    }
    let mut sorted = gaps[1..].to_vec();
    sorted.sort_unstable();
    let at = |quarter: usize| sorted[sorted.len() * quarter / 4];
    assert!((290..=320).contains(&at(2)), "{gaps:?}");
    assert!(at(1) >= 230 && at(3) <= 420, "{gaps:?}");
}
