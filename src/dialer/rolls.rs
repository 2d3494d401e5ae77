//! Chance, handed in: the same seed rolls the same ids and jitters, so that a simulated run can be played again.

use std::time::Duration;

use jiff::Timestamp;

/// A source of chance.
#[derive(Clone, Debug)]
pub struct Rolls(fastrand::Rng);

impl Rolls {
    /// Returns the rolls of this seed.
    pub fn seeded(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Returns the key of a new attempt: unique, and in order of time.
    pub fn attempt_key(&mut self, now: Timestamp) -> String {
        let mut chance = [0_u8; 10];
        self.0.fill(&mut chance);
        let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &chance)
            .into_uuid()
            .simple()
            .to_string()
    }

    /// Returns the length, made longer by up to a quarter.
    pub fn jittered(&mut self, length: Duration) -> Duration {
        length + length.mul_f64(self.0.f64() / 4.0)
    }
}
