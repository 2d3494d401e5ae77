//! The commands: what was typed → one call → something to show.
//!
//! Everything is wired here and nowhere else; nobody uses this module but `main`. One file per command, and beside them
//! what several commands share.

mod adopt;
mod args;
mod audit;
mod call;
mod conclusion;
mod conduct;
mod demo;
mod dnd;
mod doubts;
mod failure;
mod figures;
mod forget;
mod import;
mod init;
mod list;
mod moment;
mod patience;
mod plan;
mod provider;
mod rehearse;
mod retry;
mod rules;
mod run;
mod sandbox;
mod schedule;
mod set;
mod settings;
mod settle;
mod start;
mod status;
mod steer;
mod view;
mod why;
mod workspace;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;

use self::args::{Cli, Command, Global};
use self::failure::{Exit, Failure};
use self::workspace::Workspace;
use crate::ui::{ColorChoice, Format, LogWriter, Ui};

/// Runs a command line and returns the process's exit code.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command_line: Vec<_> = command_line.into_iter().collect();
    let exit = match Cli::try_parse_from(&command_line) {
        Ok(cli) => {
            let Global {
                format,
                quiet,
                sandbox,
                color,
                verbose,
                ..
            } = cli.global;
            let ui = Ui::new(format, quiet, sandbox, color);
            log_to_stderr(verbose);
            // Whatever breaks in here has been told by the panic itself; the exit code says whose fault it was.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                run(&cli, ui).unwrap_or_else(|failure| {
                    failure.print(&ui);
                    failure.exit()
                })
            }));
            outcome.unwrap_or(Exit::Internal)
        }
        Err(error) => refuse(&error, &command_line),
    };
    ExitCode::from(exit.code())
}

/// Says what is wrong with a command line. Help and the version come this way as well.
fn refuse(error: &clap::Error, command_line: &[OsString]) -> Exit {
    let words: Vec<_> = command_line
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let wants_json = words.iter().any(|word| word == "--format=json")
        || words
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json");
    if error.use_stderr() && wants_json {
        let ui = Ui::new(Format::Json, false, false, ColorChoice::Never);
        let text = error.render().to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        Failure::new(Exit::Usage, message)
            .hint("`exocamp --help` shows the commands")
            .print(&ui);
    } else {
        // A closed pipe must not turn help into a failure.
        let _ = error.print();
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

fn run(cli: &Cli, ui: Ui) -> Result<Exit, Failure> {
    refuse_csv_where_there_is_none(&cli.command, ui.format)?;
    if matches!(cli.command, Command::Demo) {
        return demo::run(ui);
    }
    if ui.sandbox && ui.format == Format::Csv {
        // A spreadsheet has no place for it among the rows.
        ui.note("SANDBOX: none of these people was called");
    }
    let workspace = Workspace::open(&cli.global, ui)?;
    match &cli.command {
        Command::Demo => demo::run(ui),
        Command::Init => init::run(&workspace),
        Command::Import(args) => import::run(&workspace, args),
        Command::List => list::run(&workspace),
        Command::Plan(args) => plan::run(&workspace, args),
        Command::Rehearse(args) => rehearse::run(&workspace, args),
        Command::Start(args) => start::run(&workspace, args),
        Command::Run(args) => run::run(&workspace, args),
        Command::Schedule(args) => schedule::run(&workspace, args),
        Command::Settle(args) => settle::run(&workspace, args),
        Command::Audit(args) => audit::run(&workspace, args),
        Command::Status(args) => status::run(&workspace, args),
        Command::Pause(args) => steer::pause(&workspace, args),
        Command::Resume(args) => steer::resume(&workspace, args),
        Command::Cancel(args) => steer::cancel(&workspace, args),
        Command::Set(args) => set::run(&workspace, args),
        Command::Retry(args) => retry::run(&workspace, args),
        Command::Call(args) => call::run(&workspace, args),
        Command::Doubts(args) => doubts::run(&workspace, args),
        Command::Rules => rules::run(&workspace),
        Command::Dnd(args) => dnd::run(&workspace, args),
        Command::Forget(args) => forget::run(&workspace, args),
        Command::Why(args) => why::run(&workspace, args),
        Command::Adopt(args) => adopt::run(&workspace, args),
        Command::Sandbox(args) => sandbox::run(&workspace, args),
    }
}

fn refuse_csv_where_there_is_none(command: &Command, format: Format) -> Result<(), Failure> {
    let has_rows = matches!(
        command,
        Command::List
            | Command::Demo
            | Command::Rules
            | Command::Set(_)
            | Command::Status(_)
            | Command::Doubts(args::Doubts::List(_))
            | Command::Dnd(args::Dnd::List(_) | args::Dnd::Check(_))
    );
    if format == Format::Csv && !has_rows {
        return Err(
            Failure::new(Exit::Usage, "this command's result is no list of rows")
                .hint("use `--format json`"),
        );
    }
    Ok(())
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| LogWriter)
        .with_ansi(false)
        .with_target(false)
        .init();
}
