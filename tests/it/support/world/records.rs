//! The database of a world, as another terminal sees it.

use std::ops::Range;
use std::path::Path;

use exocamp::domain::campaign::Setting;
use exocamp::domain::contact::NewContact;
use exocamp::domain::phone::PhoneNumber;
use exocamp::domain::report::Counts;
use exocamp::store::attempts::{self, AttemptId};
use exocamp::store::campaigns::{self, Campaign, CampaignId};
use exocamp::store::reports::{self, ContactFilter, ContactReport};
use exocamp::store::{Store, StoreError, Tx, contacts};

use super::World;

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
            fields: Vec::new(),
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

    /// Returns the intents of a campaign that no reply has closed.
    pub(crate) fn open_intents(&mut self, campaign: CampaignId) -> Vec<AttemptId> {
        self.store
            .read(|tx| attempts::open_intents(tx, campaign))
            .unwrap()
    }
}
