//! The rules of calling as dated data: what each says, since when, by whom, and how exocamp holds it.
//!
//! What is here is shown, and names the rule wherever one is refused, overridden or warned of. Most rules are held
//! elsewhere: hours in `hours` and `purpose`, caps and the do-not-call list in `eligibility`. Only the series of
//! caller ids are judged here, since nothing else needs them. It is no legal advice, and claims no more than its sources.

use std::fmt;

use jiff::civil::{Date, date};

use super::phone::PhoneNumber;
use super::purpose::Purpose;

/// How exocamp holds a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// Nothing overrides it.
    Enforced,
    /// Whoever breaks it is refused, unless they say why.
    Checked,
    /// Whoever seems to break it is told.
    Warned,
}

impl Hold {
    /// Returns the word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Checked => "checked",
            Self::Warned => "warned",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule of calling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The word it is kept by.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What it says, in our words.
    pub says: &'static str,
    /// The purposes it goes for.
    pub purposes: &'static [Purpose],
    /// Since when; `None` where no date is known, or it is exocamp's own.
    pub since: Option<Date>,
    /// Who made it, and where.
    pub source: &'static str,
    /// Where to read it; `None` for exocamp's own.
    pub address: Option<&'static str>,
    /// How it is held.
    pub held: Hold,
}

const SERVICE: &[Purpose] = &[Purpose::Service, Purpose::Transactional];
const REGULATED: &[Purpose] = &[
    Purpose::Service,
    Purpose::Transactional,
    Purpose::Collections,
];

/// The Telecom Commercial Communications Customer Preference Regulations.
const REGULATIONS: &str = "TRAI, TCCCPR 2018";
const OWN: &str = "exocamp's own";

const PROMOTIONAL_HOURS: Rule = Rule {
    id: "promotional-hours",
    title: "hours of promotional calls",
    says: "promotional calls only from 09:00 to 21:00 Indian time",
    purposes: &[Purpose::Promotional],
    since: Some(date(2018, 7, 19)),
    source: "TRAI, TCCCPR 2018, as told by Exotel",
    address: Some("https://developer.exotel.com/docs/faqs/calling-hours"),
    held: Hold::Enforced,
};

const COLLECTIONS_HOURS: Rule = Rule {
    id: "collections-hours",
    title: "hours of calls about debts",
    says: "lenders and their agents call borrowers about overdue loans only from 08:00 to 19:00",
    purposes: &[Purpose::Collections],
    since: Some(date(2022, 8, 12)),
    source: "RBI, DOR.ORG.REC.65/21.04.158/2022-23",
    address: Some("https://www.rbi.org.in"),
    held: Hold::Enforced,
};

const PROMOTIONAL_SERIES: Rule = Rule {
    id: "promotional-series",
    title: "caller ids of promotional calls",
    says: "promotional calls come from numbers of the 140 series",
    purposes: &[Purpose::Promotional],
    since: Some(date(2018, 7, 19)),
    source: REGULATIONS,
    address: Some("https://www.trai.gov.in"),
    held: Hold::Checked,
};

const SERVICE_SERIES: Rule = Rule {
    id: "service-series",
    title: "no service calls from promotional numbers",
    says: "the 140 series is for promotional calls; others do not come from it",
    purposes: SERVICE,
    since: Some(date(2018, 7, 19)),
    source: REGULATIONS,
    address: Some("https://www.trai.gov.in"),
    held: Hold::Checked,
};

const REGULATED_SERIES: Rule = Rule {
    id: "1600-series",
    title: "caller ids of banks, insurers and their like",
    says: "firms under RBI, SEBI, PFRDA or IRDAI make service and transactional calls from the 1600 series, each kind \
           of them from its day in 2026 on",
    purposes: REGULATED,
    since: Some(date(2026, 1, 1)),
    source: "TRAI, directions of 19 November and 16 December 2025",
    address: Some("https://www.trai.gov.in"),
    held: Hold::Warned,
};

const DO_NOT_DISTURB: Rule = Rule {
    id: "do-not-disturb",
    title: "numbers registered as do-not-disturb",
    says: "Exotel refuses numbers in the national registry (NDNC) unless number or account are exempt, and exocamp \
           skips them",
    purposes: &Purpose::ALL,
    since: None,
    source: "TRAI, as told by Exotel",
    address: Some("https://developer.exotel.com/docs/faqs/ndnc-dnd"),
    held: Hold::Enforced,
};

const DO_NOT_CALL: Rule = Rule {
    id: "do-not-call",
    title: "the do-not-call list",
    says: "who is on the do-not-call list is called in no campaign",
    purposes: &Purpose::ALL,
    since: None,
    source: OWN,
    address: None,
    held: Hold::Enforced,
};

const CAPS: Rule = Rule {
    id: "caps",
    title: "calls to one person",
    says: "at most 3 calls to a number in 24 hours and 8 in 7 days, over all campaigns, or as EXOCAMP_CAP_DAY and \
           EXOCAMP_CAP_WEEK say",
    purposes: &Purpose::ALL,
    since: None,
    source: OWN,
    address: None,
    held: Hold::Enforced,
};

const END_GUARD: Rule = Rule {
    id: "end-guard",
    title: "the last minutes of the hours",
    says: "nobody new is rung in the last 5 minutes before the calling hours close",
    purposes: &Purpose::ALL,
    since: None,
    source: OWN,
    address: None,
    held: Hold::Enforced,
};

/// The rules in force.
pub const IN_FORCE: [Rule; 9] = [
    PROMOTIONAL_HOURS,
    COLLECTIONS_HOURS,
    PROMOTIONAL_SERIES,
    SERVICE_SERIES,
    REGULATED_SERIES,
    DO_NOT_DISTURB,
    DO_NOT_CALL,
    CAPS,
    END_GUARD,
];

/// Returns the rule that calling for this purpose from these ExoPhones breaks, or may break; refusals come first.
pub fn against_caller_ids(purpose: Purpose, caller_ids: &[PhoneNumber]) -> Option<Rule> {
    let is_of = |id: &PhoneNumber, series| id.national().is_some_and(|n| n.starts_with(series));
    let any_is_promotional = caller_ids.iter().any(|id| is_of(id, "140"));
    let all_are_promotional = caller_ids.iter().all(|id| is_of(id, "140"));
    // The 1601 series is the 1600 series' neighbour, for the same calls.
    let all_are_regulated = caller_ids
        .iter()
        .all(|id| is_of(id, "1600") || is_of(id, "1601"));
    match purpose {
        Purpose::Promotional => (!all_are_promotional).then_some(PROMOTIONAL_SERIES),
        Purpose::Service | Purpose::Transactional if any_is_promotional => Some(SERVICE_SERIES),
        Purpose::Service | Purpose::Transactional | Purpose::Collections => {
            (!all_are_regulated).then_some(REGULATED_SERIES)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::eligibility::Caps;

    fn id(text: &str) -> PhoneNumber {
        PhoneNumber::parse_caller_id(text).unwrap()
    }

    #[test]
    fn each_purpose_has_its_series() {
        let plain = [id("08098765000")];
        let promotional = [id("1409876500")];
        let regulated = [id("1600987650")];
        let mixed = [promotional[0], plain[0]];
        let rule = |purpose: &str, ids: &[PhoneNumber]| {
            let rule = against_caller_ids(purpose.parse().unwrap(), ids);
            rule.map(|rule| (rule.id, rule.held))
        };
        let refused = |id| Some((id, Hold::Checked));
        let warned = Some(("1600-series", Hold::Warned));
        for (ids, promotional, service, collections) in [
            (&plain[..], refused("promotional-series"), warned, warned),
            (&promotional, None, refused("service-series"), warned),
            (&regulated, refused("promotional-series"), None, None),
            (
                &mixed,
                refused("promotional-series"),
                refused("service-series"),
                warned,
            ),
        ] {
            assert_eq!(rule("promotional", ids), promotional, "{ids:?}");
            assert_eq!(rule("service", ids), service, "{ids:?}");
            assert_eq!(rule("transactional", ids), service, "{ids:?}");
            assert_eq!(rule("collections", ids), collections, "{ids:?}");
        }
    }

    #[test]
    fn every_rule_is_named_once_and_has_a_source_and_those_that_are_law_an_address() {
        let ids: BTreeSet<_> = IN_FORCE.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), IN_FORCE.len());
        for rule in IN_FORCE {
            assert!(
                !rule.purposes.is_empty() && !rule.says.is_empty(),
                "{}",
                rule.id
            );
            assert_eq!(rule.address.is_none(), rule.source == OWN, "{}", rule.id);
            // What is dated has somebody who dated it.
            assert!(
                rule.since.is_none() || rule.address.is_some(),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn what_the_rules_say_is_what_is_kept() {
        for (rule, purpose) in [
            (PROMOTIONAL_HOURS, Purpose::Promotional),
            (COLLECTIONS_HOURS, Purpose::Collections),
        ] {
            let hours = purpose.outer_hours().unwrap().to_string();
            let (from, until) = hours.split_once('-').unwrap();
            assert!(
                rule.says.contains(&format!("from {from} to {until}")),
                "{}",
                rule.says
            );
        }
        let Caps { day, week } = Caps::default();
        let said = format!("{day} calls to a number in 24 hours and {week} in 7 days");
        assert!(CAPS.says.contains(&said), "{}", CAPS.says);
    }
}
