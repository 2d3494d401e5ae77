//! The bulk list: which calls it shows, in which order, page by page.
//!
//! It shows *ended* calls only, as the real one does. A call missing from it may still be live, may not be listed yet,
//! or may be older than the window; its absence is never an outcome.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::answer::Refusal;
use super::call::{Call, CallView};
use super::number::Number;
use super::register::Register;

/// A month, as the list counts one: how far it looks back, and how wide a window may be.
const MONTH: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Which calls to list. The default lists all of the last 31 days, 50 a page, newest first.
///
/// Several values of one filter mean "any of these"; an empty filter does not filter.
#[derive(Clone, Default, Debug)]
pub struct ListFilter {
    /// Calls by name; at most 100.
    pub sids: Vec<String>,
    /// Calls to these numbers, in any spelling; at most 5.
    pub from: Vec<String>,
    /// Calls from these ExoPhones, in any spelling; at most 5 (a flow call's `To` is its ExoPhone).
    pub to: Vec<String>,
    /// The same under its other name.
    pub phone_number: Vec<String>,
    /// One outcome, in Exotel's words.
    pub status: Option<String>,
    /// One direction; all calls here are `outbound-api`.
    pub direction: Option<String>,
    /// The first second of acceptance.
    pub created_from: Option<Timestamp>,
    /// The last second of acceptance.
    pub created_to: Option<Timestamp>,
    /// Rows a page, 1 to 100.
    pub page_size: Option<usize>,
    /// Newest or oldest first.
    pub order: Order,
    /// Where to go on, copied from a [`Page`].
    pub cursor: Option<Cursor>,
}

impl ListFilter {
    /// Returns how many rows a page has.
    pub fn page_size(&self) -> usize {
        self.page_size.unwrap_or(50)
    }
}

/// The order of the list.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Order {
    /// Newest first.
    #[default]
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// Where a page begins or ends; the figure is the place of a call in the order of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cursor {
    /// The page after this call.
    After(usize),
    /// The page before this call.
    Before(usize),
}

/// One page of the list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The calls of this page.
    pub rows: Vec<CallView>,
    /// How many calls match, over all pages.
    pub total: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Where the previous page ends, if there is one.
    pub previous: Option<Cursor>,
}

impl Page {
    /// Returns the page without every second row, the first being left out, and without a next page. The total stays
    /// the truth.
    pub fn cut_short(self) -> Self {
        let rows = self.rows.into_iter().skip(1).step_by(2);
        Self {
            rows: rows.collect(),
            next: None,
            ..self
        }
    }
}

/// Returns a page of the register as it is seen at `now`.
pub(super) fn list(
    register: &Register,
    now: Timestamp,
    lags: Lags,
    filter: &ListFilter,
) -> Result<Page, Refusal> {
    let matching = Matching::new(filter, now)?;
    let mut places = candidates(register, filter, &matching);
    places.retain(|place| {
        let call = register.at(*place);
        call.ends_at + lags.list <= now && matching.takes(call)
    });
    if filter.order == Order::NewestFirst {
        places.reverse();
    }

    let precedes = |place: usize, other: usize| match filter.order {
        Order::NewestFirst => place > other,
        Order::OldestFirst => place < other,
    };
    let size = filter.page_size();
    let (start, end) = match filter.cursor {
        None => (0, size),
        Some(Cursor::After(last)) => {
            let start = places.partition_point(|place| !precedes(last, *place));
            (start, start + size)
        }
        Some(Cursor::Before(first)) => {
            let end = places.partition_point(|place| precedes(*place, first));
            (end.saturating_sub(size), end)
        }
    };
    let shown = &places[start..end.min(places.len())];
    let (first, last) = (shown.first().copied(), shown.last().copied());
    Ok(Page {
        rows: shown
            .iter()
            .map(|place| register.at(*place).view(now, lags.price))
            .collect(),
        total: places.len(),
        next: last.filter(|_| end < places.len()).map(Cursor::After),
        previous: first.filter(|_| start > 0).map(Cursor::Before),
    })
}

/// How long after the end of a call things become known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lags {
    /// The call itself, to the list.
    pub(super) list: Duration,
    /// Its price.
    pub(super) price: Duration,
}

/// Returns, in order of acceptance, the places worth looking at: never all of them where a name or number is asked for.
fn candidates(register: &Register, filter: &ListFilter, matching: &Matching) -> Vec<usize> {
    let mut places: Vec<usize> = if !filter.sids.is_empty() {
        filter
            .sids
            .iter()
            .filter_map(|sid| register.place_of(sid))
            .collect()
    } else if !matching.from.is_empty() {
        matching
            .from
            .iter()
            .flat_map(|number| register.places_of(number))
            .copied()
            .collect()
    } else {
        return register
            .places_between(matching.earliest, matching.end)
            .collect();
    };
    places.sort_unstable();
    places.dedup();
    places
}

/// A filter that has been found to make sense.
struct Matching {
    earliest: Timestamp,
    end: Timestamp,
    from: Vec<String>,
    to: Vec<String>,
    phone_number: Vec<String>,
    status: Option<String>,
    ours: bool,
}

impl Matching {
    /// Checks a filter as strictly as Exotel was seen, or is said, to check it.
    fn new(filter: &ListFilter, now: Timestamp) -> Result<Self, Refusal> {
        if filter.sids.len() > 100 {
            return Err(Refusal::invalid("Sid: at most 100 values are allowed"));
        }
        if !(1..=100).contains(&filter.page_size()) {
            return Err(Refusal::invalid("PageSize must be between 1 and 100"));
        }
        // The documents show a comma list; the real thing refuses it.
        if filter
            .status
            .as_ref()
            .is_some_and(|status| status.contains(','))
        {
            return Err(Refusal::invalid("Status must be a single value"));
        }
        let direction = filter.direction.as_deref();
        if !matches!(
            direction,
            None | Some("inbound" | "outbound-dial" | "outbound-api")
        ) {
            let problem = "Direction must be one of inbound, outbound-dial, outbound-api";
            return Err(Refusal::invalid(problem));
        }
        // The last second counts in full: the filter knows no parts of seconds.
        let end = filter.created_to.unwrap_or(now) + SignedDuration::from_secs(1);
        let earliest = filter.created_from.unwrap_or(end - MONTH);
        if end.duration_since(earliest) > MONTH + SignedDuration::from_secs(1) {
            return Err(Refusal::invalid(
                "DateCreated must not span more than a month",
            ));
        }
        Ok(Self {
            earliest,
            end,
            from: numbers("From", &filter.from)?,
            to: numbers("To", &filter.to)?,
            phone_number: numbers("PhoneNumber", &filter.phone_number)?,
            status: filter.status.clone(),
            ours: matches!(direction, None | Some("outbound-api")),
        })
    }

    /// Returns whether a call passes.
    fn takes(&self, call: &Call) -> bool {
        let exophone = || Number::parse(&call.caller_id);
        let shows = |wanted: &[String]| {
            wanted.is_empty()
                || exophone().is_some_and(|phone| wanted.iter().any(|one| one == phone.as_str()))
        };
        self.ours
            && (self.earliest..self.end).contains(&call.accepted_at)
            && (self.from.is_empty() || self.from.contains(&call.number))
            && shows(&self.to)
            && shows(&self.phone_number)
            && self
                .status
                .as_ref()
                .is_none_or(|status| status == call.outcome.as_str())
    }
}

/// Reads the numbers of a filter.
///
/// Whether Exotel normalises them is not known; a client that asks for both spellings is right either way.
fn numbers(name: &str, texts: &[String]) -> Result<Vec<String>, Refusal> {
    if texts.len() > 5 {
        return Err(Refusal::invalid(&format!(
            "{name}: at most 5 values are allowed"
        )));
    }
    let parsed = texts.iter().map(|text| {
        let number = Number::parse(text);
        number
            .map(|number| number.as_str().to_owned())
            .unwrap_or_else(|| text.clone())
    });
    Ok(parsed.collect())
}
