//! A campaign's settings as people see and change them: what is in force, and since when by whom.

use jiff::Timestamp;

use super::campaigns::{self, CampaignId};
use super::costs;
use super::runs::{self, Scope};
use super::{Result, StoreError, Tx, from_ms};
use crate::clock::Moment;
use crate::domain::campaign::{Policy, Setting};
use crate::domain::defaults;

/// A setting that is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InForce {
    /// Which.
    pub key: Setting,
    /// As it was typed, or the default; `None` where the account or the configuration says it.
    pub value: Option<String>,
    /// Who has set it and when; `None` for a default.
    pub set: Option<(String, Timestamp)>,
}

/// A setting that was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Which.
    pub key: Setting,
    /// What it was; `None` where the account or the configuration said it.
    pub before: Option<String>,
    /// What it is now.
    pub now: String,
}

/// Returns every setting as it is in force.
///
/// # Errors
/// When the database cannot be read.
pub fn in_force(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<InForce>> {
    let mut all: Vec<_> = Setting::ALL
        .into_iter()
        .map(|key| InForce {
            key,
            value: defaults::default_of(key).map(str::to_owned),
            set: None,
        })
        .collect();
    let mut statement = tx.0.prepare_cached(
        "SELECT key, value, set_by, set_at FROM setting WHERE campaign_id = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([campaign.get()])?;
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        let known = all.iter_mut().find(|setting| setting.key.as_str() == key);
        let setting = known.ok_or(StoreError::Nonsense(key))?;
        setting.value = Some(value);
        setting.set = Some((row.get(2)?, from_ms(row.get(3)?)));
    }
    Ok(all)
}

/// Changes settings and returns those that are different now; what was set before is kept. Each must have been found to
/// fit.
///
/// A run that is going on has them from its next turn. Where a pace is changed, the next start is moved, so that it
/// comes one interval of the new pace after the last one: neither a burst nor a wait that is no longer asked for.
///
/// # Errors
/// When one does not fit, or the database refuses.
pub fn change(
    tx: &Tx<'_>,
    campaign: CampaignId,
    settings: &[(Setting, String)],
    by: &str,
    now: &Moment,
) -> Result<Vec<Changed>> {
    let before = campaigns::policy(tx, campaign)?;
    let known = in_force(tx, campaign)?;
    let mut after = before.clone();
    let mut changed = Vec::new();
    for (key, value) in settings {
        let earlier = after.clone();
        let nonsense = |_| StoreError::Nonsense(format!("{}={value}", key.as_str()));
        after.set(*key, value).map_err(nonsense)?;
        // Cron gives the same ones every five minutes.
        if after != earlier {
            campaigns::remember(tx, campaign, *key, value, by, now.wall)?;
            let was = known.iter().find(|setting| setting.key == *key);
            changed.push(Changed {
                key: *key,
                before: was.and_then(|setting| setting.value.clone()),
                now: value.clone(),
            });
        }
    }
    move_next_start(tx, campaign, &before, &after, now)?;
    if let (None, Some(tariff)) = (before.tariff, after.tariff) {
        costs::reckon_what_had_no_tariff(tx, campaign, tariff)?;
    }
    Ok(changed)
}

fn move_next_start(
    tx: &Tx<'_>,
    campaign: CampaignId,
    before: &Policy,
    after: &Policy,
    now: &Moment,
) -> Result<()> {
    let intervals = (before.pace.interval(), after.pace.interval());
    runs::change_interval(tx, Scope::Campaign(campaign), intervals, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::BootId;
    use crate::store::Store;
    use crate::store::runs::Stored;

    fn at(seconds: u64) -> Moment {
        Moment {
            wall: Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap(),
            since_boot: Duration::from_secs(seconds),
            boot: BootId::from_bits(1),
        }
    }

    fn typed(key: Setting, value: &str) -> Vec<(Setting, String)> {
        vec![(key, value.to_owned())]
    }

    #[test]
    fn what_is_in_force_is_the_latest_and_says_who_set_it_and_when() {
        let mut store = Store::in_memory().unwrap();
        let change_all = |tx: &Tx<'_>| -> Result<()> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", at(1).wall)?;
            let lines = |tx| -> Result<InForce> {
                let all = in_force(tx, id)?;
                Ok(all
                    .into_iter()
                    .find(|setting| setting.key == Setting::Lines)
                    .unwrap())
            };
            assert_eq!((lines(tx)?.value, lines(tx)?.set), (None, None));
            let changed = change(tx, id, &typed(Setting::Lines, "5"), "asha", &at(2))?;
            assert_eq!(
                (changed[0].before.as_deref(), &*changed[0].now),
                (None, "5")
            );
            let changed = change(tx, id, &typed(Setting::Lines, "7"), "ravi", &at(3))?;
            assert_eq!(changed[0].before.as_deref(), Some("5"));
            let changed = change(tx, id, &typed(Setting::Lines, "7"), "cron", &at(4))?;
            assert_eq!(changed, []);
            let seven = lines(tx)?;
            assert_eq!(seven.value.as_deref(), Some("7"));
            assert_eq!(seven.set, Some(("ravi".to_owned(), at(3).wall)));
            assert!(change(tx, id, &typed(Setting::Lines, "many"), "asha", &at(5)).is_err());
            Ok(())
        };
        store.write(change_all).unwrap();
    }

    #[test]
    fn the_next_start_is_one_interval_of_the_new_pace_after_the_last() {
        let mut store = Store::in_memory().unwrap();
        let change_pace = |tx: &Tx<'_>| -> Result<()> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", at(1).wall)?;
            let scope = Scope::Campaign(id);
            // At 60 an hour the last start was at 100 s.
            change(tx, id, &typed(Setting::Rate, "60/h"), "asha", &at(100))?;
            let next = Duration::from_millis(160_060);
            runs::set_next_start(tx, scope, next, &at(100))?;
            for (rate, expected_ms) in [("5/s", 100_200), ("max", 100_000), ("1/min", 160_060)] {
                change(tx, id, &typed(Setting::Rate, rate), "asha", &at(101))?;
                let Stored::Next(next) = runs::next_start(tx, scope, &at(101))? else {
                    panic!("there is a next start");
                };
                assert_eq!(next.as_millis(), expected_ms, "{rate}");
            }
            Ok(())
        };
        store.write(change_pace).unwrap();
    }
}
