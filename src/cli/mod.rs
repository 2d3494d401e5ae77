//! The commands: what was typed → one call → something to show.
//!
//! Everything is wired here and nowhere else; nobody uses this module but `main`. One file per command, and beside them
//! what several commands share.

mod args;
mod call;
mod conduct;
mod demo;
mod failure;
mod import;
mod init;
mod list;
mod provider;
mod sandbox;
mod settle;
mod start;
mod status;
mod view;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;

use self::args::{Cli, Command, Global};
use self::failure::{Exit, Failure};
use self::workspace::Workspace;
use crate::ui::{Format, LogWriter, Ui};

/// Runs a command line and returns the process's exit code.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(command_line) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way as well; a closed pipe must not turn them into a failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Exit::Usage.code()
            } else {
                Exit::Done.code()
            });
        }
    };
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
    let exit = run(&cli, ui).unwrap_or_else(|failure| {
        failure.print(&ui);
        failure.exit()
    });
    ExitCode::from(exit.code())
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
        Command::Start(args) => start::run(&workspace, args),
        Command::Settle(args) => settle::run(&workspace, args),
        Command::Status(args) => status::run(&workspace, args),
        Command::Call(args) => call::run(&workspace, args),
        Command::Sandbox(args) => sandbox::run(&workspace, args),
    }
}

fn refuse_csv_where_there_is_none(command: &Command, format: Format) -> Result<(), Failure> {
    let has_rows = matches!(command, Command::List | Command::Status(_) | Command::Demo);
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
