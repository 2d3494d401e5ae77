//! `import`: CSV files into a campaign, all good rows in one commit.

mod reading;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read as _};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

pub(super) use self::reading::options;
use super::args;
use super::failure::{Exit, Failure};
use super::forget;
use super::status::shown_name;
use super::view::typed_name;
use super::workspace::Workspace;
use crate::domain::campaign::{CampaignName, CampaignState};
use crate::domain::contact::NewContact;
use crate::import::{ImportError, Options, Reader};
use crate::store::Tx;
use crate::store::campaigns::{self, CampaignId};
use crate::store::contacts::{self, Added};
use crate::store::do_not_call;
use crate::store::forget::Recogniser;
use crate::ui::{Format, harmless, table};

/// What an import came to; rows = accepted + duplicates + rejected.
#[derive(Serialize, Default, Debug)]
pub(super) struct Counted {
    campaign: String,
    pub(super) files: Vec<String>,
    pub(super) rows: u64,
    accepted: u64,
    duplicates: u64,
    pub(super) rejected: u64,
    pub(super) rejected_by_reason: BTreeMap<&'static str, u64>,
}

impl Counted {
    fn reject(&mut self, reason: &'static str) {
        self.rejected += 1;
        *self.rejected_by_reason.entry(reason).or_default() += 1;
    }
}

/// The reason of a row that is refused because nothing of its person may be kept.
const FORGOTTEN: &str = "forgotten";

/// Refused rows that are shown one by one; the rest is only counted.
const SHOWN_REJECTS: u64 = 10;

pub(super) fn run(workspace: &Workspace, args: &args::Import) -> Result<Exit, Failure> {
    let name = campaign_name(args)?;
    let options = reading::of_contacts(workspace, &args.reading)?;

    // All files are read before the database is locked: a slow pipe must not keep a running campaign from its turns.
    let mut inputs = Vec::new();
    for path in &args.files {
        inputs.push((path.display().to_string(), open(workspace, path)?));
    }
    let mut counted = Counted {
        campaign: name.to_string(),
        ..Counted::default()
    };
    let mut files = Vec::new();
    for (file, input) in inputs {
        let contacts = read_file(workspace, input, &options, &mut counted)
            .map_err(|failure| failure.context(format!("cannot import `{file}`")))?;
        files.push((file, contacts));
    }
    let forgotten = forget::known_to_the_real(workspace, &files)?;
    for (_, contacts) in &mut files {
        contacts.retain(|contact| {
            let stays = !forgotten.contains(&contact.number);
            if !stays {
                refuse_forgotten(workspace, contact, &mut counted);
            }
            stays
        });
    }
    if files.iter().all(|(_, contacts)| contacts.is_empty()) {
        return Err(no_usable_row(&counted));
    }
    let mut store = workspace.open_or_create_store()?;
    let now = workspace.clock.wall();
    let (was_completed, not_called) = store.write(|tx| -> Result<_, Failure> {
        let before = campaigns::find(tx, name.as_str())?;
        let campaign = find_or_create(workspace, tx, &name, now)?;
        let recogniser = Recogniser::open(tx, &workspace.database())?;
        for (file, contacts) in files {
            publish(
                workspace,
                tx,
                campaign,
                &file,
                &contacts,
                &recogniser,
                &mut counted,
            )?;
            counted.files.push(file);
        }
        if counted.accepted + counted.duplicates == 0 {
            return Err(no_usable_row(&counted));
        }
        contacts::count_new(tx, campaign, counted.accepted)?;
        let was_completed = before.is_some_and(|before| before.state == CampaignState::Completed);
        Ok((was_completed, do_not_call::skip_pending(tx, campaign, now)?))
    })?;
    if not_called > 0 {
        let (of, are) = match not_called {
            1 => ("contact", "is"),
            _ => ("contacts", "are"),
        };
        workspace.ui.note(&format!(
            "{not_called} {of} {are} on the do-not-call list, and skipped"
        ));
    }
    show(workspace, &counted)?;
    if was_completed && counted.accepted > 0 {
        // A run that goes on calls them; one that has just finished does not.
        let name = typed_name(name.as_str());
        workspace
            .ui
            .hint(&format!("nobody runs it: `exocamp start {name}`"));
    }
    Ok(Exit::Done)
}

fn campaign_name(args: &args::Import) -> Result<CampaignName, Failure> {
    let stem = || {
        args.files
            .first()?
            .file_stem()?
            .to_str()
            .filter(|stem| *stem != "-")
            .map(str::to_owned)
    };
    let name = args.campaign.clone().or_else(stem).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "standard input has no name to call the campaign by",
        )
        .hint("name it with `--campaign NAME`")
    })?;
    name.parse()
        .map_err(|error: crate::domain::campaign::NotAName| {
            Failure::new(Exit::Usage, error.to_string())
                .hint("name the campaign with `--campaign NAME`")
        })
}

pub(super) fn open(workspace: &Workspace, path: &Path) -> Result<Cursor<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes)?;
        return Ok(Cursor::new(bytes));
    }
    match File::open(workspace.path(path)).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Cursor::new(bytes)),
        Err(error) => {
            let shown = path.display();
            Err(Failure::new(Exit::Usage, error.to_string())
                .context(format!("cannot open `{shown}`")))
        }
    }
}

fn find_or_create(
    workspace: &Workspace,
    tx: &Tx<'_>,
    name: &CampaignName,
    now: Timestamp,
) -> Result<CampaignId, Failure> {
    if campaigns::find(tx, name.as_str())?.is_none() {
        return Ok(campaigns::create(tx, name, workspace.owner(), now)?);
    }
    let campaign = workspace.changed_campaign(tx, name.as_str())?;
    if campaign.state == CampaignState::Cancelled {
        let message = format!("campaign `{}` was cancelled", campaign.name);
        return Err(
            Failure::new(Exit::Usage, message).hint("import into another with `--campaign NAME`")
        );
    }
    Ok(campaign.id)
}

/// Reads all rows of a file; refused ones are told and counted.
pub(super) fn read_file(
    workspace: &Workspace,
    input: Cursor<Vec<u8>>,
    options: &Options,
    counted: &mut Counted,
) -> Result<Vec<NewContact>, Failure> {
    let mut contacts = Vec::new();
    for row in Reader::open(input, options).map_err(unreadable)? {
        counted.rows += 1;
        match row.map_err(unreadable)? {
            Ok(contact) => contacts.push(contact),
            Err(refused) => {
                counted.reject(refused.reason.name());
                if counted.rejected <= SHOWN_REJECTS {
                    let cell = harmless(&refused.cell);
                    workspace.ui.note(&format!(
                        "line {}: {} (`{cell}`)",
                        refused.line, refused.reason
                    ));
                }
            }
        }
    }
    Ok(contacts)
}

/// Adds the contacts of a file; duplicates are told and counted, and nothing is kept of who was forgotten.
fn publish(
    workspace: &Workspace,
    tx: &Tx<'_>,
    campaign: CampaignId,
    file: &str,
    contacts: &[NewContact],
    recogniser: &Recogniser,
    counted: &mut Counted,
) -> Result<(), Failure> {
    let source = contacts::add_source(tx, campaign, file, workspace.clock.wall())?;
    let accepted_before = counted.accepted;
    for contact in contacts {
        if recogniser.find(tx, contact.number)?.is_some() {
            refuse_forgotten(workspace, contact, counted);
            continue;
        }
        match contacts::add(tx, campaign, source, contact)? {
            Added::New => counted.accepted += 1,
            Added::Duplicate {
                file: first_file,
                line,
            } => {
                counted.duplicates += 1;
                if counted.duplicates <= SHOWN_REJECTS {
                    let elsewhere = if first_file == file {
                        String::new()
                    } else {
                        format!(" of `{}`", harmless(&first_file))
                    };
                    workspace.ui.note(&format!(
                        "line {}: same number as line {line}{elsewhere}",
                        contact.line
                    ));
                }
            }
        }
    }
    if counted.accepted == accepted_before {
        contacts::remove_source(tx, source)?;
    }
    Ok(())
}

fn refuse_forgotten(workspace: &Workspace, contact: &NewContact, counted: &mut Counted) {
    counted.reject(FORGOTTEN);
    if counted.rejected <= SHOWN_REJECTS {
        workspace.ui.note(&format!(
            "line {}: this person asked to be forgotten",
            contact.line
        ));
    }
}

fn unreadable(error: ImportError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(Exit::Usage, error.to_string());
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

pub(super) fn no_usable_row(counted: &Counted) -> Failure {
    let reasons: Vec<_> = counted
        .rejected_by_reason
        .iter()
        .map(|(reason, rows)| format!("{rows} {reason}"))
        .collect();
    let message = match counted.rows {
        0 => "there is no row beneath the header".to_owned(),
        rows => format!(
            "none of the {rows} rows can be called: {}",
            reasons.join(", ")
        ),
    };
    Failure::new(Exit::Usage, message)
        .context("nothing was imported")
        .hint("is the right column the phone number? name it with `--map phone=COLUMN`")
}

fn show(workspace: &Workspace, counted: &Counted) -> Result<(), Failure> {
    if workspace.ui.format == Format::Json {
        return Ok(workspace.ui.json(counted)?);
    }
    if workspace.ui.quiet {
        return Ok(());
    }
    let mut facts = vec![
        ("campaign", shown_name(workspace, &counted.campaign)),
        ("rows", counted.rows.to_string()),
        ("accepted", counted.accepted.to_string()),
        ("duplicates", counted.duplicates.to_string()),
        ("rejected", counted.rejected.to_string()),
    ];
    let reasons: Vec<_> = counted
        .rejected_by_reason
        .iter()
        .map(|(reason, rows)| format!("{rows} {reason}"))
        .collect();
    if !reasons.is_empty() {
        facts.push(("", reasons.join(", ")));
    }
    Ok(workspace.ui.data(&table::facts(&facts))?)
}
