//! What each setting is where nobody has set it, as it would be typed.

use super::campaign::Setting;

/// Returns the default of a setting; `None` where the account or the configuration says what it is.
pub fn default_of(key: Setting) -> Option<&'static str> {
    match key {
        Setting::Rate => Some("30/min"),
        Setting::Lines | Setting::CallerId | Setting::Flow => None,
        Setting::Hours => Some("09:00-21:00"),
        Setting::Days => Some("mon-sun"),
        Setting::Purpose => Some("service"),
        Setting::Retries => Some("0"),
        Setting::RetryAfter => Some("30m"),
        Setting::RetryMechanism => Some("linear"),
        Setting::RetryOn => Some("busy,no-answer"),
        Setting::TalkLimit => Some("15m"),
        Setting::Ring => Some("30s"),
        Setting::CallerIdRate => Some("max"),
        Setting::ShortCalls => Some("pause"),
        Setting::ScrubDnd | Setting::RedialIfProvenNotPlaced => Some("no"),
        Setting::Holidays
        | Setting::Ends
        | Setting::ReachedAfter
        | Setting::Canary
        | Setting::Budget
        | Setting::Tariff => Some("none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::campaign::Policy;

    #[test]
    fn setting_everything_to_its_default_changes_nothing() {
        for key in Setting::ALL {
            let mut policy = Policy::default();
            if let Some(value) = default_of(key) {
                policy.set(key, value).unwrap();
            }
            assert_eq!(policy, Policy::default(), "{key:?}");
        }
    }
}
