//! Parses, runs, and returns the exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    exocamp::cli::main(std::env::args_os())
}
