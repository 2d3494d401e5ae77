//! A call: what became of it, and what can be seen of it at a given time.
//!
//! The whole life of a call is settled when it is accepted. [`Call`] is that truth; [`CallView`] is the part of it that
//! Exotel would show at a given time.

use std::time::Duration;

use jiff::Timestamp;

use super::chance::Chance;
use super::fate::Outcome;

/// An accepted call, with all that will become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Exotel's name for it.
    pub sid: String,
    /// Who is called: ten national digits, or the E.164 text of a number abroad.
    pub number: String,
    /// Who is called, as the request spelt it.
    pub from: String,
    /// The ExoPhone shown, as the request spelt it.
    pub caller_id: String,
    /// The flow's address.
    pub url: String,
    /// What the request had as its own mark.
    pub custom_field: Option<String>,
    /// Whether a recording was asked for.
    pub record: bool,
    /// When the call was accepted for dialling.
    pub accepted_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// How it ends.
    pub outcome: Outcome,
    /// Its length in whole seconds as Exotel will give it; zero unless it was picked up.
    pub duration_s: u32,
}

impl Call {
    /// Returns what can be seen of it.
    pub(super) fn view(&self, now: Timestamp, price_lag: Duration) -> CallView {
        let end = (self.ends_at <= now).then(|| CallEnd {
            outcome: self.outcome,
            at: self.ends_at,
            duration_s: self.duration_s,
            price_thousandths: (self.ends_at + price_lag <= now).then(|| self.price_thousandths()),
        });
        CallView {
            sid: self.sid.clone(),
            number: self.number.clone(),
            caller_id: self.caller_id.clone(),
            recorded: self.record && self.outcome == Outcome::Completed,
            accepted_at: self.accepted_at,
            end,
        }
    }

    /// Returns its price in thousandths of a rupee: 60 paise for each minute begun.
    fn price_thousandths(&self) -> u32 {
        self.duration_s.div_ceil(60) * 600
    }
}

/// What can be seen of a call at a given time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallView {
    /// Exotel's name for it.
    pub sid: String,
    /// Who is called, as in [`Call::number`].
    pub number: String,
    /// The ExoPhone shown.
    pub caller_id: String,
    /// Whether there will be a recording.
    pub recorded: bool,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// How it ended, once it has.
    pub end: Option<CallEnd>,
}

impl CallView {
    /// Returns Exotel's word for its state: `in-progress` from acceptance to end, ringing included.
    pub fn status(&self) -> &'static str {
        self.end
            .as_ref()
            .map_or("in-progress", |end| end.outcome.as_str())
    }
}

/// The end of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// Its length in whole seconds.
    pub duration_s: u32,
    /// Its price in thousandths of a rupee; it comes a little later than the end.
    pub price_thousandths: Option<u32>,
}

/// Returns a new Sid: 32 lowercase letters and digits, not hexadecimal, never given before.
///
/// The time of acceptance is part of it, so that a sandbox started again with the same seed does not give out Sids
/// that a client already knows from the last run.
pub(super) fn new_sid(seed: u64, sequence: usize, accepted_at: Timestamp) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let sequence = u64::try_from(sequence).expect("fewer calls than 64 bits can count");
    let mut chance = Chance::new(
        seed,
        "sid",
        &accepted_at.as_millisecond().to_string(),
        sequence,
    );
    let mut sid = String::with_capacity(32);
    let mut push = |digit: u64| {
        let digit = usize::try_from(digit).expect("a digit is small");
        sid.push(char::from(DIGITS[digit]));
    };
    for _ in 0..21 {
        push(chance.below(36));
    }
    // Chance alone would make a repeat unlikely; the sequence makes it impossible.
    for place in (0..7).rev() {
        push(sequence / 36_u64.pow(place) % 36);
    }
    // Real ones end like `142k`, `19cp`, `1a8r`: a 1 and, at last, a letter beyond f.
    push(1);
    push(chance.below(36));
    push(chance.below(36));
    push(16 + chance.below(20));
    sid
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sids_are_unique_and_look_like_exotels() {
        let at: Timestamp = "2025-12-24T05:50:01Z".parse().unwrap();
        let sids: HashSet<_> = (0..5_000)
            .map(|sequence| new_sid(1, sequence, at))
            .collect();
        assert_eq!(sids.len(), 5_000);
        for sid in sids {
            assert_eq!(sid.len(), 32);
            assert!(
                sid.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            );
            assert!(
                u128::from_str_radix(&sid, 16).is_err(),
                "{sid} is hexadecimal"
            );
        }
        assert_eq!(new_sid(1, 7, at), new_sid(1, 7, at));
        assert_ne!(new_sid(1, 7, at), new_sid(2, 7, at));
    }
}
