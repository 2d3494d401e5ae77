//! What an attempt costs, as far as is known: the worst case until it has ended, then what its length says, then what
//! the provider says.
//!
//! A budget is kept by never permitting a call whose worst case it could not bear, so no amount here may be less than
//! what the provider can still ask for by the tariff.

use std::time::Duration;

use super::attempt::StateName;
use super::money::{Money, Tariff};

/// What is known of an attempt that bears on its cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bill {
    /// Where it stands.
    pub state: StateName,
    /// What a call cost when it was permitted; `None` if nobody had said.
    pub tariff: Option<Tariff>,
    /// How long it could last at most.
    pub talk_limit: Duration,
    /// How long it lasted, once that is known.
    pub length: Option<Duration>,
    /// What the provider asks for it, once that is known.
    pub price: Option<Money>,
}

impl Bill {
    /// Returns what the attempt costs, as far as is known.
    ///
    /// Whatever may have rung and has not ended for certain costs its worst case, whoever decided what about it.
    pub fn amount(&self) -> Money {
        let worst = worst_case(self.tariff, self.talk_limit);
        match self.state {
            StateName::NotSent | StateName::Rejected | StateName::NotPlaced => Money::ZERO,
            StateName::Intent
            | StateName::InDoubt
            | StateName::Held
            | StateName::PresumedPlaced
            | StateName::Accepted
            | StateName::InProgress => worst,
            StateName::OutcomeUnknown => self.price.unwrap_or(worst),
            StateName::Completed => {
                let by_length = self.length.map(|length| worst_case(self.tariff, length));
                self.price.or(by_length).unwrap_or(worst)
            }
            // Nobody picked up, and Exotel leaves the price of such calls empty.
            StateName::Busy | StateName::NoAnswer | StateName::Failed | StateName::Canceled => {
                self.price.unwrap_or_default()
            }
        }
    }
}

/// Returns what a call of at most this length costs at worst; nothing where no tariff is known.
pub fn worst_case(tariff: Option<Tariff>, longest: Duration) -> Money {
    tariff.map_or(Money::ZERO, |tariff| tariff.cost(longest))
}

/// Returns how many more calls a budget can bear at their worst.
///
/// What was spent includes what is reserved for calls that are live or in doubt.
pub fn affordable(budget: Option<Money>, spent: Money, worst: Money) -> u64 {
    let Some(budget) = budget else {
        return u64::MAX;
    };
    if spent + worst > budget {
        return 0;
    }
    let left = (budget - spent).as_micros().unsigned_abs();
    left.checked_div(worst.as_micros().unsigned_abs())
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn an_attempt_costs_its_worst_case_until_it_is_known_to_cost_less() {
        use StateName as S;
        let seconds = Duration::from_secs;
        let bill = |state, length: Option<u64>, price: Option<&str>| {
            let bill = Bill {
                state,
                tariff: Some("0.60/min".parse().unwrap()),
                talk_limit: seconds(300),
                length: length.map(seconds),
                price: price.map(money),
            };
            bill.amount().to_string()
        };
        for state in [
            S::Intent,
            S::InDoubt,
            S::Held,
            S::PresumedPlaced,
            S::Accepted,
            S::InProgress,
        ] {
            assert_eq!(bill(state, None, None), "3.00", "{state}");
            assert_eq!(bill(state, Some(1), Some("0.10")), "3.00", "{state}");
        }
        for state in [S::NotSent, S::Rejected, S::NotPlaced] {
            assert_eq!(bill(state, None, None), "0.00", "{state}");
        }
        for state in [S::Busy, S::NoAnswer, S::Failed, S::Canceled] {
            assert_eq!(bill(state, Some(0), None), "0.00", "{state}");
            assert_eq!(bill(state, Some(0), Some("0.25")), "0.25", "{state}");
        }
        for (length, price, cost) in [
            (None, None, "3.00"),
            (Some(61), None, "1.20"),
            (Some(61), Some("0.90"), "0.90"),
            (Some(61), Some("7.50"), "7.50"),
            (None, Some("0.000"), "0.00"),
        ] {
            assert_eq!(bill(S::Completed, length, price), cost);
        }
        assert_eq!(bill(S::OutcomeUnknown, None, None), "3.00");
        assert_eq!(bill(S::OutcomeUnknown, None, Some("1.50")), "1.50");
    }

    #[test]
    fn a_budget_bears_whole_calls_only() {
        for (budget, spent, worst, calls) in [
            ("10", "0", "3", 3),
            ("10", "1", "3", 3),
            ("10", "1.000001", "3", 2),
            ("10", "10", "3", 0),
            ("10", "12", "3", 0),
            ("2.99", "0", "3", 0),
            ("10", "10", "0", u64::MAX),
            ("10", "10.01", "0", 0),
        ] {
            let (budget, spent, worst) = (Some(money(budget)), money(spent), money(worst));
            assert_eq!(affordable(budget, spent, worst), calls);
        }
        assert_eq!(affordable(None, money("999999"), money("3")), u64::MAX);
    }

    proptest! {
        #[test]
        fn what_is_affordable_fits_and_one_more_does_not(budget in 0_i64..1 << 40, spent in 0_i64..1 << 40, worst in 1_i64..1 << 30) {
            let [budget, spent, worst] = [budget, spent, worst].map(Money::from_micros);
            let calls = affordable(Some(budget), spent, worst);
            prop_assert!(calls == 0 || spent + worst.times(calls) <= budget);
            prop_assert!(spent + worst.times(calls + 1) > budget);
        }
    }
}
