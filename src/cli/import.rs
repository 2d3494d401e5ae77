//! `import`: lists into a campaign, all good rows in one commit.
//!
//! The first import into a folder builds its database aside and puts it in place at the end; every later one is one
//! transaction. Either way, whoever dies in the middle has imported nothing.

mod list;
mod reading;
mod undo;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

pub(super) use self::list::{Piece, read};
pub(super) use self::reading::options;
use super::args;
use super::failure::{Exit, Failure};
use super::status::shown_name;
use super::view::{self, clock_time, typed_name};
use super::workspace::Workspace;
use crate::domain::campaign::{CampaignName, CampaignState};
use crate::domain::contact::{NewContact, Provenance};
use crate::domain::phone::PhoneNumber;
use crate::import::{Input, Options, RejectsError, RejectsFile, Row, RowError, is_same_file};
use crate::store::campaigns::{self, Campaign, CampaignId};
use crate::store::contacts::SourceId;
use crate::store::draft::Draft;
use crate::store::forget::Recogniser;
use crate::store::imports::{self, First, ImportId, Taken};
use crate::store::{Store, StoreError, Tx, do_not_call};
use crate::ui::progress::{ListView, WaitView};
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
        .map(|path| rejects_file(workspace, path, &args.files))
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

/// Refused rows, and the path at which a person will look for them.
type Rejects = (String, RejectsFile);

fn rejects_file(
    workspace: &Workspace,
    path: &Path,
    sources: &[PathBuf],
) -> Result<Rejects, Failure> {
    let shown = shown_path(path);
    let seen = match path == Path::new("-") {
        true => path.to_owned(),
        false => workspace.path(path),
    };
    let is_source = |source: &PathBuf| match source == Path::new("-") {
        true => is_same_file(&seen, source),
        false => is_same_file(&seen, &workspace.path(source)),
    };
    let refused = |what: &str| {
        Failure::new(Exit::Usage, format!("`{shown}` is {what}"))
            .hint("name another file: `--rejects FILE`")
    };
    if sources.iter().any(is_source) {
        return Err(refused("one of the files to import"));
    }
    if is_of_the_workspace(workspace, &seen) {
        return Err(refused("a name that exocamp keeps for itself"));
    }
    let file = RejectsFile::create(&seen).map_err(|error| unwritten(&shown, error))?;
    Ok((shown, file))
}

fn shown_path(path: &Path) -> String {
    harmless(&path.to_string_lossy()).into_owned()
}

/// Returns whether a file would be taken for settings, a database, or what lies beside one: there may be none yet.
fn is_of_the_workspace(workspace: &Workspace, path: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let Some(wanted) = name(path) else {
        return false;
    };
    let databases = [
        workspace.real_database().to_owned(),
        workspace.sandbox_database(),
    ];
    let is_beside = |database: &PathBuf| {
        name(database).is_some_and(|database| {
            wanted
                .strip_prefix(&database)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        })
    };
    matches!(wanted.as_str(), ".env" | ".env.local") || databases.iter().any(is_beside)
}

fn unwritten(path: &str, error: RejectsError) -> Failure {
    let hint = error.hint();
    let exit = match error {
        RejectsError::Write(_) => Exit::Storage,
        _ => Exit::Usage,
    };
    let failure = Failure::caused_by(exit, error)
        .context(format!("cannot write the refused rows to `{path}`"));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
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

/// Who asked to be forgotten, here and, for the sandbox, in the real database beside it.
struct Forgotten<'a> {
    here: (Recogniser, &'a Tx<'a>),
    real: Option<(Recogniser, &'a Tx<'a>)>,
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

/// Where the rows of all lists of an import come together.
struct Desk<'a> {
    workspace: &'a Workspace,
    tx: &'a Tx<'a>,
    campaign: CampaignId,
    forgotten: Forgotten<'a>,
    rejects: Option<&'a mut Rejects>,
    counted: Counted,
}

impl Desk<'_> {
    fn take_list(
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
