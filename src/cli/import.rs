//! `import`: lists into a campaign, all good rows in one commit.
//!
//! The first import into a folder builds its database aside and puts it in place at the end; every later one is one
//! transaction. Either way, whoever dies in the middle has imported nothing.

mod desk;
mod list;
mod reading;
mod rejects;
mod undo;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use self::desk::{Desk, Forgotten};
pub(super) use self::list::{Piece, read};
pub(super) use self::reading::options;
use self::rejects::{Rejects, shown_path, unwritten};
use super::args;
use super::failure::{Exit, Failure};
use super::status::shown_name;
use super::view::{self, typed_name};
use super::workspace::Workspace;
use crate::domain::campaign::{CampaignName, CampaignState};
use crate::import::{Input, Options, RowError};
use crate::store::campaigns::{self, Campaign, CampaignId};
use crate::store::draft::Draft;
use crate::store::forget::Recogniser;
use crate::store::imports;
use crate::store::{Store, Tx, do_not_call};
use crate::ui::progress::WaitView;
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
    /// More than were accepted where a cell with several numbers was split.
    contacts: u64,
    dry_run: bool,
    /// The file whose rows are told, where there are several.
    #[serde(skip)]
    pub(super) told_file: Option<String>,
}

/// The reason of a row that is refused because nothing of its person may be kept.
const FORGOTTEN: &str = "forgotten";

/// Rows of each kind that are shown one by one; the others are only counted.
const SHOWN: u64 = 10;

impl Counted {
    /// Counts a row that is refused, and tells of it if it is one of the first.
    pub(super) fn refuse(&mut self, workspace: &Workspace, refused: &RowError) {
        let (line, reason) = (self.shown_line(refused.line), refused.reason);
        let cell = harmless(&refused.cell);
        self.reject(workspace, reason.name(), || match cell.is_empty() {
            true => format!("{line}: {reason}"),
            false => format!("{line}: {reason} (`{cell}`)"),
        });
    }

    fn reject(
        &mut self,
        workspace: &Workspace,
        reason: &'static str,
        told: impl FnOnce() -> String,
    ) {
        self.rejected += 1;
        *self.rejected_by_reason.entry(reason).or_default() += 1;
        if self.rejected <= SHOWN {
            workspace.ui.note(&told());
        }
    }

    /// Returns a line as it is told, with its file where there are several.
    fn shown_line(&self, line: u64) -> String {
        match &self.told_file {
            Some(file) => format!("line {line} of `{}`", harmless(file)),
            None => format!("line {line}"),
        }
    }

    fn reasons(&self) -> String {
        let reasons = self.rejected_by_reason.iter();
        let reasons: Vec<_> = reasons
            .map(|(reason, rows)| format!("{rows} {reason}"))
            .collect();
        reasons.join(", ")
    }
}

pub(super) fn run(workspace: &Workspace, args: &args::Import) -> Result<Exit, Failure> {
    if let Some(args::ImportCommand::Undo(args)) = &args.command {
        return undo::run(workspace, args);
    }
    let import = Import {
        workspace,
        options: reading::of_contacts(workspace, &args.reading)?,
        name: campaign_name(args)?,
        now: workspace.clock.wall(),
        is_dry_run: args.dry_run,
    };
    let rejects = args.rejects.as_deref();
    let mut rejects = rejects
        .map(|path| rejects::begin(workspace, path, &args.files))
        .transpose()?;
    let mut lists = Vec::new();
    for path in &args.files {
        lists.push((path.display().to_string(), open(workspace, path)?));
    }
    let (counted, done) = import.run(lists, &mut rejects)?;
    let written = args.rejects.as_deref().map(shown_path);
    if let (Some(path), Some(rows)) = (&written, counted.rejected_by_reason.get(FORGOTTEN)) {
        let rows = view::counted(*rows, "row");
        workspace.ui.note(&format!(
            "{rows} of people who asked to be forgotten: not in `{path}`"
        ));
    }
    if done.not_called > 0 {
        let (of, are) = match done.not_called {
            1 => ("contact", "is"),
            _ => ("contacts", "are"),
        };
        workspace.ui.note(&format!(
            "{} {of} {are} on the do-not-call list, and skipped",
            done.not_called
        ));
    }
    show(workspace, &counted, written.as_deref())?;
    if done.was_completed && counted.accepted > 0 && !args.dry_run {
        // A run that goes on calls them; one that has just finished does not.
        let name = typed_name(import.name.as_str());
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

/// Opens a list. A pipe is read to its end here, before the database is locked: a slow one must not keep a running
/// campaign from its turns.
pub(super) fn open(workspace: &Workspace, path: &Path) -> Result<Input, Failure> {
    let wait = WaitView::new(workspace.ui);
    let database = workspace.database();
    let folder = database.parent().unwrap_or(Path::new("."));
    let input = if path == Path::new("-") {
        wait.show("reading standard input");
        Input::written_down(io::stdin().lock(), folder)
    } else {
        wait.show(format!("reading `{}`", harmless(&path.to_string_lossy())));
        Input::open(&workspace.path(path), folder)
    };
    wait.finish();
    input.map_err(|error| {
        let shown = path.display();
        Failure::caused_by(Exit::Usage, error).context(format!("cannot open `{shown}`"))
    })
}

/// One import, of all its files.
struct Import<'a> {
    workspace: &'a Workspace,
    options: Options,
    name: CampaignName,
    now: Timestamp,
    is_dry_run: bool,
}

/// What else there is to say of an import that is over.
struct Done {
    was_completed: bool,
    not_called: u64,
}

impl Import<'_> {
    fn run(
        &self,
        lists: Vec<(String, Input)>,
        rejects: &mut Option<Rejects>,
    ) -> Result<(Counted, Done), Failure> {
        let real = self.workspace.real_database();
        if !self.workspace.ui.sandbox || !real.exists() {
            return self.run_beside(lists, rejects, None);
        }
        let mut store = Store::open_to_read(real)?;
        store.read(|tx| Ok(self.run_beside(lists, rejects, Some(tx))))?
    }

    fn run_beside(
        &self,
        lists: Vec<(String, Input)>,
        rejects: &mut Option<Rejects>,
        real: Option<&Tx<'_>>,
    ) -> Result<(Counted, Done), Failure> {
        let database = self.workspace.database();
        let body = |tx: &Tx<'_>| self.take(tx, real, lists, rejects);
        if database.exists() {
            let mut store = Store::open(&database)?;
            store.prepare_for_list()?;
            return match self.is_dry_run {
                true => store.try_out(body),
                false => store.write(body),
            };
        }
        let mut draft = Draft::begin(&database)?;
        let done = draft.fill(|store| {
            store.prepare_for_list()?;
            store.write(body)
        })?;
        if !self.is_dry_run {
            draft.publish()?;
        }
        Ok(done)
    }

    /// Takes all lists in, or fails.
    fn take(
        &self,
        tx: &Tx<'_>,
        real: Option<&Tx<'_>>,
        lists: Vec<(String, Input)>,
        rejects: &mut Option<Rejects>,
    ) -> Result<(Counted, Done), Failure> {
        let before = campaigns::find(tx, self.name.as_str())?;
        let campaign = self.find_or_create(tx, before.as_ref())?;
        let by = self.workspace.owner();
        let import = imports::begin(tx, campaign, before.as_ref(), by, self.now)?;
        let real = real
            .map(|tx| {
                Recogniser::open(tx, self.workspace.real_database())
                    .map(|recogniser| (recogniser, tx))
            })
            .transpose()?;
        let forgotten = Forgotten {
            here: (Recogniser::open(tx, &self.workspace.database())?, tx),
            real,
        };
        let mut desk = Desk {
            workspace: self.workspace,
            tx,
            campaign,
            forgotten,
            rejects: rejects.as_mut(),
            counted: Counted {
                campaign: self.name.to_string(),
                dry_run: self.is_dry_run,
                ..Counted::default()
            },
        };
        let several = lists.len() > 1;
        for (file, input) in lists {
            desk.counted.told_file = several.then(|| file.clone());
            desk.take_list(import, &file, input, &self.options, self.now)
                .map_err(|failure| {
                    failure.context(format!("cannot import `{}`", harmless(&file)))
                })?;
            desk.counted.files.push(file);
        }
        let counted = desk.counted;
        // Before the commit: refused rows without an import do no harm, and the other way round they would be lost.
        if let Some((path, file)) = rejects.take() {
            file.finish().map_err(|error| unwritten(&path, error))?;
        }
        if counted.accepted + counted.duplicates == 0 {
            return Err(no_usable_row(&counted));
        }
        let rows = imports::Counted {
            rows: counted.rows,
            accepted: counted.accepted,
            duplicates: counted.duplicates,
            rejected: counted.rejected,
            contacts: counted.contacts,
        };
        imports::finish(tx, import, campaign, &rows)?;
        let done = Done {
            was_completed: before.is_some_and(|before| before.state == CampaignState::Completed),
            not_called: do_not_call::skip_pending(tx, campaign, self.now)?,
        };
        Ok((counted, done))
    }

    fn find_or_create(
        &self,
        tx: &Tx<'_>,
        before: Option<&Campaign>,
    ) -> Result<CampaignId, Failure> {
        let Some(campaign) = before else {
            let owner = self.workspace.owner();
            return Ok(campaigns::create(tx, &self.name, owner, self.now)?);
        };
        self.workspace.check_may_change(campaign)?;
        if campaign.state == CampaignState::Cancelled {
            let message = format!("campaign `{}` was cancelled", campaign.name);
            return Err(Failure::new(Exit::Usage, message)
                .hint("import into another with `--campaign NAME`"));
        }
        Ok(campaign.id)
    }
}

pub(super) fn no_usable_row(counted: &Counted) -> Failure {
    let (message, hint) = match counted.rows {
        0 => (
            "there is no row beneath the header".to_owned(),
            "add the contacts, one to a row",
        ),
        rows => (
            format!(
                "none of the {rows} rows can be called: {}",
                counted.reasons()
            ),
            "is the right column the phone number? name it with `--map phone=COLUMN`",
        ),
    };
    Failure::new(Exit::Usage, message)
        .context("nothing was imported")
        .hint(hint)
}

fn show(workspace: &Workspace, counted: &Counted, written: Option<&str>) -> Result<(), Failure> {
    if workspace.ui.format == Format::Json {
        return Ok(workspace.ui.json(counted)?);
    }
    if counted.duplicates > SHOWN {
        let more = view::counted(counted.duplicates - SHOWN, "more duplicate");
        workspace.ui.note(&format!("and {more}"));
    }
    if counted.rejected > SHOWN {
        let more = view::counted(counted.rejected - SHOWN, "more refused row");
        workspace.ui.note(&match written {
            Some(path) => format!("and {more}; all are in `{path}`"),
            None => format!("and {more}; `--rejects FILE` writes them all"),
        });
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
    if counted.rejected > 0 {
        facts.push(("", counted.reasons()));
    }
    if counted.contacts > counted.accepted {
        facts.push(("contacts", counted.contacts.to_string()));
    }
    workspace.ui.data(&table::facts(&facts))?;
    if counted.dry_run {
        workspace.ui.note("a dry run: nothing was imported");
    }
    Ok(())
}
