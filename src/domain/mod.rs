//! The rules of calling: what a number, a contact, an attempt is, and what may happen next.
//!
//! Pure: no files, sockets, database, runtime, clock or random generator. The time and chance are arguments, so every
//! rule can be read alone and tested in microseconds. Nothing here may use another module of this crate.

pub mod attempt;
pub mod audit;
pub mod breaker;
pub mod call;
pub mod caller_id;
pub mod campaign;
pub mod clocks;
pub mod contact;
pub mod cost;
pub mod defaults;
pub mod doubt;
pub mod due;
pub mod eligibility;
pub mod ending;
pub mod forecast;
pub mod hours;
pub mod money;
pub mod pace;
pub mod phone;
pub mod plan;
pub mod purpose;
pub mod quality;
pub mod rejection;
pub mod report;
pub mod retry;
pub mod rules;
pub mod shown;
pub mod spreadsheet;
pub mod tracking;
