//! `demo`: the whole round in a temporary folder, on a pretend Exotel, at any hour and without a network.

use std::fs;

use super::args::{self, Settings};
use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use super::{import, start, status};
use crate::sandbox::{FateRule, Hold, Mix, Script};
use crate::store::reports::ContactFilter;
use crate::ui::{Format, Results, Ui};

const LIST: &str = include_str!("../../fixtures/demo.csv");

/// By the last digits of the numbers in the list: every outcome occurs.
const FATES: [&str; 7] = [
    "03=busy",
    "07=no-answer",
    "11=failed",
    "15=canceled",
    "19=ndnc",
    "21=no-answer",
    "23=bad-number",
];

pub(super) fn run(ui: Ui) -> Result<Exit, Failure> {
    let folder = tempfile::Builder::new().prefix("exocamp-demo-").tempdir()?;
    let list = folder.path().join("demo.csv");
    fs::write(&list, LIST)?;
    let workspace = Workspace::bare(
        folder.path(),
        Ui {
            sandbox: true,
            ..ui
        },
    )?;
    // Only the last step's result is data.
    let step = Ui {
        results: Results::AreTalk,
        format: Format::Table,
        ..workspace.ui
    };
    let step = Workspace::bare(folder.path(), step)?;
    ui.note("SANDBOX: nobody is called; a pretend Exotel runs inside this process");

    ui.note("\n$ exocamp import demo.csv");
    import::run(
        &step,
        &args::Import {
            files: vec![list],
            ..args::Import::default()
        },
    )?;

    ui.note("\n$ exocamp start demo --rate 4/s");
    let start = args::Start {
        campaign: "demo".to_owned(),
        settings: Settings {
            rate: Some("4/s".to_owned()),
            hours: Some("00:00-24:00".to_owned()),
            ..Settings::default()
        },
        yes: true,
        because: None,
        ..args::Start::default()
    };
    let exit = start::run_against(&step, &start, script()?)?;

    ui.note("\n$ exocamp status demo");
    status::show(&workspace, "demo", &ContactFilter::default())?;
    Ok(exit)
}

fn script() -> Result<Script, Failure> {
    let wrong =
        |error: crate::sandbox::ScriptError| Failure::new(Exit::Internal, error.to_string());
    let fates = FATES
        .iter()
        .map(|rule| rule.parse::<FateRule>())
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    let mix: Mix = "completed=1".parse().map_err(wrong)?;
    let hold: Hold = "1s..3s".parse().map_err(wrong)?;
    Ok(Script {
        seed: 24,
        fates,
        mix,
        hold,
        ..Script::default()
    })
}
