//! The figures that exocamp must reach, measured in one run so that machines can differ.
//!
//! `cargo bench` measures the quick ones; `cargo bench -- pace` the paces, 80 seconds each; `cargo bench -- NAME…`
//! whichever are named: `engine`, `look-ups`, `status`, `rehearse`, `import`, `pace`, and
//! `import-10m`, which needs some minutes and 3 GB of disk. Everything runs against a sandbox in this process.

mod import;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use exocamp::clock::Clock;
use exocamp::dialer::rolls::Rolls;
use exocamp::dialer::run::{AccountLines, Assignment, Dialling, Task};
use exocamp::dialer::{self, Equipment, Summary};
use exocamp::domain::campaign::Setting;
use exocamp::domain::contact::{Fields, NewContact};
use exocamp::domain::doubt::Patience;
use exocamp::domain::eligibility::Caps;
use exocamp::domain::ending::RunLimits;
use exocamp::domain::pace::Allowance;
use exocamp::domain::phone::PhoneNumber;
use exocamp::exotel::{Account, BaseUrl, Client, Timeouts};
use exocamp::provider::{CallOrder, Reply};
use exocamp::sandbox::{Call, Config, Hold, Sandbox, Script};
use exocamp::store::campaigns::{self, CampaignId};
use exocamp::store::{Store, StoreError, contacts, runs};
use tokio::sync::mpsc;

fn main() -> anyhow::Result<()> {
    // Cargo adds `--bench`; what is left are names.
    let named: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let wants = |name: &str, by_default: bool| {
        if named.is_empty() {
            by_default
        } else {
            named.iter().any(|wanted| wanted == name)
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if wants("engine", true) {
        runtime.block_on(engine())?;
    }
    if wants("look-ups", true) {
        runtime.block_on(look_ups())?;
    }
    if wants("status", true) {
        status()?;
    }
    if wants("rehearse", true) {
        rehearse()?;
    }
    if wants("import", true) {
        import::import(1_000_000)?;
    }
    if wants("import-10m", false) {
        import::import(10_000_000)?;
    }
    if wants("pace", false) {
        runtime.block_on(paces())?;
    }
    Ok(())
}

fn say(line: &str) {
    use std::io::Write as _;
    // A bench that nobody reads has nothing else to do.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Calls a second without a pace, against a bare client that sends one after another and stores nothing.
async fn engine() -> anyhow::Result<()> {
    const CALLS: u64 = 4_000;
    let hold: Hold = "0s".parse()?;
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let (sandbox, client) = open(Script {
            hold,
            ..Script::default()
        })
        .await?;
        let began = Instant::now();
        for index in 0..CALLS {
            let reply = client.connect(&order(index)?).await;
            anyhow::ensure!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
        }
        let bare = CALLS as f64 / began.elapsed().as_secs_f64();
        sandbox.shutdown().await;

        let played = play(
            Script {
                hold,
                ..Script::default()
            },
            CALLS,
            &[("rate", "max"), ("lines", "1000")],
        )
        .await?;
        let first = played.calls[0].accepted_at;
        let last = played.calls[played.calls.len() - 1].accepted_at;
        let ours = (CALLS - 1) as f64 / last.duration_since(first).as_secs_f64();
        ratios.push(ours / bare);
        say(&format!(
            "engine: {ours:.0} calls/s placed with full sync; bare sequential client {bare:.0}/s; ratio {:.2}",
            ours / bare
        ));
    }
    ratios.sort_by(f64::total_cmp);
    say(&format!(
        "engine: median ratio {:.2} (to reach: 2)",
        ratios[1]
    ));
    Ok(())
}

/// Look-ups for each call while 500 calls are live, and how well the pace is kept meanwhile.
async fn look_ups() -> anyhow::Result<()> {
    let script = Script {
        hold: "5s..15s".parse()?,
        ..Script::default()
    };
    let played = play(script, 3_000, &[("rate", "3000/min"), ("lines", "1000")]).await?;
    let look_ups = played.summary.requests - 3_000;
    let span = span(&played.calls);
    say(&format!(
        "look-ups: {:.3} GET a call at 20 Sids a request (to reach: 0.15), about 500 live; {:.1}% of the pace",
        look_ups as f64 / 3_000.0,
        pace_kept(&played.calls, 3_000.0, span)
    ));
    Ok(())
}

/// `status` and `list` with a million contacts, as whole processes.
fn status() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open_or_create(&folder.path().join("exocamp.db"))?;
    fill(&mut store, 1_000_000, &[])?;
    drop(store);
    for command in [&["status", "bench"][..], &["list"][..], &["--version"][..]] {
        let mut times: Vec<Duration> = (0..11)
            .map(|_| time(folder.path(), command))
            .collect::<anyhow::Result<_>>()?;
        times.sort_unstable();
        say(&format!(
            "status: `{}` takes {:?} (median of 11; 1,000,000 contacts)",
            command.join(" "),
            times[5]
        ));
    }
    Ok(())
}

/// `rehearse` of 10,000 contacts with retries over several days, and `plan` of a million, as whole processes.
fn rehearse() -> anyhow::Result<()> {
    for (command, contacts, to_reach, settings) in [
        (
            "rehearse",
            10_000,
            "5 s",
            "--rate 20/min --lines 50 --hours 09:00-12:00,16:00-19:00",
        ),
        ("plan", 1_000_000, "3 s", "--rate 200/min --lines 1000"),
    ] {
        let folder = tempfile::tempdir()?;
        let mut store = Store::open_or_create(&folder.path().join("exocamp.db"))?;
        fill(&mut store, contacts, &[])?;
        drop(store);
        let line = format!("{command} bench --retries 2 --reach 40% {settings}");
        let words: Vec<_> = line.split_whitespace().collect();
        let mut times: Vec<Duration> = (0..3)
            .map(|_| time(folder.path(), &words))
            .collect::<anyhow::Result<_>>()?;
        times.sort_unstable();
        say(&format!(
            "rehearse: `{command}` of {contacts} contacts with retries over days takes {:?} (median of 3; to reach: {to_reach})",
            times[1]
        ));
    }
    Ok(())
}

fn time(folder: &Path, arguments: &[&str]) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_exocamp"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(began.elapsed())
}

/// The paces at replies of 0 to 2 seconds, 80 seconds each.
async fn paces() -> anyhow::Result<()> {
    for (per_minute, reply_delay) in [(30_u64, "2s"), (200, "1s"), (3_000, "0s"), (3_000, "2s")] {
        let script = Script {
            hold: "1s..3s".parse()?,
            reply_delay: reply_delay.parse()?,
            ..Script::default()
        };
        let calls = per_minute * 80 / 60 + 2;
        let rate = format!("{per_minute}/min");
        let played = play(script, calls, &[("rate", &rate), ("lines", "5000")]).await?;
        let (all, after_first) = (span(&played.calls), span(&played.calls[1..]));
        say(&format!(
            "pace: {rate} at replies of {reply_delay}: {:.2}% from the first call, {:.2}% from the second; fullest minute {}; gaps {:?} to {:?}",
            pace_kept(&played.calls, per_minute as f64, all),
            pace_kept(&played.calls[1..], per_minute as f64, after_first),
            fullest_minute(&played.calls),
            gaps(&played.calls[1..]).min().unwrap_or_default(),
            gaps(&played.calls[1..]).max().unwrap_or_default(),
        ));
    }
    Ok(())
}

fn span(calls: &[Call]) -> f64 {
    calls[calls.len() - 1]
        .accepted_at
        .duration_since(calls[0].accepted_at)
        .as_secs_f64()
}

fn pace_kept(calls: &[Call], per_minute: f64, span: f64) -> f64 {
    (calls.len() - 1) as f64 / span * 60.0 / per_minute * 100.0
}

fn gaps(calls: &[Call]) -> impl Iterator<Item = Duration> {
    calls.windows(2).map(|pair| {
        pair[1]
            .accepted_at
            .duration_since(pair[0].accepted_at)
            .unsigned_abs()
    })
}

fn fullest_minute(calls: &[Call]) -> usize {
    let minute = jiff::SignedDuration::from_secs(60);
    let in_minute = |first: usize| {
        calls[first..]
            .iter()
            .take_while(|call| call.accepted_at.duration_since(calls[first].accepted_at) < minute)
            .count()
    };
    (0..calls.len()).map(in_minute).max().unwrap_or(0)
}

/// A campaign that was played to its end.
struct Played {
    summary: Summary,
    calls: Vec<Call>,
}

async fn play(script: Script, contacts: u64, settings: &[(&str, &str)]) -> anyhow::Result<Played> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open_or_create(&folder.path().join("exocamp.db"))?;
    let (sandbox, client) = open(script).await?;
    let clock = Clock::open()?;
    let campaign = fill(&mut store, contacts, settings)?;
    let run =
        store.write(|tx| runs::begin(tx, campaign, std::process::id(), "bench", clock.wall()))?;
    let assignment = Assignment {
        run,
        campaign,
        account: "exampleco1".to_owned(),
        task: Task::Dial(Dialling {
            caller_ids: vec![PhoneNumber::parse_caller_id("08098765000")?],
            flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            limits: RunLimits::default(),
        }),
        allowance: Allowance::Max,
        account_lines: AccountLines::Assumed(10),
        sids_per_look_up: 20,
        caps: Caps::default(),
        patience: Patience::default(),
        callbacks: None,
    };
    let equipment = Equipment {
        store,
        client,
        clock,
        rolls: Rolls::seeded(1),
    };
    let (_stop, mut stops) = mpsc::channel(1);
    let summary = dialer::run(equipment, assignment, &mut stops, &mut |_| {}).await?;
    let calls = sandbox.calls();
    sandbox.shutdown().await;
    anyhow::ensure!(
        calls.len() as u64 == contacts,
        "{} calls for {contacts} contacts",
        calls.len()
    );
    Ok(Played { summary, calls })
}

async fn open(script: Script) -> anyhow::Result<(Sandbox, Client)> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config {
        script,
        credentials: None,
        exophone: None,
        ledger: None,
        clock: Clock::open()?,
    };
    let sandbox = Sandbox::bind(anywhere, config).await?;
    let base = BaseUrl::parse(&format!("http://{}", sandbox.address()))?;
    let account = Account {
        sid: "exampleco1".to_owned(),
        key: "key".into(),
        token: "token".into(),
        base,
    };
    Ok((sandbox, Client::new(&account, Timeouts::default())?))
}

fn fill(store: &mut Store, count: u64, settings: &[(&str, &str)]) -> anyhow::Result<CampaignId> {
    let now = jiff::Timestamp::now();
    let always = [("hours", "00:00-24:00"), ("short-calls", "off")];
    let campaign = store.write(|tx| -> Result<_, StoreError> {
        let name = "bench"
            .parse()
            .map_err(|_| StoreError::Nonsense("bench".to_owned()))?;
        let campaign = campaigns::create(tx, &name, "bench", now)?;
        for (key, value) in settings.iter().chain(&always) {
            let key: Setting = key
                .parse()
                .map_err(|_| StoreError::Nonsense((*key).to_owned()))?;
            campaigns::remember(tx, campaign, key, value, "bench", now)?;
        }
        let source = contacts::add_source(tx, campaign, "bench", now)?;
        for index in 0..count {
            let contact = NewContact {
                number: number(index)?,
                name: None,
                fields: Fields::default(),
                more_numbers: Vec::new(),
                line: index,
            };
            contacts::add(tx, campaign, source, &contact)?;
        }
        contacts::count_new(tx, campaign, count)?;
        Ok(campaign)
    })?;
    Ok(campaign)
}

fn number(index: u64) -> Result<PhoneNumber, StoreError> {
    PhoneNumber::from_digits(919_876_000_000 + index)
        .ok_or_else(|| StoreError::Nonsense(index.to_string()))
}

fn order(index: u64) -> anyhow::Result<CallOrder> {
    Ok(CallOrder {
        number: number(index)?,
        caller_id: PhoneNumber::parse_caller_id("08098765000")?,
        flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
        talk_limit: Duration::from_secs(900),
        ring: Duration::from_secs(30),
        record: false,
        custom_field: index.to_string(),
        status_callback: None,
    })
}
