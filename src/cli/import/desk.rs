//! Where the rows of all lists of an import come together: each is added, told as a duplicate, or refused.

use jiff::Timestamp;

use super::list::{self, Piece};
use super::rejects::{Rejects, unwritten};
use super::{Counted, FORGOTTEN, SHOWN};
use crate::cli::failure::Failure;
use crate::cli::view::clock_time;
use crate::cli::workspace::Workspace;
use crate::domain::contact::{NewContact, Provenance};
use crate::domain::phone::PhoneNumber;
use crate::import::{Input, Options, Row};
use crate::store::campaigns::CampaignId;
use crate::store::contacts::SourceId;
use crate::store::forget::Recogniser;
use crate::store::imports::{self, First, ImportId, Taken};
use crate::store::{StoreError, Tx};
use crate::ui::harmless;
use crate::ui::progress::ListView;

/// Who asked to be forgotten, here and, for the sandbox, in the real database beside it.
pub(super) struct Forgotten<'a> {
    pub(super) here: (Recogniser, &'a Tx<'a>),
    pub(super) real: Option<(Recogniser, &'a Tx<'a>)>,
}

impl Forgotten<'_> {
    fn contains(&self, number: PhoneNumber) -> Result<bool, StoreError> {
        for (recogniser, tx) in std::iter::once(&self.here).chain(&self.real) {
            if recogniser.find(tx, number)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where the rows of all lists of an import come together.
pub(super) struct Desk<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) tx: &'a Tx<'a>,
    pub(super) campaign: CampaignId,
    pub(super) forgotten: Forgotten<'a>,
    pub(super) rejects: Option<&'a mut Rejects>,
    pub(super) counted: Counted,
}

impl Desk<'_> {
    /// Takes a whole list in.
    pub(super) fn take_list(
        &mut self,
        import: ImportId,
        file: &str,
        input: Input,
        options: &Options,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let source = imports::add_source(self.tx, import, self.campaign, file, now)?;
        let mut view = ListView::new(self.workspace.ui, file, input.size(), input.position());
        list::read(input, options, |piece| match piece {
            Piece::Beginning(beginning) => {
                beginning.tell(self.workspace, file);
                match &mut self.rejects {
                    Some((path, rejects)) => rejects
                        .begin(&beginning.header)
                        .map_err(|error| unwritten(path, error)),
                    None => Ok(()),
                }
            }
            Piece::Rows(rows) => {
                view.add(rows.len() as u64);
                self.take_rows(file, source, rows)
            }
            Piece::End(provenance) => self.end_list(file, source, &provenance, now),
        })
    }

    fn take_rows(&mut self, file: &str, source: SourceId, rows: Vec<Row>) -> Result<(), Failure> {
        self.counted.rows += rows.len() as u64;
        let mut contacts = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(contact) => contacts.push(contact),
                Err(refused) => {
                    self.counted.refuse(self.workspace, &refused);
                    if let Some((path, rejects)) = &mut self.rejects {
                        rejects
                            .write(&refused)
                            .map_err(|error| unwritten(path, error))?;
                    }
                }
            }
        }
        let forgotten = &self.forgotten;
        let taken = imports::add_rows(self.tx, self.campaign, source, &contacts, &mut |number| {
            forgotten.contains(number)
        })?;
        for (contact, taken) in contacts.iter().zip(taken) {
            match taken {
                Taken::New { contacts } => {
                    self.counted.accepted += 1;
                    self.counted.contacts += u64::from(contacts);
                }
                Taken::Duplicate(first) => self.count_duplicate(file, source, contact, first)?,
                Taken::Forgotten => {
                    let line = self.counted.shown_line(contact.line);
                    self.counted.reject(self.workspace, FORGOTTEN, || {
                        format!("{line}: this person asked to be forgotten")
                    });
                }
            }
        }
        Ok(())
    }

    fn count_duplicate(
        &mut self,
        file: &str,
        source: SourceId,
        contact: &NewContact,
        first: First,
    ) -> Result<(), Failure> {
        self.counted.duplicates += 1;
        if self.counted.duplicates <= SHOWN {
            let line = self.counted.shown_line(contact.line);
            let first_line = first.line;
            let elsewhere = match first.source == source {
                true => String::new(),
                false => match imports::file_of(self.tx, first.source)? {
                    same if same == file => String::new(),
                    other => format!(" of `{}`", harmless(&other)),
                },
            };
            self.workspace.ui.note(&format!(
                "{line}: same number as line {first_line}{elsewhere}"
            ));
        }
        Ok(())
    }

    fn end_list(
        &mut self,
        file: &str,
        source: SourceId,
        provenance: &Provenance,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if let Some(at) = imports::earlier(self.tx, self.campaign, source, provenance)? {
            let (file, at) = (harmless(file), clock_time(at, now));
            self.workspace
                .ui
                .note(&format!("`{file}` was imported before, {at}"));
        }
        Ok(imports::describe(self.tx, source, provenance)?)
    }
}
