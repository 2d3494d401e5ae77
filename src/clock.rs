//! The only place that reads the time.
//!
//! Calling hours are judged by the wall clock, intervals by the time since boot: it goes on while a laptop sleeps and
//! does not jump when somebody corrects the date. Everything else in the crate is *given* a [`Moment`].

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

/// Names one boot of one machine; times since boot can be compared only within the same boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootId(u128);

impl BootId {
    /// Returns the id made of these 128 bits, for tests and simulations.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// What a calendar says.
    pub wall: Timestamp,
    /// Time since boot, sleep included.
    pub since_boot: Duration,
    /// The boot that `since_boot` counts from.
    pub boot: BootId,
}

impl Moment {
    /// Returns the wall time at which this boot's clock will show `since_boot`, as far as can be told now.
    pub fn wall_at(&self, since_boot: Duration) -> Timestamp {
        let ahead = since_boot.as_secs_f64() - self.since_boot.as_secs_f64();
        let ahead =
            jiff::SignedDuration::try_from_secs_f64(ahead).unwrap_or(jiff::SignedDuration::ZERO);
        self.wall.checked_add(ahead).unwrap_or(self.wall)
    }

    /// Returns how far the wall clock is from the time since boot: the same in every reading until somebody sets it.
    pub fn offset(&self) -> jiff::SignedDuration {
        let since_boot = jiff::SignedDuration::try_from(self.since_boot).unwrap_or_default();
        self.wall
            .duration_since(Timestamp::UNIX_EPOCH)
            .saturating_sub(since_boot)
    }

    /// Returns the time since boot at which the wall clock will show `at`, as far as can be told now; never before now.
    pub fn since_boot_at(&self, at: Timestamp) -> Duration {
        self.since_boot + Duration::try_from(at.duration_since(self.wall)).unwrap_or_default()
    }
}

/// Reads this machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    boot: BootId,
}

impl Clock {
    /// Returns the machine's clock.
    ///
    /// # Errors
    /// When the kernel does not tell which boot this is (`/proc` is not mounted).
    pub fn open() -> anyhow::Result<Self> {
        let path = "/proc/sys/kernel/random/boot_id";
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
        let bits =
            uuid::Uuid::try_parse(text.trim()).with_context(|| format!("cannot read `{path}`"))?;
        Ok(Self {
            boot: BootId(bits.as_u128()),
        })
    }

    /// Returns what both clocks show now.
    pub fn moment(&self) -> Moment {
        Moment {
            wall: self.wall(),
            since_boot: self.since_boot(),
            boot: self.boot,
        }
    }

    /// Returns the wall clock's time.
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Returns the time since boot, sleep included.
    pub fn since_boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}
