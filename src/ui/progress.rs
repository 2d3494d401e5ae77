//! How a run is getting on: a bar on a terminal, a line a minute elsewhere.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{Ui, harmless};
use crate::dialer::event::{Progress, WaitsFor};
use crate::domain::campaign::show_length;
use crate::domain::hours::indian_time;
use crate::domain::plan::Limit;

/// All bars of the process: whoever else writes to standard error asks them to step aside.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Does something that writes to standard error, with the bar out of the way.
pub(super) fn beside_the_bar<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// Shows the progress of one run.
#[derive(Debug)]
pub struct ProgressView {
    ui: Ui,
    /// What every line begins with.
    name: String,
    bar: Option<ProgressBar>,
    said_at: Option<Instant>,
    pace: Pace,
}

const BETWEEN_LINES: Duration = Duration::from_secs(60);

impl ProgressView {
    /// Returns a view that is drawn where it can be seen, and otherwise says a line a minute; each line begins with the
    /// name, if there is one.
    pub fn new(ui: Ui, name: Option<&str>) -> Self {
        // A terminal that cannot redraw a line gets a line a minute, like a file.
        let bar = (ui.is_watched() && !ui.quiet && !BARS.is_hidden()).then(|| {
            let bar = BARS.add(ProgressBar::new(0));
            // What it waits for stands last in the line, and matters more than a long bar.
            let bar_width = match super::width_of(std::io::stderr()) {
                Some(width) if width < 110 => 12,
                _ => 32,
            };
            let sandbox = if ui.sandbox { "SANDBOX " } else { "" };
            let template = format!("{sandbox}{{bar:{bar_width}}} {{wide_msg}}");
            let style = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("━╸─"));
            bar
        });
        Self {
            ui,
            name: name
                .map(|name| format!("{}: ", harmless(name)))
                .unwrap_or_default(),
            bar,
            said_at: None,
            pace: Pace::default(),
        }
    }

    /// Shows where the run stands now.
    pub fn show(&mut self, progress: &Progress) {
        let now = Instant::now();
        self.pace.note(progress.calls_placed, now);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.counts.total());
            bar.set_position(progress.counts.finished());
            bar.set_message(format!("{}{}", self.name, line(progress, &self.pace)));
            return;
        }
        if self
            .said_at
            .is_none_or(|at| now.duration_since(at) >= BETWEEN_LINES)
        {
            // The first line would only say that nothing has happened yet.
            if self.said_at.is_some() {
                let sandbox = if self.ui.sandbox { "SANDBOX " } else { "" };
                let (name, line) = (&self.name, line(progress, &self.pace));
                self.ui.note(&format!("{sandbox}{name}{line}"));
            }
            self.said_at = Some(now);
        }
    }

    /// Takes the bar away; the summary follows.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows that something goes on whose end nobody can foretell: a line on a terminal, and nothing elsewhere.
#[derive(Debug)]
pub struct WaitView {
    spinner: Option<ProgressBar>,
}

impl WaitView {
    /// Returns a view that is drawn where it can be seen.
    pub fn new(ui: Ui) -> Self {
        let spinner = (ui.is_watched() && !ui.quiet && !BARS.is_hidden()).then(|| {
            let spinner = BARS.add(ProgressBar::new_spinner());
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        Self { spinner }
    }

    /// Says what goes on now.
    pub fn show(&self, text: impl Into<String>) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(harmless(&text.into()).into_owned());
        }
    }

    /// Takes the line away; the result follows.
    pub fn finish(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Shows how far a list was read: a bar of its bytes on a terminal, and nothing elsewhere.
#[derive(Debug)]
pub struct ListView {
    bar: Option<ProgressBar>,
    /// Up to where somebody else has read it.
    position: Arc<AtomicU64>,
    rows: u64,
    began: Instant,
}

impl ListView {
    /// Returns a view of a file with so many bytes.
    pub fn new(ui: Ui, file: &str, bytes: u64, position: Arc<AtomicU64>) -> Self {
        let bar = (ui.is_watched() && !ui.quiet && !BARS.is_hidden()).then(|| {
            let bar = BARS.add(ProgressBar::new(bytes));
            let sandbox = if ui.sandbox { "SANDBOX " } else { "" };
            let template =
                format!("{sandbox}{{prefix}} {{bar:16}} {{bytes}}/{{total_bytes}} · {{wide_msg}}");
            let style = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("━╸─"));
            bar.set_prefix(super::harmless(file).into_owned());
            bar
        });
        Self {
            bar,
            position,
            rows: 0,
            began: Instant::now(),
        }
    }

    /// Shows that so many rows more were taken.
    pub fn add(&mut self, rows: u64) {
        self.rows += rows;
        if let Some(bar) = &self.bar {
            let seconds = self.began.elapsed().as_secs_f64().max(0.001);
            let per_second = (self.rows as f64 / seconds) as u64;
            bar.set_position(self.position.load(Ordering::Relaxed));
            bar.set_message(format!(
                "{} rows · {}/s",
                HumanCount(self.rows),
                HumanCount(per_second)
            ));
        }
    }
}

impl Drop for ListView {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns the progress in words: `45/100 (5 failed) · 10 live · 29/min · 2m left · limited by pace`.
fn line(progress: &Progress, pace: &Pace) -> String {
    let counts = &progress.counts;
    let mut parts = vec![format!(
        "{}/{} ({} failed)",
        counts.finished(),
        counts.total(),
        counts.failed
    )];
    if counts.held > 0 {
        parts.push(format!("{} held", counts.held));
    }
    parts.push(format!("{} live", progress.live));
    if let Some(per_minute) = pace.per_minute() {
        parts.push(format!("{per_minute:.0}/min"));
        if per_minute > 0.0 && counts.pending > 0 {
            let seconds = (counts.pending as f64 / per_minute * 60.0).ceil();
            parts.push(format!(
                "{} left",
                show_length(coarse(Duration::from_secs_f64(seconds)))
            ));
        }
    }
    parts.extend(waiting(progress));
    parts.join(" · ")
}

/// Returns a length without parts that are too small to matter.
fn coarse(length: Duration) -> Duration {
    let step = match length.as_secs() {
        0..=119 => 1,
        120..=7199 => 60,
        _ => 600,
    };
    Duration::from_secs(length.as_secs().div_ceil(step) * step)
}

fn waiting(progress: &Progress) -> Option<String> {
    let clock = |at: Timestamp| at.to_zoned(indian_time()).strftime("%H:%M").to_string();
    Some(match progress.waits_for {
        WaitsFor::Nothing => format!("limited by {}", progress.limit.map(Limit::as_str)?),
        WaitsFor::Greeting => "waits for the provider".to_owned(),
        WaitsFor::Canary => "waits for what comes of the canary's calls".to_owned(),
        WaitsFor::Breaker => "replies get lost: looks for the calls, then tries one".to_owned(),
        WaitsFor::FirstReply => "waits for the first reply".to_owned(),
        WaitsFor::Hours(Some(at)) => format!("waits for the calling hours, {}", clock(at)),
        WaitsFor::Hours(None) => "waits for the calling hours".to_owned(),
        WaitsFor::Resume => "paused".to_owned(),
        WaitsFor::Due(at) => format!("waits for a retry at {}", clock(at)),
        WaitsFor::DndMarks => "waits for do-not-disturb marks".to_owned(),
        WaitsFor::LiveCalls => "waits for live calls".to_owned(),
    })
}

/// The calls of the last minute.
#[derive(Default, Debug)]
struct Pace {
    samples: VecDeque<(Instant, u64)>,
}

impl Pace {
    fn note(&mut self, placed: u64, now: Instant) {
        let is_news = self
            .samples
            .back()
            .is_none_or(|(_, before)| *before != placed);
        if is_news || self.samples.len() < 2 {
            self.samples.push_back((now, placed));
        } else if let Some(last) = self.samples.back_mut() {
            last.0 = now;
        }
        while self.samples.len() > 2
            && self
                .samples
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > Duration::from_secs(60))
        {
            self.samples.pop_front();
        }
    }

    fn per_minute(&self) -> Option<f64> {
        let ((first, before), (last, after)) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.duration_since(*first).as_secs_f64();
        (seconds >= 1.0).then(|| (after - before) as f64 / seconds * 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::Counts;

    fn progress() -> Progress {
        Progress {
            counts: Counts {
                pending: 45,
                initiated: 10,
                completed: 40,
                failed: 5,
                ..Counts::default()
            },
            live: 10,
            calls_placed: 55,
            requests: 60,
            limit: Some(Limit::Pace),
            waits_for: WaitsFor::Nothing,
        }
    }

    #[test]
    fn the_line_says_how_far_how_fast_and_what_binds() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.note(25, start);
        pace.note(55, start + Duration::from_secs(60));
        assert_eq!(
            line(&progress(), &pace),
            "45/100 (5 failed) · 10 live · 30/min · 1m 30s left · limited by pace"
        );
    }

    #[test]
    fn the_line_says_what_is_waited_for() {
        let at: Timestamp = "2026-03-02T09:00:00+05:30".parse().unwrap();
        let waits = Progress {
            waits_for: WaitsFor::Hours(Some(at)),
            ..progress()
        };
        assert_eq!(
            line(&waits, &Pace::default()),
            "45/100 (5 failed) · 10 live · waits for the calling hours, 09:00"
        );
    }
}
