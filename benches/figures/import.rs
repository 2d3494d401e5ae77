//! `import` against the `sqlite3` shell's `.import` of the same file, as whole processes, one after the other.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::say;

/// How often each is measured.
const ROUNDS: usize = 3;

/// What one process took.
struct Cost {
    elapsed: Duration,
    /// The most it had resident, in MiB.
    peak: f64,
}

/// Prints the ratio to the shell, whose index is made after its rows, and before them.
pub(crate) fn import(rows: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    write_list(&folder.path().join("list.csv"), rows)?;
    let has_shell = Command::new("sqlite3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_shell {
        say("import: there is no `sqlite3` shell to compare with (Debian: apt install sqlite3)");
    }
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let ours = ours(folder.path(), rows)?;
        let speed = rows as f64 / ours.elapsed.as_secs_f64();
        let (elapsed, peak) = (ours.elapsed, ours.peak);
        let mut line = format!(
            "import: {rows} rows in {elapsed:.2?}, {speed:.0} rows/s, at most {peak:.0} MiB"
        );
        if has_shell {
            let after = shell(
                folder.path(),
                &[
                    ".import --csv list.csv list",
                    "CREATE UNIQUE INDEX phone ON list (phone)",
                ],
            )?;
            let before = shell(
                folder.path(),
                &[
                    "CREATE TABLE list (name TEXT, phone TEXT, city TEXT, due TEXT)",
                    "CREATE UNIQUE INDEX phone ON list (phone)",
                    ".import --csv --skip 1 list.csv list",
                ],
            )?;
            let ratio = |other: Duration| ours.elapsed.as_secs_f64() / other.as_secs_f64();
            ratios.push(ratio(after));
            line += &format!(
                "; the shell {after:.2?} with the index made afterwards (ratio {:.2}), {before:.2?} with it made before ({:.2})",
                ratio(after),
                ratio(before)
            );
        }
        say(&line);
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ROUNDS / 2) {
        say(&format!(
            "import: median ratio {median:.2} (to reach: 1.5, and 64 MiB)"
        ));
    }
    Ok(())
}

/// A list in no order, as lists are; its numbers are made up and differ.
fn write_list(path: &Path, rows: u64) -> anyhow::Result<()> {
    let cities = ["Pune", "Delhi", "Kochi", "Mumbai", "Hubballi", "Indore"];
    let mut list = BufWriter::new(File::create(path)?);
    writeln!(list, "name,phone,city,due")?;
    for row in 0..rows {
        // A factor without a divisor in common with the modulus meets each number once.
        let number = 6_000_000_000 + row * 2_654_435_761 % 4_000_000_000;
        let city = cities[(row % 6) as usize];
        writeln!(list, "Contact {row},{number},{city},{}", 100 + row % 90_000)?;
    }
    Ok(list.into_inner()?.sync_all()?)
}

fn ours(folder: &Path, rows: u64) -> anyhow::Result<Cost> {
    let database = folder.join("exocamp.db");
    if database.exists() {
        fs::remove_file(&database)?;
    }
    let mut import = Command::new(env!("CARGO_BIN_EXE_exocamp"));
    import
        .args(["import", "list.csv", "--format", "json"])
        .current_dir(folder)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let began = Instant::now();
    let child = import.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0.0;
        // The file is there, and empty, until the process was waited for.
        while let Some(now) = fs::read_to_string(&status)
            .ok()
            .and_then(|text| peak_of(&text))
        {
            peak = now;
            std::thread::sleep(Duration::from_millis(2));
        }
        peak
    });
    let output = child.wait_with_output()?;
    let elapsed = began.elapsed();
    anyhow::ensure!(output.status.success(), "the import failed");
    let counted: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let accepted = counted["accepted"].as_u64().unwrap_or_default();
    anyhow::ensure!(
        counted["rows"] == rows && accepted + 10 > rows,
        "not all rows came in: {counted}"
    );
    let peak = watch.join().unwrap_or_default();
    Ok(Cost { elapsed, peak })
}

/// Returns the most a process has had resident so far, in MiB; nothing once it is gone.
fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn shell(folder: &Path, commands: &[&str]) -> anyhow::Result<Duration> {
    let database = folder.join("shell.db");
    if database.exists() {
        fs::remove_file(&database)?;
    }
    let began = Instant::now();
    let output = Command::new("sqlite3")
        .arg("shell.db")
        .args(commands)
        .current_dir(folder)
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(began.elapsed())
}
