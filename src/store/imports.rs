//! Imports: what came in with which, and taking the last one back.
//!
//! Every import is kept, also one that added nobody: taking "the last one" back must never reach for an older one by
//! mistake. `rows` adds the people themselves.

mod rows;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

pub use self::rows::{First, Taken, add_rows};
use super::campaigns::{Campaign, CampaignId};
use super::contacts::{self, SourceId};
use super::{Result, Tx, exactly_one, from_ms, to_ms};
use crate::domain::campaign::CampaignState;
use crate::domain::contact::Provenance;

/// Names an import: the files of one command, which came in together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportId(i64);

/// An import that was not taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// The campaign it was for.
    pub campaign: CampaignId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Its files.
    pub files: Vec<String>,
    /// How many contacts it added.
    pub contacts: u64,
}

/// What the rows of an import came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Rows that are not blank; rows = accepted + duplicates + rejected.
    pub rows: u64,
    /// Those with somebody new.
    pub accepted: u64,
    /// Those with nobody new.
    pub duplicates: u64,
    /// Those that cannot be called.
    pub rejected: u64,
    /// The new contacts: a row whose cell was split can be several.
    pub contacts: u64,
}

/// Begins an import into a campaign, which is as it was before or has just been made for it.
///
/// # Errors
/// When the database refuses.
pub fn begin(
    tx: &Tx<'_>,
    campaign: CampaignId,
    before: Option<&Campaign>,
    by: &str,
    now: Timestamp,
) -> Result<ImportId> {
    let finished_at = before
        .filter(|before| before.state == CampaignState::Completed)
        .and_then(|before| before.finished_at)
        .map(to_ms);
    tx.0.execute(
        "INSERT INTO import (campaign_id, imported_at, imported_by, finished_at) VALUES (?1, ?2, ?3, ?4)",
        params![campaign.get(), to_ms(now), by, finished_at],
    )?;
    Ok(ImportId(tx.0.last_insert_rowid()))
}

/// Notes one of the import's files, which is about to be read.
///
/// # Errors
/// When the database refuses.
pub fn add_source(
    tx: &Tx<'_>,
    import: ImportId,
    campaign: CampaignId,
    file: &str,
    now: Timestamp,
) -> Result<SourceId> {
    let source = contacts::add_source(tx, campaign, file, now)?;
    let sql = "UPDATE source SET import_id = ?2 WHERE id = ?1";
    exactly_one(
        "note a file",
        tx.0.execute(sql, params![source.0, import.0])?,
    )?;
    Ok(source)
}

/// Keeps what is known of a file once all of it was read.
///
/// # Errors
/// When the database refuses.
pub fn describe(tx: &Tx<'_>, source: SourceId, provenance: &Provenance) -> Result<()> {
    let changed = tx.0.execute(
        "UPDATE source SET bytes = ?2, sha256 = ?3, sheet = ?4 WHERE id = ?1",
        params![
            source.0,
            i64::try_from(provenance.bytes).unwrap_or(i64::MAX),
            provenance.sha256,
            provenance.sheet
        ],
    )?;
    exactly_one("describe a file", changed)
}

/// Returns when the same bytes came into the campaign before, if they did and were not taken back.
///
/// # Errors
/// When the database cannot be read.
pub fn earlier(
    tx: &Tx<'_>,
    campaign: CampaignId,
    source: SourceId,
    provenance: &Provenance,
) -> Result<Option<Timestamp>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT source.imported_at FROM source JOIN import ON import.id = import_id
         WHERE import.campaign_id = ?1 AND undone_at IS NULL AND source.id < ?2 AND sha256 = ?3 AND sheet IS ?4
         ORDER BY source.id DESC LIMIT 1",
    )?;
    let at: Option<i64> = statement
        .query_row(
            params![
                campaign.get(),
                source.0,
                provenance.sha256,
                provenance.sheet
            ],
            |row| row.get(0),
        )
        .optional()?;
    Ok(at.map(from_ms))
}

/// Returns the name of the file that a contact came from.
///
/// # Errors
/// When there is none, or the database cannot be read.
pub fn file_of(tx: &Tx<'_>, source: SourceId) -> Result<String> {
    let mut statement =
        tx.0.prepare_cached("SELECT file FROM source WHERE id = ?1")?;
    Ok(statement.query_row([source.0], |row| row.get(0))?)
}

/// Ends an import: keeps what it came to, and has its contacts called.
///
/// # Errors
/// When the database refuses.
pub fn finish(
    tx: &Tx<'_>,
    import: ImportId,
    campaign: CampaignId,
    counted: &Counted,
) -> Result<()> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let changed = tx.0.execute(
        "UPDATE import SET rows = ?2, accepted = ?3, duplicates = ?4, rejected = ?5, contacts = ?6 WHERE id = ?1",
        params![
            import.0,
            number(counted.rows),
            number(counted.accepted),
            number(counted.duplicates),
            number(counted.rejected),
            number(counted.contacts)
        ],
    )?;
    exactly_one("finish an import", changed)?;
    contacts::count_new(tx, campaign, counted.contacts)
}

/// Returns the last import that was not taken back, of one campaign or of those a person owns.
///
/// # Errors
/// When the database cannot be read.
pub fn last(tx: &Tx<'_>, of: Of<'_>) -> Result<Option<Import>> {
    let (campaign, owner) = match of {
        Of::Campaign(campaign) => (Some(campaign.get()), None),
        Of::Owner(owner) => (None, Some(owner)),
    };
    let mut statement = tx.0.prepare_cached(
        "SELECT import.id, campaign_id, imported_at, imported_by, contacts
         FROM import JOIN campaign ON campaign.id = campaign_id
         WHERE undone_at IS NULL AND (campaign_id = ?1 OR owner = ?2) ORDER BY import.id DESC LIMIT 1",
    )?;
    let found = statement
        .query_row(params![campaign, owner], read_import)
        .optional()?;
    let Some(mut import) = found else {
        return Ok(None);
    };
    let mut files =
        tx.0.prepare_cached("SELECT file FROM source WHERE import_id = ?1 ORDER BY id")?;
    import.files = files
        .query_map([import.id.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(import))
}

/// Whose imports are meant.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// Those into this campaign.
    Campaign(CampaignId),
    /// Those into any campaign of this owner.
    Owner(&'a str),
}

fn read_import(row: &Row<'_>) -> rusqlite::Result<Import> {
    Ok(Import {
        id: ImportId(row.get(0)?),
        campaign: row.get::<_, i64>(1)?.into(),
        at: from_ms(row.get(2)?),
        by: row.get(3)?,
        files: Vec::new(),
        contacts: row.get::<_, i64>(4)?.unsigned_abs(),
    })
}

/// Returns how many of an import's contacts were dialled, or are about to be.
///
/// # Errors
/// When the database cannot be read.
pub fn dialled(tx: &Tx<'_>, import: &Import) -> Result<u64> {
    let mut statement = tx.0.prepare_cached(
        "SELECT count(*) FROM contact WHERE campaign_id = ?1
            AND source_id IN (SELECT id FROM source WHERE import_id = ?2)
            AND EXISTS (SELECT 1 FROM attempt WHERE attempt.contact_id = contact.id)",
    )?;
    let count: i64 = statement.query_row(params![import.campaign.get(), import.id.0], |row| {
        row.get(0)
    })?;
    Ok(count.unsigned_abs())
}

/// Takes an import back: its contacts go, and whoever is known from nowhere else. Whoever calls this has checked that none
/// of them was dialled, in the same transaction. The campaign stays, also when it is empty: its id must never be another's,
/// for somebody may just be asked whether to call it.
///
/// To be done on a connection that was prepared for lists ([`super::Store::prepare_for_list`]): for each person, SQLite
/// would look through all contacts.
///
/// # Errors
/// When the database refuses.
pub fn undo(tx: &Tx<'_>, import: &Import, by: &str, now: Timestamp) -> Result<()> {
    let (campaign, id) = (import.campaign.get(), import.id.0);
    tx.0.execute_batch("CREATE TEMP TABLE gone (person_id INTEGER PRIMARY KEY)")?;
    tx.0.execute(
        "INSERT INTO gone (person_id) SELECT person_id FROM contact
         WHERE campaign_id = ?1 AND source_id IN (SELECT id FROM source WHERE import_id = ?2)",
        params![campaign, id],
    )?;
    tx.0.execute(
        "UPDATE tally SET contacts = contacts - (
             SELECT count(*) FROM contact WHERE contact.campaign_id = ?1 AND contact.state = tally.state
                AND source_id IN (SELECT id FROM source WHERE import_id = ?2))
         WHERE campaign_id = ?1",
        params![campaign, id],
    )?;
    tx.0.execute(
        "DELETE FROM contact WHERE campaign_id = ?1 AND source_id IN (SELECT id FROM source WHERE import_id = ?2)",
        params![campaign, id],
    )?;
    tx.0.execute_batch(
        "DELETE FROM person WHERE id IN (SELECT person_id FROM gone) AND forget_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM campaign CROSS JOIN contact
                            ON contact.campaign_id = campaign.id AND contact.person_id = person.id)
            AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.person_id = person.id)
            AND NOT EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = person.id)
            AND NOT EXISTS (SELECT 1 FROM do_not_call_event WHERE do_not_call_event.person_id = person.id)
            AND NOT EXISTS (SELECT 1 FROM scrub WHERE scrub.person_id = person.id);
         DROP TABLE gone",
    )?;
    let marked = tx.0.execute(
        "UPDATE import SET undone_at = ?2, undone_by = ?3 WHERE id = ?1",
        params![id, to_ms(now), by],
    )?;
    exactly_one("take an import back", marked)?;
    // A campaign that was finished before is finished again.
    tx.0.execute(
        "UPDATE campaign SET state = 'completed', finished_at = (SELECT finished_at FROM import WHERE id = ?2)
         WHERE id = ?1 AND state = 'stopped' AND (SELECT finished_at FROM import WHERE id = ?2) IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM tally WHERE campaign_id = ?1 AND contacts > 0
                            AND state IN ('pending', 'initiated', 'held'))",
        params![campaign, id],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
