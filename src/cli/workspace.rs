//! The folder a command works in: its settings, its database, its owner.

use std::path::{Path, PathBuf};

use super::args::Global;
use super::failure::{Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::binding::Standing;
use crate::store::campaigns::{self, Campaign};
use crate::store::machine::MachineId;
use crate::store::{Store, Tx};
use crate::ui::Ui;

/// What every command is given.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) folder: PathBuf,
    pub(super) config: Config,
    pub(super) ui: Ui,
    pub(super) clock: Clock,
    database: PathBuf,
    owner: String,
}

impl Workspace {
    /// Reads the settings of the folder that the command line names.
    pub(super) fn open(global: &Global, ui: Ui) -> Result<Self, Failure> {
        let folder = global.folder.clone().unwrap_or_else(|| PathBuf::from("."));
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let env_file = global.env_file.as_ref().map(|path| folder.join(path));
        let config = Config::load(&folder, env_file.as_deref(), environment)?;
        let named = global
            .db
            .clone()
            .or_else(|| config.text("EXOCAMP_DB").map(PathBuf::from));
        let database = folder.join(named.unwrap_or_else(|| PathBuf::from("exocamp.db")));
        let owner = config
            .text("EXOCAMP_USER")
            .map_or_else(login_name, str::to_owned);
        Ok(Self {
            folder,
            config,
            ui,
            clock: Clock::open()?,
            database,
            owner,
        })
    }

    /// Returns a workspace of this folder that needs no settings, for the demo.
    pub(super) fn bare(folder: &Path, ui: Ui) -> Result<Self, Failure> {
        Ok(Self {
            folder: folder.to_owned(),
            config: Config::default(),
            ui,
            clock: Clock::open()?,
            database: folder.join("exocamp.db"),
            owner: login_name(),
        })
    }

    /// Returns a path as it was typed, seen from the folder that `-C` names.
    pub(super) fn path(&self, typed: &Path) -> PathBuf {
        self.folder.join(typed)
    }

    /// Returns the database's file: in the sandbox one of its own beside the real one.
    pub(super) fn database(&self) -> PathBuf {
        if self.ui.sandbox {
            self.sandbox_database()
        } else {
            self.database.clone()
        }
    }

    /// Returns the sandbox's database, which lies beside the real one.
    pub(super) fn sandbox_database(&self) -> PathBuf {
        self.database.with_extension("sandbox.db")
    }

    /// Returns the real database's file, also in the sandbox.
    pub(super) fn real_database(&self) -> &Path {
        &self.database
    }

    /// Opens the database; there must be one.
    pub(super) fn open_store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.database())?)
    }

    /// Opens the database to show what is in it, which may be an older copy or on another machine.
    pub(super) fn open_store_to_read(&self) -> Result<Store, Failure> {
        let mut store = Store::open_to_read(&self.database())?;
        if !self.ui.sandbox {
            let standing = store.standing(self.machine().as_ref())?;
            if let Some(astray) = astray(&standing) {
                self.ui.warn(&format!(
                    "{astray}; calling is refused until `exocamp adopt`"
                ));
            }
        }
        Ok(store)
    }

    /// Returns the machine that databases are bound to: this one, unless somebody has named it.
    pub(super) fn machine(&self) -> Option<MachineId> {
        match self.config.text("EXOCAMP_MACHINE_ID") {
            Some(name) => Some(MachineId::named(name)),
            None => MachineId::of_this_machine(),
        }
    }

    /// Opens the database, creating it if there is none.
    pub(super) fn open_or_create_store(&self) -> Result<Store, Failure> {
        Ok(Store::open_or_create(&self.database())?)
    }

    /// Returns who works here.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Asks the person at the keyboard a question whose answer is no unless they say yes.
    pub(super) fn ask(&self, question: &str) -> Result<bool, Failure> {
        if self.ui.is_interactive() && self.ui.is_watched() {
            return Ok(self.ui.confirm(question));
        }
        Err(Failure::new(Exit::Usage, "cannot ask: this is no terminal")
            .hint("say so beforehand with `--yes`"))
    }

    /// Asks the person at the keyboard for a line of text; `None` if there is nobody, or they leave the question.
    pub(super) fn ask_for(&self, question: &str) -> Option<String> {
        let somebody = self.ui.is_interactive() && self.ui.is_watched();
        somebody.then(|| self.ui.ask_for(question)).flatten()
    }

    /// Returns the campaign of this name.
    pub(super) fn campaign(&self, tx: &Tx<'_>, name: &str) -> Result<Campaign, Failure> {
        campaigns::find(tx, name)?.ok_or_else(|| self.no_campaign(name, &self.database()))
    }

    /// Returns the failure that a database has no such campaign.
    pub(super) fn no_campaign(&self, name: &str, database: &Path) -> Failure {
        Failure::new(
            Exit::Usage,
            format!("no campaign `{name}` in `{}`", database.display()),
        )
        .hint("`exocamp list` shows the campaigns; `exocamp import FILE` makes one")
    }

    /// Returns the campaign of this name, to change it or to call: only its owner may.
    pub(super) fn own_campaign(&self, tx: &Tx<'_>, name: &str) -> Result<Campaign, Failure> {
        let campaign = self.campaign(tx, name)?;
        self.check_owner(&campaign)?;
        Ok(campaign)
    }

    /// Returns the campaign of this name, to change it: only its owner may, and only with its own account configured.
    pub(super) fn changed_campaign(&self, tx: &Tx<'_>, name: &str) -> Result<Campaign, Failure> {
        let campaign = self.campaign(tx, name)?;
        self.check_may_change(&campaign)?;
        Ok(campaign)
    }

    /// Refuses whoever does not own the campaign, or works for another account than it.
    pub(super) fn check_may_change(&self, campaign: &Campaign) -> Result<(), Failure> {
        self.check_owner(campaign)?;
        match self.config.text("EXOTEL_ACCOUNT_SID") {
            Some(configured) if !self.ui.sandbox => check_account(campaign, configured),
            _ => Ok(()),
        }
    }

    /// Refuses whoever does not own the campaign.
    pub(super) fn check_owner(&self, campaign: &Campaign) -> Result<(), Failure> {
        if campaign.owner == self.owner {
            return Ok(());
        }
        let whose = format!(
            "campaign `{}` belongs to `{}`, and you are `{}`",
            campaign.name, campaign.owner, self.owner
        );
        Err(Failure::new(Exit::Usage, whose).hint(format!(
            "if it is yours, set `EXOCAMP_USER={}`",
            campaign.owner
        )))
    }
}

/// A campaign stays with the account it was first started with: its calls are known there and nowhere else.
pub(super) fn check_account(campaign: &Campaign, configured: &str) -> Result<(), Failure> {
    match &campaign.account {
        Some(account) if account != configured => {
            let name = &campaign.name;
            let message = format!(
                "campaign `{name}` belongs to account `{account}`, and `{configured}` is configured"
            );
            let hint = format!(
                "set EXOTEL_ACCOUNT_SID to `{account}`, or import the list into a new campaign"
            );
            Err(Failure::new(Exit::Usage, message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Returns what is wrong with a database that may not call from here, if something is.
pub(super) fn astray(standing: &Standing) -> Option<String> {
    let moved = standing
        .is_moved
        .then(|| "this database belongs to another machine".to_owned());
    let behind = standing
        .behind
        .map(|behind| format!("this database is an older copy, behind its mark by {behind}"));
    let found: Vec<_> = [moved, behind].into_iter().flatten().collect();
    (!found.is_empty()).then(|| found.join("; "))
}

/// Returns the passwd name of the uid; under cron there may be no `USER`.
fn login_name() -> String {
    whoami::username().unwrap_or_else(|_| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// Reads a transaction whose body may fail in the command's own way.
pub(super) fn read<T>(
    store: &mut Store,
    body: impl FnOnce(&Tx<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    store.read(|tx| Ok(body(tx)))?
}
