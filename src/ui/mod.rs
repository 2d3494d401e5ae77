//! The only place that prints.
//!
//! Standard output is data and can be piped; standard error is talk: notices, progress, errors. A pipe that was closed
//! at the other end is a quiet end, not an error. Colour never carries a meaning alone.
//!
//! Invariant: nothing that steers a terminal or turns the direction of writing leaves here, whatever is to be said; where
//! a text from outside must not break a line either, it is made [`harmless`] before.

pub mod progress;
pub mod table;

use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use rustix::termios::tcgetwinsize;

pub use crate::domain::shown::{harmless, shortened};
use crate::domain::shown::{harmless_json, harmless_lines};

/// What writing to a terminal that was closed gives.
const IO_ERROR: i32 = rustix::io::Errno::IO.raw_os_error();

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// Where results go.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Results {
    /// To standard output: they are data.
    #[default]
    AreData,
    /// To standard error: they are a step on the way to what was asked for.
    AreTalk,
}

/// Speaks to the person or the program at the other end.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// How results are written.
    pub format: Format,
    /// Where results go.
    pub results: Results,
    /// Only trouble is worth a word.
    pub quiet: bool,
    /// Nothing of what happens here concerns real people, and every output says so.
    pub sandbox: bool,
}

impl Ui {
    /// Returns a voice, and settles for the whole process whether there are colours.
    pub fn new(format: Format, quiet: bool, sandbox: bool, color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self {
            format,
            results: Results::AreData,
            quiet,
            sandbox,
        }
    }

    /// Writes data to standard output.
    ///
    /// # Errors
    /// When it cannot be written, except that nobody reads it any more.
    pub fn data(&self, text: &str) -> io::Result<()> {
        if self.results == Results::AreTalk {
            self.note(text.trim_end());
            return Ok(());
        }
        let text = harmless_lines(text);
        let mut out = anstream::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| {
            let newline: &[u8] = if text.is_empty() || text.ends_with('\n') {
                b""
            } else {
                b"\n"
            };
            out.write_all(newline)?;
            out.flush()
        });
        match written {
            // A reader who left, or a terminal that was closed, ends the output and not the program.
            Err(error)
                if error.kind() == io::ErrorKind::BrokenPipe
                    || error.raw_os_error() == Some(IO_ERROR) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Writes an object as JSON to standard output; in the sandbox it says so.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn json(&self, value: &impl serde::Serialize) -> io::Result<()> {
        let mut value = serde_json::to_value(value)?;
        if self.sandbox {
            mark_as_sandbox(&mut value);
        }
        self.data(&harmless_json(&serde_json::to_string_pretty(&value)?))
    }

    /// Says something that is worth knowing, unless quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(Style::new(), "", text);
        }
    }

    /// Says something that somebody should look at.
    pub fn warn(&self, text: &str) {
        say_wrapped(AnsiColor::Yellow.on_default().bold(), "warning: ", text);
    }

    /// Says what to do next.
    pub fn hint(&self, text: &str) {
        say_wrapped(AnsiColor::Cyan.on_default().bold(), "hint: ", text);
    }

    /// Says what failed, and beneath it why.
    pub fn error(&self, text: &str, causes: &[String]) {
        say(AnsiColor::Red.on_default().bold(), "error: ", text);
        for cause in causes {
            say(Style::new().dimmed(), "  caused by: ", cause);
        }
    }

    /// Writes an error as one JSON object to standard error.
    pub fn error_as_json(&self, value: &serde_json::Value) {
        say(Style::new(), "", &harmless_json(&value.to_string()));
    }

    /// Returns whether a person sits at the keyboard.
    pub fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Returns whether standard error is looked at by a person, so that a line may be redrawn.
    pub fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Asks a question whose answer is no unless somebody says yes.
    pub fn confirm(&self, question: &str) -> bool {
        dialoguer::Confirm::new()
            .with_prompt(harmless_lines(question))
            .default(false)
            .show_default(true)
            .interact_opt()
            .is_ok_and(|answer| answer == Some(true))
    }

    /// Asks for a line of text.
    pub fn ask_for(&self, question: &str) -> Option<String> {
        dialoguer::Input::new()
            .with_prompt(harmless_lines(question))
            .allow_empty(true)
            .interact_text()
            .ok()
    }
}

/// Returns text behind a prefix, on lines of at most so many letters that are broken between words; all but the first are
/// indented by as much as the prefix is long. What stands in backticks is to be copied, and is never broken.
pub fn wrapped(prefix: &str, text: &str, width: usize) -> String {
    let indent = prefix.chars().count();
    let mut out = prefix.to_owned();
    let mut length = indent;
    let mut in_backticks = false;
    let words = text.split(|c: char| {
        in_backticks ^= c == '`';
        c.is_whitespace() && !in_backticks
    });
    for word in words.filter(|word| !word.is_empty()) {
        let letters = word.chars().count();
        if length > indent && length + 1 + letters > width {
            out.push('\n');
            out += &" ".repeat(indent);
            length = indent;
        } else if length > indent {
            out.push(' ');
            length += 1;
        }
        out += word;
        length += letters;
    }
    out.push('\n');
    out
}

/// What is said to standard error is lost if nobody listens; there is nowhere left to say so.
fn say(style: Style, label: &str, text: &str) {
    let text = harmless_lines(text);
    progress::beside_the_bar(|| {
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{style}{label}{style:#}{text}");
    });
}

/// Returns how many letters fit on a line of results, if they go to a terminal.
pub fn results_width() -> Option<usize> {
    width_of(io::stdout())
}

fn width_of(stream: impl IsTerminal + AsFd) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// The same on lines that are broken between words, if a person looks at them.
fn say_wrapped(style: Style, label: &str, text: &str) {
    let Some(width) = width_of(io::stderr()) else {
        return say(style, label, text);
    };
    let lines = wrapped(label, text, width);
    say(style, label, lines[label.len()..].trim_end());
}

/// Where log lines go: standard error, beside the progress bar.
#[derive(Clone, Copy, Debug)]
pub struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A closed terminal must not become an error, which the logger would try to print in its turn.
        let _ = progress::beside_the_bar(|| io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn mark_as_sandbox(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            object.insert("sandbox".to_owned(), true.into());
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(mark_as_sandbox),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(
            wrapped("  a  ", "bb ccc dddd e", 11),
            "  a  bb ccc\n     dddd e\n"
        );
        assert_eq!(wrapped("", "muchtoolong b", 5), "muchtoolong\nb\n");
        assert_eq!(wrapped("", "say `a b c` now", 8), "say\n`a b c`\nnow\n");
        assert_eq!(wrapped("- ", "", 5), "- \n");
    }

    #[test]
    fn every_object_says_that_it_is_of_the_sandbox() {
        let mut value = serde_json::json!([{"campaign": "a"}, {"campaign": "b"}]);
        mark_as_sandbox(&mut value);
        assert_eq!(
            value,
            serde_json::json!([{"campaign": "a", "sandbox": true}, {"campaign": "b", "sandbox": true}])
        );
    }
}
