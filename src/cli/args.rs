//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::domain::call::{CallSid, Outcome};
use crate::domain::campaign::{Setting, length};
use crate::domain::contact::ContactState;
use crate::domain::forecast::Share;
use crate::domain::pace::Allowance;
use crate::domain::retry::Reason;
use crate::import::ColumnMap;
use crate::sandbox::{FateRule, Fault, Hold, Mix};
use crate::ui::{ColorChoice, Format};

const EXIT_CODES: &str = "\
Exit codes:
  0    done: nothing is left to do
  1    internal error
  2    usage, configuration, nothing there to act on
  3    stopped by a rule with contacts left: hours, pause, a limit of the run
  4    finished, but doubts or differences of an audit wait for a person
  5    the provider refuses or cannot be reached
  6    storage
  75   the campaign is already running
  130  stopped by ctrl-C (143: by SIGTERM), cleanly";

/// Runs outbound voice campaigns over Exotel: once each, crash-safe, inside the hours, every contact accounted for.
#[derive(Parser, Debug)]
#[command(name = "exocamp", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Args, Debug)]
pub(super) struct Global {
    /// Work in this folder: `.env`, `.env.local` and `exocamp.db` lie there, and other paths are seen from there
    #[arg(
        short = 'C',
        value_name = "DIR",
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) folder: Option<PathBuf>,
    /// The database [default: exocamp.db, or EXOCAMP_DB]
    #[arg(long, value_name = "PATH", global = true, help_heading = "Everywhere")]
    pub(super) db: Option<PathBuf>,
    /// Read settings from this file as well, above `.env` and `.env.local`
    #[arg(long, value_name = "PATH", global = true, help_heading = "Everywhere")]
    pub(super) env_file: Option<PathBuf>,
    /// How to write results
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) format: Format,
    /// Play against a pretend Exotel in this process, in a database of its own; calls nobody, needs no credentials
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(super) sandbox: bool,
    /// Say nothing but trouble
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(super) quiet: bool,
    /// Say more; twice for what only developers want
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Everywhere")]
    pub(super) verbose: u8,
    /// When to use colours
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) color: ColorChoice,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Play a whole campaign in a temporary folder against a pretend Exotel; under 15 seconds
    Demo,
    /// Write a `.env` to fill in
    Init,
    /// Take contacts from CSV files and workbooks into a campaign
    Import(Import),
    /// Show the campaigns and how far they are
    List,
    /// Show who would be called and who not, at what pace, until when and for how much; calls nobody
    Plan(Box<Plan>),
    /// Play a campaign with the real engine in simulated time against pretended phones; calls nobody
    Rehearse(Box<Rehearse>),
    /// Call a campaign's contacts
    Start(Box<Start>),
    /// Start every campaign that has work due, side by side: one crontab line for all of them
    Run(Run),
    /// Have a campaign started at a time to come, by `exocamp run`
    Schedule(Schedule),
    /// Ask the provider once about every call that is open; calls nobody
    Settle(Named),
    /// Compare a campaign's calls with Exotel's own list, both ways; exit code 4 on any difference; calls nobody
    Audit(Named),
    /// Show a campaign's contacts and what became of them; without a name, all campaigns
    Status(Status),
    /// Call nobody new in a campaign until `resume`; a run that is going on follows its calls to their end
    Pause(Steer),
    /// End a pause
    Resume(Steer),
    /// End a campaign for good: whoever is left is not called
    Cancel(Cancel),
    /// Change what is remembered with a campaign, also while it runs; without KEY=VALUE, show what is in force
    Set(Set),
    /// Offer finished contacts again; kept with who decided it, and why
    Retry(Retry),
    /// Place one test call through the same path
    Call(Call),
    /// Show the attempts that may or may not have been placed, and decide about them
    #[command(subcommand)]
    Doubts(Doubts),
    /// Show the rules of calling that exocamp keeps, with source and date
    Rules,
    /// Keep the do-not-call list, over all campaigns
    #[command(subcommand)]
    Dnd(Dnd),
    /// Erase a person, and keep them from being called again
    Forget(Forget),
    /// Tell one person's whole story: which row, dialled when, what came back, what next
    Why(Why),
    /// Accept a database that was put back from a backup or moved to this machine, after an audit; calls nobody
    Adopt(Adopt),
    /// Run a pretend Exotel for rehearsals and tests
    Sandbox(Box<Sandbox>),
}

#[derive(Args, Debug)]
pub(super) struct Named {
    /// The campaign's name
    pub(super) campaign: String,
}

#[derive(Args, Debug, Default)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Import {
    #[command(subcommand)]
    pub(super) command: Option<ImportCommand>,
    /// CSV, TSV, XLSX, XLS or ODS files with a header; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The campaign to add them to; created if new [default: the first file's stem]
    #[arg(long, value_name = "NAME")]
    pub(super) campaign: Option<String>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Write the rows that were refused to this file, to be repaired and imported again
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Read and count everything, write the refused rows if asked to, and import nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum ImportCommand {
    /// Take the last import back, if nobody of it was called
    Undo(ImportUndo),
}

#[derive(Args, Debug)]
pub(super) struct ImportUndo {
    /// Of this campaign [default: the last import of all]
    #[arg(long, value_name = "NAME")]
    pub(super) campaign: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// How a list is read.
#[derive(Args, Debug, Default)]
pub(super) struct Reading {
    /// Name the columns yourself, as the header does or by their place: `phone=COLUMN,name=COLUMN`
    #[arg(long, value_name = "MAP", help_heading = "Reading")]
    pub(super) map: Option<ColumnMap>,
    /// The first row is a contact already; needs `--map phone=N`
    #[arg(long, help_heading = "Reading")]
    pub(super) no_header: bool,
    /// The text's encoding, such as windows-1252 [default: utf-8, or what its byte order mark says]
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(super) encoding: Option<String>,
    /// The sign that separates the columns: comma, semicolon, tab or pipe [default: found from the header]
    #[arg(long, value_name = "SIGN", help_heading = "Reading")]
    pub(super) delimiter: Option<String>,
    /// The workbook's sheet, by name or place [default: the first]
    #[arg(long, value_name = "SHEET", help_heading = "Reading")]
    pub(super) sheet: Option<String>,
    /// Countries whose numbers may be called besides India's: `AE`, `+971`; several with commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "Reading"
    )]
    pub(super) country: Vec<String>,
    /// Take cells with several numbers: call the first of them, or both
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "Reading")]
    pub(super) split_numbers: Option<Split>,
}

/// Which numbers of a cell with several to call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Split {
    /// The first, and leave the others alone
    First,
    /// Each, as a contact of its own
    Both,
}

#[derive(Args, Debug, Default)]
pub(super) struct Start {
    /// The campaign's name
    pub(super) campaign: String,
    #[command(flatten)]
    pub(super) settings: Settings,
    /// Nothing new from this time on: `20:30` today in Indian time, or RFC 3339
    #[arg(long, value_name = "TIME", help_heading = "This run")]
    pub(super) until: Option<String>,
    /// Nothing new after this long
    #[arg(long, value_name = "LENGTH", value_parser = any_length, help_heading = "This run")]
    pub(super) max_runtime: Option<Duration>,
    /// Nothing new after so many calls
    #[arg(long, value_name = "N", help_heading = "This run")]
    pub(super) max_calls: Option<u64>,
    /// Leave as soon as nothing is due
    #[arg(long, help_heading = "This run")]
    pub(super) once: bool,
    /// Wait for the calling hours instead of leaving
    #[arg(long, help_heading = "This run")]
    pub(super) wait: bool,
    /// Do not ask before the first call
    #[arg(short, long, help_heading = "This run")]
    pub(super) yes: bool,
    /// Why a rule is overridden that `exocamp rules` shows as checked; kept with the campaign
    #[arg(long, value_name = "TEXT", value_parser = a_reason, help_heading = "This run")]
    pub(super) because: Option<String>,
    /// Only if list and rules are what they were when `exocamp plan` showed this hash
    #[arg(long, value_name = "HASH", help_heading = "This run")]
    pub(super) plan: Option<String>,
    /// Leave silently with exit code 0 if the campaign is already running
    #[arg(long, help_heading = "This run")]
    pub(super) skip_if_running: bool,
    /// Requests to the provider in a minute, calls and look-ups together, or `max` [default: 180, or EXOCAMP_ALLOWANCE]
    #[arg(long, value_name = "N", help_heading = "This run")]
    pub(super) allowance: Option<Allowance>,
}

const RUN_HELP: &str = "\
A campaign has work due if somebody in it may be called now, or a lost call is
to be looked for. One that is paused, cancelled, running, outside its hours or
scheduled for later is left alone. Whoever imports a list into a folder that
cron runs has ordered its calls: `exocamp schedule` or `exocamp pause` holds a
new list back.";

#[derive(Args, Debug)]
#[command(after_help = RUN_HELP)]
pub(super) struct Run {
    /// Nothing new from this time on: `20:30` today in Indian time, or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// Nothing new after this long
    #[arg(long, value_name = "LENGTH", value_parser = any_length)]
    pub(super) max_runtime: Option<Duration>,
    /// Leave each campaign as soon as nothing in it is due
    #[arg(long)]
    pub(super) once: bool,
    /// Requests to the provider in a minute, calls and look-ups together, or `max` [default: 180, or EXOCAMP_ALLOWANCE]
    #[arg(long, value_name = "N")]
    pub(super) allowance: Option<Allowance>,
}

#[derive(Args, Debug)]
pub(super) struct Schedule {
    /// The campaign's name
    pub(super) campaign: String,
    /// Start then: `09:30` today in Indian time, `2026-03-02 09:30`, or RFC 3339
    #[arg(long, value_name = "TIME", required_unless_present = "clear")]
    pub(super) at: Option<String>,
    /// Do not start after this time: whatever kept it from starting, nobody is surprised later
    #[arg(long, value_name = "TIME", requires = "at")]
    pub(super) not_after: Option<String>,
    /// Take the schedule back; `run` starts the campaign as any other then
    #[arg(long, conflicts_with = "at")]
    pub(super) clear: bool,
}

const PLAN_HELP: &str = "\
Nothing is remembered, and nobody is asked: neither Exotel nor the network.
Costs are those of the calls still to come, by `--tariff`:
  low     as many people are reached as assumed, for a begun minute each
  likely  as many people are reached as assumed, for as long as assumed
  worst   everybody picks up in the end and stays until the talk limit, as
          far as the budget permits
What a canary would stop is not foreseen.

Examples:
  exocamp plan leads --retries 2 --reach 30%
  exocamp start leads --retries 2 --plan 3f9c0a417be2d685";

#[derive(Args, Debug)]
#[command(after_help = PLAN_HELP)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) outlook: Outlook,
    /// Show each contact as well: whether it would be called, why not, and when at the earliest
    #[arg(long)]
    pub(super) contacts: bool,
    /// Show at most so many contacts; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50, requires = "contacts")]
    pub(super) limit: u32,
}

const REHEARSE_HELP: &str = "\
Plays what is still to be done on a copy of the campaign in memory, through
nights and holidays, until nothing is left, the budget is used up or the
campaign ends. Exit code 3 if people are left. No canary and no rule about
short calls stops it: the phones are pretended.

Example:
  exocamp rehearse leads --retries 2 --reach 30% --hold 1m";

#[derive(Args, Debug)]
#[command(after_help = REHEARSE_HELP)]
pub(super) struct Rehearse {
    #[command(flatten)]
    pub(super) outlook: Outlook,
    /// The same seed gives each number the same fate
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Assumed")]
    pub(super) seed: u64,
}

/// What `plan` and `rehearse` are told.
#[derive(Args, Debug)]
pub(super) struct Outlook {
    /// The campaign's name
    pub(super) campaign: String,
    /// As if it was started then: `20:30` today in Indian time, or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", help_heading = "Assumed")]
    pub(super) at: Option<String>,
    /// How many of the calls are picked up [default: 40%]
    #[arg(long, value_name = "SHARE", help_heading = "Assumed")]
    pub(super) reach: Option<Share>,
    /// How long a call holds its line on average, ringing included [default: what was learnt, or 45s]
    #[arg(long, value_name = "LENGTH", value_parser = a_hold, help_heading = "Assumed")]
    pub(super) hold: Option<Duration>,
    /// Requests to the provider in a minute, calls and look-ups together, or `max` [default: 180, or EXOCAMP_ALLOWANCE]
    #[arg(long, value_name = "N", help_heading = "Assumed")]
    pub(super) allowance: Option<Allowance>,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// The remembered settings as flags; their values are checked where settings live.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Remembered with the campaign")]
pub(super) struct Settings {
    /// Pace of starts: `30/min`, `5/s` or `max` [default: 30/min]
    #[arg(long, value_name = "PACE")]
    pub(super) rate: Option<String>,
    /// The same as the time between two starts: `2s`
    #[arg(long, value_name = "LENGTH", conflicts_with = "rate", value_parser = a_delay)]
    pub(super) delay: Option<Duration>,
    /// Calls live at once [default: the account's, 10 or EXOCAMP_LINES]
    #[arg(long, value_name = "N")]
    pub(super) lines: Option<String>,
    /// Calling hours in Indian time; several bands with commas [default: 09:00-21:00]
    #[arg(long, value_name = "HOURS")]
    pub(super) hours: Option<String>,
    /// Calling days [default: mon-sun]
    #[arg(long, value_name = "DAYS")]
    pub(super) days: Option<String>,
    /// Dates on which nobody is called, from a file with a date such as `2026-01-26` on each line, or typed with commas
    #[arg(long, value_name = "FILE|DATES")]
    pub(super) holidays: Option<String>,
    /// What it calls for: service, transactional, promotional (never outside 09:00-21:00) or collections (never outside
    /// 08:00-19:00) [default: service]
    #[arg(long, value_name = "PURPOSE")]
    pub(super) purpose: Option<String>,
    /// When the campaign is over: who is left then is skipped as expired; `none` for never
    #[arg(long, value_name = "TIME")]
    pub(super) ends: Option<String>,
    /// Tries after the first one [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) retries: Option<String>,
    /// Time between the end of a try and the next: `1h`, or by outcome `busy=10m,no-answer=2h` [default: 30m]
    #[arg(long, value_name = "LENGTHS")]
    pub(super) retry_after: Option<String>,
    /// How that time grows: `linear` stays the same, `exponential` doubles from try to try [default: linear]
    #[arg(long, value_name = "MECHANISM")]
    pub(super) retry_mechanism: Option<String>,
    /// Outcomes that are tried again [default: busy,no-answer]
    #[arg(long, value_name = "OUTCOMES")]
    pub(super) retry_on: Option<String>,
    /// Who was on the phone for less than this was not reached, and is tried again like no-answer
    #[arg(long, value_name = "LENGTH")]
    pub(super) reached_after: Option<String>,
    /// Longest conversation [default: 15m]
    #[arg(long, value_name = "LENGTH")]
    pub(super) talk_limit: Option<String>,
    /// How long it rings [default: 30s]
    #[arg(long, value_name = "LENGTH")]
    pub(super) ring: Option<String>,
    /// The ExoPhone to show; several with commas, each always to the same people [default: EXOTEL_CALLER_ID]
    #[arg(long, value_name = "NUMBERS")]
    pub(super) caller_id: Option<String>,
    /// Pace of starts from each ExoPhone [default: max]
    #[arg(long, value_name = "PACE")]
    pub(super) caller_id_rate: Option<String>,
    /// The flow's address [default: EXOTEL_URL]
    #[arg(long, value_name = "URL")]
    pub(super) flow: Option<String>,
    /// Call so many first, look at what came of it, then go on or pause; `none` for no canary
    #[arg(long, value_name = "N")]
    pub(super) canary: Option<String>,
    /// When more than half of 20 calls or more end within 5 s: `pause`, `warn` or `off` [default: pause]
    #[arg(long, value_name = "WHAT")]
    pub(super) short_calls: Option<String>,
    /// What the campaign may cost, calls under way at their worst; needs a tariff; `none` for any amount
    #[arg(long, value_name = "AMOUNT")]
    pub(super) budget: Option<String>,
    /// What a begun minute costs, as long as Exotel has not said: `0.60/min`
    #[arg(long, value_name = "TARIFF")]
    pub(super) tariff: Option<String>,
    /// Ask Exotel whether a number is registered as do-not-disturb before calling it [default: no]
    #[arg(long, value_name = "YES|NO", num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub(super) scrub_dnd: Option<String>,
    /// Call again, without asking a person, who was proven by strong evidence not to have been called [default: no]
    #[arg(long, value_name = "YES|NO", num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub(super) redial_if_proven_not_placed: Option<String>,
}

impl Settings {
    /// Returns the settings that were typed.
    pub(super) fn typed(&self) -> Vec<(Setting, String)> {
        let delay = self
            .delay
            .map(|delay| format!("{}/min", 60.0 / delay.as_secs_f64()));
        [
            (Setting::Rate, self.rate.clone().or(delay)),
            (Setting::Lines, self.lines.clone()),
            (Setting::Hours, self.hours.clone()),
            (Setting::Days, self.days.clone()),
            (Setting::Holidays, self.holidays.clone()),
            (Setting::Purpose, self.purpose.clone()),
            (Setting::Ends, self.ends.clone()),
            (Setting::Retries, self.retries.clone()),
            (Setting::RetryAfter, self.retry_after.clone()),
            (Setting::RetryMechanism, self.retry_mechanism.clone()),
            (Setting::RetryOn, self.retry_on.clone()),
            (Setting::ReachedAfter, self.reached_after.clone()),
            (Setting::TalkLimit, self.talk_limit.clone()),
            (Setting::Ring, self.ring.clone()),
            (Setting::CallerId, self.caller_id.clone()),
            (Setting::CallerIdRate, self.caller_id_rate.clone()),
            (Setting::Flow, self.flow.clone()),
            (Setting::Canary, self.canary.clone()),
            (Setting::ShortCalls, self.short_calls.clone()),
            (Setting::Budget, self.budget.clone()),
            (Setting::Tariff, self.tariff.clone()),
            (Setting::ScrubDnd, self.scrub_dnd.clone()),
            (
                Setting::RedialIfProvenNotPlaced,
                self.redial_if_proven_not_placed.clone(),
            ),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }
}

#[derive(Args, Debug)]
pub(super) struct Status {
    /// The campaign's name
    pub(super) campaign: Option<String>,
    /// Only contacts in this state; may be given several times
    #[arg(long, value_name = "STATE", requires = "campaign")]
    pub(super) state: Vec<ContactState>,
    /// Only contacts whose last call ended like this; may be given several times
    #[arg(long, value_name = "OUTCOME", requires = "campaign")]
    pub(super) outcome: Vec<Outcome>,
    /// Only this number
    #[arg(long, value_name = "NUMBER", requires = "campaign")]
    pub(super) number: Option<String>,
    /// Show at most so many contacts; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: u32,
}

#[derive(Args, Debug)]
pub(super) struct Steer {
    /// The campaign's name
    pub(super) campaign: String,
    /// Why; kept with the record
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Cancel {
    /// The campaign's name
    pub(super) campaign: String,
    /// Why; kept with the record
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

const SET_HELP: &str = "\
The keys are the flags of `start` that are remembered, without the dashes:
  exocamp set leads rate=5/s lines=20
  exocamp set leads hours=10:00-13:00,15:00-19:00
All are changed, or none.";

#[derive(Args, Debug)]
#[command(after_help = SET_HELP)]
pub(super) struct Set {
    /// The campaign's name
    pub(super) campaign: String,
    /// What to change
    #[arg(value_name = "KEY=VALUE")]
    pub(super) settings: Vec<String>,
    /// Why a rule is overridden that `exocamp rules` shows as checked; kept with the campaign
    #[arg(long, value_name = "TEXT", value_parser = a_reason, requires = "settings")]
    pub(super) because: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Retry {
    /// The campaign's name
    pub(super) campaign: String,
    /// Whose last call ended like this: busy, no-answer, failed, canceled, completed
    #[arg(
        long,
        value_name = "OUTCOMES",
        value_delimiter = ',',
        required_unless_present = "reason"
    )]
    pub(super) outcome: Vec<Outcome>,
    /// Who was given up for this reason: cap, do_not_call, expired, ndnc, bad_number …
    #[arg(long, value_name = "REASONS", value_delimiter = ',')]
    pub(super) reason: Vec<Reason>,
    /// Why; kept with the record. Needed for people who were reached
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Args, Debug)]
pub(super) struct Call {
    /// The number to ring
    pub(super) number: String,
    /// Do not ask before calling
    #[arg(short, long)]
    pub(super) yes: bool,
}

const DOUBTS_HELP: &str = "\
A doubt is an attempt whose reply was lost: its call may have been placed, or
not. Nobody is called again because of it. exocamp looks for the call in
Exotel's list by itself; what it cannot find for certain, it holds for a
person.";

#[derive(Subcommand, Debug)]
#[command(after_help = DOUBTS_HELP)]
pub(super) enum Doubts {
    /// Show what is in doubt or held, with the evidence
    List(DoubtsList),
    /// Decide about what is held; recorded with who, when and why
    Resolve(DoubtsResolve),
}

#[derive(Args, Debug)]
pub(super) struct DoubtsList {
    /// Only of this campaign
    pub(super) campaign: Option<String>,
}

const RESOLVE_HELP: &str = "\
Examples:
  exocamp doubts resolve 12 --placed 0a1b2c3d4e5f --because 'call log, 10:31'
  exocamp doubts resolve 12 13 --not-placed --count 2 --because 'not listed'
  exocamp doubts resolve --campaign leads --give-up --count 9 --because old";

#[derive(Args, Debug)]
#[command(after_help = RESOLVE_HELP)]
pub(super) struct DoubtsResolve {
    /// The attempts, as `exocamp doubts list` names them
    #[arg(
        value_name = "ATTEMPT",
        value_parser = an_attempt,
        required_unless_present = "campaign",
        conflicts_with = "campaign"
    )]
    pub(super) attempts: Vec<i64>,
    /// All attempts of this campaign that are held
    #[arg(long, value_name = "NAME", conflicts_with = "placed")]
    pub(super) campaign: Option<String>,
    #[command(flatten)]
    pub(super) decision: Decision,
    /// Why; kept with the record
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,
    /// How many you decide about; needed for more than one where nobody can be asked
    #[arg(long, value_name = "N")]
    pub(super) count: Option<usize>,
}

/// What is decided, one of three.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Decision {
    /// It was placed, and became this call; counts once Exotel has shown the call with the attempt's number
    #[arg(long, value_name = "SID")]
    pub(super) placed: Option<CallSid>,
    /// It was not placed: its contact is called again
    #[arg(long)]
    pub(super) not_placed: bool,
    /// Nobody can tell: it counts as placed, and its contact is done
    #[arg(long)]
    pub(super) give_up: bool,
}

#[derive(Args, Debug)]
pub(super) struct Why {
    /// The person's number
    pub(super) number: String,
}

#[derive(Args, Debug)]
pub(super) struct Adopt {
    /// Why nobody will be called twice; kept with the record. Needed unless audits have shown no difference
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum Dnd {
    /// Put numbers on the list; no call to them begins any more
    Add(DndAdd),
    /// Put the numbers of lists, CSV files or workbooks, on it
    Import(DndImport),
    /// Take numbers off the list; changes no contact
    Remove(DndRemove),
    /// Show the list, the latest first
    List(DndList),
    /// Say whether numbers are on the list, since when and why
    Check(DndCheck),
}

#[derive(Args, Debug)]
pub(super) struct DndAdd {
    /// The numbers
    #[arg(required = true, value_name = "NUMBER")]
    pub(super) numbers: Vec<String>,
    /// Why; kept with the record
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct DndImport {
    /// CSV, TSV, XLSX, XLS or ODS files with a header; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Why; kept with the record [default: the file's name]
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct DndRemove {
    /// The numbers
    #[arg(required = true, value_name = "NUMBER")]
    pub(super) numbers: Vec<String>,
    /// Why they may be called again; kept with the record
    #[arg(long, value_name = "TEXT")]
    pub(super) because: String,
}

#[derive(Args, Debug)]
pub(super) struct DndList {
    /// Show at most so many numbers; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: u32,
}

#[derive(Args, Debug)]
pub(super) struct DndCheck {
    /// The numbers
    #[arg(required = true, value_name = "NUMBER")]
    pub(super) numbers: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct Forget {
    /// The person's number
    pub(super) number: String,
    /// Do not ask; it cannot be undone
    #[arg(short, long)]
    pub(super) yes: bool,
}

const SANDBOX_HELP: &str = "\
Fates decide by the number, faults by chance. A fate or fault is one of
  completed busy no-answer failed canceled   how the call ends (fates only)
  ndnc bad-number refused kyc balance        refusals; no call is placed
  429 unavailable error-in-200 redirect 503  other answers without a call
                                             (503: a bare HTML page)
  lost-request                               cut off before anything is placed
  lost-reply truncated xml slow 503-placed   the call is placed, and the reply
                                             is lost, cut, XML, late or a 503
Faults of look-ups: get-503 get-429 get-truncated get-slow get-lost
  get-short-list                             a page of the list lacks rows,
                                             and the next page
Faults of callbacks: late-callback duplicate-callback missing-callback

Examples:
  exocamp sandbox --fate 07=busy --fate 99=lost-reply
  exocamp sandbox --fault lost-reply=5% --fault 503=1% --hold 20s..60s";

#[derive(Args, Debug)]
#[command(after_help = SANDBOX_HELP)]
pub(super) struct Sandbox {
    /// The port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value_t = 0)]
    pub(super) port: u16,
    /// Append a JSON line for each accepted call to this file [default: a new file in the temporary folder]
    #[arg(long, value_name = "FILE")]
    pub(super) ledger: Option<PathBuf>,
    /// Numbers that end in these digits meet this fate; may be given several times
    #[arg(long, value_name = "DIGITS=FATE")]
    pub(super) fate: Vec<FateRule>,
    /// This share of requests meets this fault; may be given several times
    #[arg(long, value_name = "NAME=SHARE")]
    pub(super) fault: Vec<Fault>,
    /// How the other calls end, as shares
    #[arg(long, value_name = "SHARES", default_value_t)]
    pub(super) mix: Mix,
    /// How long calls last, ringing included
    #[arg(long, value_name = "RANGE", default_value_t)]
    pub(super) hold: Hold,
    /// Wait so long before answering a POST
    #[arg(long, value_name = "RANGE", default_value_t = Hold::ZERO)]
    pub(super) reply_delay: Hold,
    /// How late a `slow` reply is
    #[arg(long, value_name = "LENGTH", default_value = "5s", value_parser = any_length)]
    pub(super) slow: Duration,
    /// An ended call is listed only this long after its end
    #[arg(long, value_name = "LENGTH", default_value = "0s", value_parser = any_length)]
    pub(super) list_lag: Duration,
    /// How long after the end of its call a `late-callback` is sent
    #[arg(long, value_name = "LENGTH", default_value = "30s", value_parser = any_length)]
    pub(super) callback_delay: Duration,
    /// Requests in a rolling minute above which 429 is answered [default: none]
    #[arg(long, value_name = "N")]
    pub(super) rate_limit: Option<u32>,
    /// Calls live at once above which a call is refused [default: none]
    #[arg(long, value_name = "N")]
    pub(super) lines: Option<u32>,
    /// The same seed gives each number the same fate
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

fn a_delay(text: &str) -> Result<Duration, String> {
    length(text, Duration::from_millis(1), Duration::from_secs(86_400))
        .map_err(|error| error.to_string())
}

fn a_reason(text: &str) -> Result<String, String> {
    let reason = text.trim();
    (!reason.is_empty())
        .then(|| reason.to_owned())
        .ok_or_else(|| "write why, in a few words".to_owned())
}

fn an_attempt(text: &str) -> Result<i64, String> {
    let attempt = text.parse().ok().filter(|attempt| *attempt > 0);
    attempt.ok_or_else(|| format!("`{text}` is no attempt; `exocamp doubts list` shows them"))
}

fn a_hold(text: &str) -> Result<Duration, String> {
    length(text, Duration::from_secs(1), Duration::from_secs(14_400))
        .map_err(|error| error.to_string())
}

fn any_length(text: &str) -> Result<Duration, String> {
    length(text, Duration::ZERO, Duration::from_secs(30 * 86_400))
        .map_err(|error| error.to_string())
}
