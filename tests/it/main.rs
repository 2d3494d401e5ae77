//! The tests that look at exocamp from outside: one binary, a module per subject.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on is to stop here and say where"
)]

mod architecture;
mod callbacks;
mod commands;
mod crash;
mod faults;
mod fuzz;
#[cfg(feature = "sabotage")]
mod sabotage;
mod search;
mod simulated;
mod support;
mod torture;
