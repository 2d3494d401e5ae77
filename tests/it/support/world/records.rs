//! The database of a world, as another terminal sees it.

use std::ops::Range;
use std::path::Path;

use exocamp::domain::attempt::{AttemptState, Decision, Evidence, StateName};
use exocamp::domain::campaign::Setting;
use exocamp::domain::contact::{Fields, NewContact};
use exocamp::domain::money::Money;
use exocamp::domain::phone::PhoneNumber;
use exocamp::domain::report::Counts;
use exocamp::provider::CallOrder;
use exocamp::sandbox::{Placed, Placement};
use exocamp::store::attempts::{self, AttemptId, Source, Terms};
use exocamp::store::callbacks;
use exocamp::store::campaigns::{self, Campaign, CampaignId};
use exocamp::store::candidates::{self, NamedBy};
use exocamp::store::doubts::{self, Decider, Doubt};
use exocamp::store::incidents;
use exocamp::store::reports::{self, ContactFilter, ContactReport};
use exocamp::store::{Store, StoreError, Tx, contacts, costs, settings};

use super::{ACCOUNT, World};
use crate::support::phones;

/// The first of the numbers that are called.
const FIRST_NUMBER: u64 = 919_876_500_000;

impl World {
    /// Makes a campaign of the numbers `FIRST_NUMBER + i`.
    pub(crate) fn campaign(
        &mut self,
        name: &str,
        people: Range<u64>,
        settings: &[(Setting, &str)],
    ) -> CampaignId {
        let now = self.moment().wall;
        let people = people.map(|person| NewContact {
            number: PhoneNumber::from_digits(FIRST_NUMBER + person).unwrap(),
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
            line: person + 2,
        });
        let people: Vec<_> = people.collect();
        self.write(|tx| {
            let id = campaigns::create(tx, &name.parse().unwrap(), "asha", now)?;
            let source = contacts::add_source(tx, id, "list.csv", now)?;
            for person in &people {
                contacts::add(tx, id, source, person)?;
            }
            contacts::count_new(tx, id, people.len() as u64)?;
            // Pretend calls are as short as a story wants them.
            let short_calls = Setting::ShortCalls;
            campaigns::remember(tx, id, short_calls, "off", "asha", now)?;
            for (key, value) in settings {
                campaigns::remember(tx, id, *key, value, "asha", now)?;
            }
            Ok(id)
        })
    }

    /// Closes the database and opens it again.
    pub(crate) fn reopen(&mut self, path: &Path) {
        self.store = Store::in_memory().unwrap();
        self.store = Store::open(path).unwrap();
    }

    /// Writes to the database from another terminal.
    pub(crate) fn write<T>(&mut self, body: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> T {
        self.store.write(body).unwrap()
    }

    /// Returns the number of the person in this place of the lists.
    pub(crate) fn person(&self, place: u64) -> PhoneNumber {
        PhoneNumber::from_digits(FIRST_NUMBER + place).unwrap()
    }

    pub(crate) fn counts(&mut self, campaign: CampaignId) -> Counts {
        self.store
            .read(|tx| contacts::counts(tx, campaign))
            .unwrap()
    }

    pub(crate) fn state(&mut self, campaign: CampaignId) -> Campaign {
        self.store.read(|tx| campaigns::get(tx, campaign)).unwrap()
    }

    pub(crate) fn contacts(&mut self, campaign: CampaignId) -> Vec<ContactReport> {
        let all = ContactFilter::default();
        self.store
            .read(|tx| reports::contacts(tx, campaign, &all))
            .unwrap()
    }

    /// Returns what a campaign has spent, what is reserved included.
    pub(crate) fn spent(&mut self, campaign: CampaignId) -> Money {
        self.write(|tx| costs::spent(tx, campaign))
    }

    /// Returns the intents of a campaign that no reply has closed.
    pub(crate) fn open_intents(&mut self, campaign: CampaignId) -> Vec<AttemptId> {
        self.store
            .read(|tx| attempts::open_intents(tx, campaign))
            .unwrap()
    }

    /// Remembers a setting from another terminal.
    pub(crate) fn remember(&mut self, campaign: CampaignId, key: Setting, value: &str) {
        let now = self.moment().wall;
        self.write(|tx| campaigns::remember(tx, campaign, key, value, "asha", now));
    }

    /// Changes a setting as `set` does.
    pub(crate) fn set(&mut self, campaign: CampaignId, key: Setting, value: &str) {
        let moment = self.moment();
        let typed = [(key, value.to_owned())];
        self.write(|tx| settings::change(tx, campaign, &typed, "asha", &moment));
    }

    pub(crate) fn doubt(&mut self, national: &str) -> Doubt {
        let number = phones::number(national);
        let unresolved = self.write(|tx| doubts::unresolved(tx, ACCOUNT));
        let mut of_number = unresolved
            .into_iter()
            .filter(|doubt| doubt.number == number);
        of_number
            .next()
            .expect("there is a doubt about this number")
    }

    /// Returns all attempts that nobody knows the call of, as they stand.
    pub(crate) fn unresolved(&mut self) -> Vec<Doubt> {
        self.write(|tx| doubts::unresolved(tx, ACCOUNT))
    }

    /// Returns the calls that may be an attempt's.
    pub(crate) fn candidates_of(&mut self, attempt: AttemptId) -> Vec<String> {
        let candidates = self.write(|tx| candidates::of_attempt(tx, attempt));
        candidates.iter().map(ToString::to_string).collect()
    }

    /// Returns where an attempt stands.
    pub(crate) fn attempt_state(&mut self, attempt: AttemptId) -> AttemptState {
        self.write(|tx| attempts::state(tx, attempt))
    }

    /// Returns how many attempts are in doubt.
    pub(crate) fn in_doubt(&mut self) -> usize {
        let unresolved = self.write(|tx| doubts::unresolved(tx, ACCOUNT));
        let states = unresolved.iter().map(|doubt| doubt.state);
        states.filter(|state| *state == StateName::InDoubt).count()
    }

    /// Nothing may leave but what is permitted: an intent that is on record, of somebody whose phone does not ring.
    pub(super) fn check_that_it_may_leave(&mut self, attempt: AttemptId, order: &CallOrder) {
        let state = self.attempt_state(attempt);
        assert_eq!(state, AttemptState::Intent, "{order:?}");
        let again = self.posts.iter().find(|post| post.attempt == attempt);
        assert!(again.is_none(), "one attempt is sent twice: {again:?}");
        let (time, national) = (self.time(), order.number.national().unwrap());
        let rings = self.exchange.calls().iter().rev();
        let rings = rings.take_while(|call| time.duration_since(call.accepted_at).as_hours() < 5);
        let mut live = rings.filter(|call| call.number == national && call.ends_at > time);
        assert!(live.next().is_none(), "rung while on the phone: {order:?}");
    }

    /// Returns where the doubt about a number stands, and what its absence is worth.
    pub(crate) fn doubt_story(&mut self, national: &str) -> (String, Option<String>) {
        let doubt = self.doubt(national);
        let grade = doubt.grade.map(|grade| grade.as_str().to_owned());
        (doubt.state.as_str().to_owned(), grade)
    }

    /// Returns the calls that may be the one that a number is in doubt about.
    pub(crate) fn candidates(&mut self, national: &str) -> Vec<String> {
        let attempt = self.doubt(national).attempt;
        self.candidates_of(attempt)
    }

    /// Returns what came to light in a campaign, by name.
    pub(crate) fn incidents(&mut self, campaign: CampaignId) -> Vec<String> {
        let incidents = self.write(|tx| incidents::of_campaign(tx, campaign));
        let kinds = incidents.iter().map(|incident| incident.kind);
        kinds.map(|kind| kind.as_str().to_owned()).collect()
    }

    /// A person decides about the call in doubt.
    pub(crate) fn decide(&mut self, national: &str, decision: Decision) {
        let (doubt, now) = (self.doubt(national), self.moment().wall);
        let patience = self.patience.clone();
        self.write(|tx| {
            let terms = Terms {
                policy: &campaigns::policy(tx, doubt.campaign)?,
                patience: &patience,
            };
            let (by, because) = ("asha", "she says that nobody called");
            let decider = Decider { by, because };
            doubts::decide(tx, doubt.attempt, decision, &decider, &terms, now)
        });
    }

    /// The search cannot tell which call it was.
    pub(crate) fn hold(&mut self, national: &str) {
        let (doubt, now) = (self.doubt(national), self.moment().wall);
        let patience = self.patience.clone();
        self.write(|tx| {
            let terms = Terms {
                policy: &campaigns::policy(tx, doubt.campaign)?,
                patience: &patience,
            };
            let (ambiguous, search) = (Evidence::Ambiguous, Source::Search);
            attempts::merge_evidence(tx, doubt.attempt, &ambiguous, search, &terms, now)
        });
    }

    /// A person says which call it was.
    pub(crate) fn name_call_of(&mut self, doubt: &Doubt, sid: &str) {
        let now = self.moment().wall;
        let sid = sid.parse().unwrap();
        self.write(|tx| candidates::note(tx, doubt.attempt, &sid, NamedBy::Person, now));
    }

    /// Somebody calls a number without exocamp, from the same ExoPhone; returns the call.
    pub(crate) fn place_by_hand(&mut self, national: &str) -> String {
        let placement = Placement {
            from: format!("0{national}"),
            caller_id: "08098765000".to_owned(),
            url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            time_limit: None,
            time_out: None,
            record: false,
            custom_field: Some(format!("by hand {national}")),
            status_callback: None,
            status_callback_content_type: None,
        };
        let time = self.time();
        match self.exchange.place(time, &placement).placed {
            Placed::Accepted { sid, .. } => sid,
            other => panic!("{other:?}"),
        }
    }

    /// Somebody sends a callback for the attempt of this key.
    pub(crate) fn call_back(&mut self, key: &str, sid: &str) {
        let moment = self.moment();
        let callbacks = self.callbacks.as_ref().expect("callbacks are on");
        let hash = callbacks.secret.token(key).hash().0;
        let sid = sid.parse().unwrap();
        self.write(|tx| callbacks::take_in(tx, &hash, &sid, &moment));
    }

    /// From now on the numbers that end in 7 meet this fate.
    pub(crate) fn set_fate(&mut self, fate: &str) {
        let rule = format!("7={fate}").parse().unwrap();
        self.exchange
            .change_script(|script| script.fates = vec![rule]);
    }
}
