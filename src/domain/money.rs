//! Money in the account's currency, as whole millionths: sums of prices must come out to the last paisa.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

/// An amount in millionths of the account's currency, which in India is the rupee.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Money(i64);

const UNIT: i64 = 1_000_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Returns the amount of so many millionths.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the amount in millionths.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns so many times the amount; the largest there is where that is too much.
    pub fn times(self, count: u64) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Money {
    /// Writes two digits after the point, more where they are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, micros) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let fraction = format!("{:06}", micros % UNIT.unsigned_abs());
        let shown = fraction.trim_end_matches('0');
        write!(f, "{sign}{}.{shown:0<2}", micros / UNIT.unsigned_abs())
    }
}

/// The text is no amount of money.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no amount; write for example `5000` or `0.60`")]
pub struct NotMoney(pub String);

impl FromStr for Money {
    type Err = NotMoney;

    /// Reads digits with at most six after the point, as Exotel writes prices (`1.500`) and people write budgets.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let wrong = || NotMoney(text.to_owned());
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 9 || fraction.len() > 6 {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        Ok(Self(whole * UNIT + fraction))
    }
}

/// What a call costs: each minute that has begun, from the moment it is picked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tariff {
    per_minute: Money,
}

impl Tariff {
    /// Returns what a call of this length costs; one that was not picked up costs nothing.
    pub fn cost(self, talk: Duration) -> Money {
        let minutes = talk.as_millis().div_ceil(60_000);
        self.per_minute
            .times(u64::try_from(minutes).unwrap_or(u64::MAX))
    }

    /// Returns what a begun minute costs.
    pub fn per_minute(self) -> Money {
        self.per_minute
    }

    /// Returns the tariff of so much for each minute that has begun.
    pub fn of(per_minute: Money) -> Self {
        Self { per_minute }
    }
}

impl fmt::Display for Tariff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/min", self.per_minute)
    }
}

/// The text is no tariff.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no tariff; write what a begun minute costs, for example `0.60/min`")]
pub struct NotATariff(pub String);

impl FromStr for Tariff {
    type Err = NotATariff;

    fn from_str(text: &str) -> Result<Self, NotATariff> {
        let wrong = || NotATariff(text.to_owned());
        let price = text.trim().strip_suffix("/min").ok_or_else(wrong)?;
        let per_minute = price.parse().map_err(|_| wrong())?;
        Ok(Self { per_minute })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_without_loss() {
        for (text, shown) in [
            ("5000", "5000.00"),
            ("0.6", "0.60"),
            ("1.500", "1.50"),
            ("0.000001", "0.000001"),
            ("12.345", "12.345"),
        ] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            ".5",
            "5.",
            "-1",
            "1e3",
            "1,000",
            "1.2345678",
            "free",
            "99999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        assert_eq!((Money::ZERO - Money(1_500_000)).to_string(), "-1.50");
    }

    #[test]
    fn each_begun_minute_costs() {
        let tariff: Tariff = "0.60/min".parse().unwrap();
        for (seconds, cost) in [
            (0, "0.00"),
            (1, "0.60"),
            (60, "0.60"),
            (61, "1.20"),
            (900, "9.00"),
        ] {
            assert_eq!(tariff.cost(Duration::from_secs(seconds)).to_string(), cost);
        }
        assert_eq!(tariff.to_string(), "0.60/min");
        assert!("0.60".parse::<Tariff>().is_err());
    }
}
