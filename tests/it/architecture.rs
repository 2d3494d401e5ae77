//! The architecture, held by reading the source: what must stay pure, who may use whom, who may print.
//!
//! Comments and tests are not looked at. It is text that is read, so a macro could hide something; the point is that
//! nobody breaks a rule without noticing.

use std::fs;
use std::path::Path;

/// What a module may use of the crate, beside itself. Whatever begins with one of these is permitted.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "clock", "config", "dialer", "domain", "exotel", "import", "provider", "sandbox",
            "store", "ui",
        ],
    ),
    ("clock", &[]),
    ("config", &[]),
    (
        "dialer",
        &["clock", "domain", "exotel", "provider", "store"],
    ),
    ("domain", &[]),
    ("exotel", &["domain", "provider"]),
    ("import", &["domain"]),
    ("provider", &["domain"]),
    ("sabotage", &[]),
    ("sandbox", &["clock"]),
    ("store", &["clock", "domain"]),
    ("ui", &["dialer::event", "domain"]),
];

/// Modules that are given the time as an argument; everywhere else the clock may be read.
const GIVEN_THE_TIME: &[&str] = &[
    "domain/",
    "store/",
    "exotel/",
    "import/",
    "ui/",
    "dialer/turn.rs",
    "dialer/hear.rs",
    "dialer/dial.rs",
    "dialer/exophone.rs",
    "dialer/look.rs",
    "dialer/quality.rs",
    "dialer/scrub.rs",
    "dialer/trouble.rs",
    "dialer/run.rs",
    "dialer/rolls.rs",
    "dialer/event.rs",
    "sandbox/exchange.rs",
];

/// What decides, and so must be playable again: no clock, no chance of its own, nothing outside the process.
const PURE: &[&str] = &[
    "domain/",
    "dialer/turn.rs",
    "dialer/hear.rs",
    "dialer/dial.rs",
    "dialer/exophone.rs",
    "dialer/look.rs",
    "dialer/quality.rs",
    "dialer/scrub.rs",
    "dialer/trouble.rs",
];

const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "std::fs",
    "std::net",
    "::now(",
    "rand::",
    "SystemTime",
    "Instant",
];

const PRINTING: &[&str] = &[
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "stdout(",
    "stderr(",
    "io::stdout",
    "io::stderr",
];

/// The one exception: the log, which is for developers, goes to standard error by a way of its own.
const MAY_NAME_STDERR: &str = "cli/mod.rs";

/// What stands before every hook by which the program can be broken on purpose.
const BEFORE_A_HOOK: &str = "#[cfg(feature = \"sabotage\")]";

/// Returns what a file does that it must not, `path` being relative to `src/`.
fn violations(path: &str, source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    let mut refuse = |what: String| found.push(format!("src/{path}: {what}"));
    let is_among = |places: &[&str]| places.iter().any(|place| path.starts_with(place));

    if is_among(PURE) {
        for word in IMPURE.iter().filter(|word| code.contains(**word)) {
            refuse(format!("`{word}` in a module that only decides"));
        }
    }
    if is_among(GIVEN_THE_TIME) && mentions(&code, "Clock") {
        refuse("reads the clock, and is to be given the time".to_owned());
    }
    let module = path.split(['/', '.']).next().unwrap_or_default();
    if let Some((_, permitted)) = ARROWS.iter().find(|(name, _)| *name == module) {
        for used in used_of_the_crate(&code) {
            // Hooks may be anywhere, and have rules of their own.
            let permitted = is_within(&used, "sabotage")
                || permitted.iter().any(|arrow| is_within(&used, arrow));
            if !permitted && !is_within(&used, module) {
                refuse(format!("`{module}` uses `{used}`"));
            }
        }
        if leaves_by_super(path, &code) {
            refuse("leaves its module by `super`: write `crate::`".to_owned());
        }
    } else if !matches!(module, "lib" | "main") {
        refuse(format!("`{module}` has no row in the table of arrows"));
    }
    if module != "ui" {
        for word in PRINTING.iter().filter(|word| mentions(&code, word)) {
            let excepted = path == MAY_NAME_STDERR && word.contains("stderr");
            if !excepted {
                refuse(format!("`{word}` outside `ui`"));
            }
        }
    }
    if module != "sabotage" {
        for line in open_hooks(&code) {
            refuse(format!(
                "`{line}` does not stand right under `{BEFORE_A_HOOK}`"
            ));
        }
    }
    if code.contains("#[allow") || code.contains("#![allow") {
        refuse("`allow`: write `#[expect(lint, reason = \"…\")]`".to_owned());
    }
    if code.contains(".unwrap()") {
        refuse("`unwrap()` outside a test".to_owned());
    }
    found
}

/// Returns the lines that have to do with sabotage and would be compiled without its feature, or only without it.
///
/// A hook is named by its full path and begins in the line after its attribute; the formatter may move its question to
/// the next one.
fn open_hooks(code: &str) -> Vec<&str> {
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let is_open = |(at, line): (usize, &&'_ str)| {
        let asks = mentions(line, "sabotage") && **line != *BEFORE_A_HOOK;
        let is_hook = line.contains("crate::sabotage::is(") || *line == "pub mod sabotage;";
        let before = &lines[at.saturating_sub(2)..at];
        asks && !(is_hook && before.contains(&BEFORE_A_HOOK))
    };
    let found = lines.iter().enumerate().filter(|line| is_open(*line));
    found.map(|(_, line)| *line).collect()
}

/// Returns the source without comments and without its tests, which stand at its end.
fn code_of(source: &str) -> String {
    let tests = [
        "#[cfg(test)]\nmod tests",
        "#[cfg(test)]\npub(crate) mod tests",
    ];
    let end = tests.iter().filter_map(|mark| source.find(mark)).min();
    let lines = source[..end.unwrap_or(source.len())].lines();
    let code = lines.map(|line| match line.find("//") {
        // Not the slashes of `http://`.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Returns whether a word stands in the code, and not just as a part of a longer one.
fn mentions(code: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let goes_on = word.ends_with(part_of_a_name) && after.is_some_and(part_of_a_name);
        !before.is_some_and(part_of_a_name) && !goes_on
    })
}

/// Returns the paths behind every `crate::`, groups taken apart.
fn used_of_the_crate(code: &str) -> Vec<String> {
    let path = |text: &str| {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut used = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        let rest = &code[at + word.len()..];
        match rest.strip_prefix('{') {
            None => used.push(path(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut part = String::new();
                for c in group.chars() {
                    match c {
                        '}' if depth == 0 => break,
                        ',' if depth == 0 => used.push(path(std::mem::take(&mut part).trim())),
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ if depth == 0 => part.push(c),
                        _ => {}
                    }
                }
                if !part.trim().is_empty() {
                    used.push(path(part.trim()));
                }
            }
        }
    }
    used
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns whether a chain of `super` reaches the root of the crate, past the table.
fn leaves_by_super(path: &str, code: &str) -> bool {
    let depth = path.trim_end_matches("/mod.rs").split('/').count();
    code.contains(&"super::".repeat(depth))
}

/// Returns the files that are part of the crate's tests alone.
fn modules_for_tests(path: &str, source: &str) -> Vec<String> {
    let folder = path.trim_end_matches("mod.rs").trim_end_matches('/');
    source
        .split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|rest| rest.lines().next()?.strip_prefix("mod ")?.strip_suffix(';'))
        .map(|module| format!("{folder}/{module}.rs"))
        .collect()
}

fn read(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_tests = path.file_stem().is_some_and(|stem| stem == "tests");
        if is_tests {
            continue;
        }
        if path.is_dir() {
            read(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_module_keeps_to_the_architecture() {
    let mut files = Vec::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files.len() > 60, "only {} files were found", files.len());
    for pure in PURE {
        assert!(
            files.iter().any(|(path, _)| path.starts_with(pure)),
            "{pure}"
        );
    }
    let only_for_tests: Vec<_> = files
        .iter()
        .flat_map(|(path, source)| modules_for_tests(path, source))
        .collect();
    files.retain(|(path, _)| !only_for_tests.contains(path));
    let found: Vec<_> = files
        .iter()
        .flat_map(|(path, source)| violations(path, source))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_sabotage_has_its_hook() {
    let mut files = Vec::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let place = files.iter().position(|(path, _)| path == "sabotage.rs");
    let (_, sabotage) = files.swap_remove(place.unwrap());
    let names = sabotage.lines().filter_map(|line| {
        let (variant, _) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
        Some(variant)
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 11, "{names:?}");
    for name in names {
        let hook = format!("crate::sabotage::is(crate::sabotage::Sabotage::{name})");
        let is_hooked = files.iter().any(|(_, source)| source.contains(&hook));
        assert!(is_hooked, "`{name}` breaks nothing");
    }
}

#[test]
fn the_program_can_be_broken_only_if_it_was_built_for_that() {
    let program = fs::read(assert_cmd::cargo::cargo_bin!("exocamp")).unwrap();
    let can_be = String::from_utf8_lossy(&program).contains("EXOCAMP_SABOTAGE");
    assert_eq!(can_be, cfg!(feature = "sabotage"));
}

#[test]
fn the_checker_finds_what_is_wrong() {
    for (path, source, wrong) in [
        ("domain/hours.rs", "let now = Timestamp::now();", 1),
        (
            "domain/retry.rs",
            "fn roll() -> u64 { fastrand::u64(..) }",
            1,
        ),
        ("domain/phone/mask.rs", "use std::fs::File;", 1),
        ("domain/plan.rs", "use crate::store::Store;", 1),
        ("domain/plan.rs", "use super::super::store::Store;", 1),
        ("domain/phone/mask.rs", "use super::super::hours::Hours;", 0),
        (
            "dialer/turn.rs",
            "async fn turn() { tokio::task::yield_now().await }",
            1,
        ),
        ("dialer/turn.rs", "use crate::clock::{Clock, Moment};", 1),
        ("dialer/turn.rs", "use crate::clock::Moment;", 0),
        ("dialer/mod.rs", "use crate::cli::view;", 1),
        (
            "store/runs.rs",
            "use crate::{domain::{pace, plan}, exotel, dialer::run};",
            2,
        ),
        (
            "sandbox/exchange.rs",
            "use crate::domain::call::Outcome;",
            1,
        ),
        (
            "sandbox/wire.rs",
            "fn f(x: crate::exotel::wire::Call, y: crate::provider::Reply) {}",
            2,
        ),
        ("ui/table.rs", "use crate::dialer::run::Run; println!();", 1),
        ("ui/table.rs", "use crate::dialer::event::Progress;", 0),
        ("ui/table.rs", "use crate::domains::Hours;", 1),
        ("store/mod.rs", "println!(\"{}\", 1);", 1),
        ("cli/start.rs", "use std::io; io::stdout().flush();", 2),
        (
            "cli/mod.rs",
            "error.use_stderr(); tracing().with_writer(io::stderr)",
            0,
        ),
        ("cli/mod.rs", "eprintln!();", 1),
        ("import/map.rs", "#[allow(dead_code)] fn f() {}", 1),
        ("config.rs", "let home = read().unwrap();", 1),
        ("helpers.rs", "", 1),
        ("lib.rs", "pub mod domain;", 0),
        ("lib.rs", "pub mod sabotage;", 1),
        (
            "store/mod.rs",
            "#[cfg(feature = \"sabotage\")]\nif crate::sabotage::is(X) {\n}\n",
            0,
        ),
        (
            "domain/hours.rs",
            "#[cfg(feature = \"sabotage\")]\nErr(Failure::TimedOut)\n  if crate::sabotage::is(X) =>\n",
            0,
        ),
        (
            "store/mod.rs",
            "let x = 1;\nif crate::sabotage::is(X) {\n}\n",
            1,
        ),
        (
            "store/mod.rs",
            "#[cfg(not(feature = \"sabotage\"))]\ncommit();",
            1,
        ),
        ("store/mod.rs", "if cfg!(feature = \"sabotage\") {", 1),
        (
            "store/mod.rs",
            "#[cfg(feature = \"sabotage\")]\nuse crate::sabotage;",
            1,
        ),
        (
            "store/runs.rs",
            "#[cfg(feature = \"sabotage\")]\nuse crate::cli;",
            1,
        ),
        (
            "config.rs",
            "// read().unwrap()\nlet x = 1; // crate::store",
            0,
        ),
        (
            "config.rs",
            "let x = 1;\n#[cfg(test)]\nmod tests { use crate::store; x.unwrap() }",
            0,
        ),
        ("config.rs", "let url = \"http://x\"; y.unwrap()", 1),
    ] {
        let found = violations(path, source);
        assert_eq!(found.len(), wrong, "{path}: {source}: {found:?}");
    }
}
