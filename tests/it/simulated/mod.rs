//! The dialer in simulated time: real turns on real SQLite, the sandbox's phones, and a clock that jumps.
//!
//! What is asserted is what the outside saw, not our own bookkeeping.

mod breaker;
mod clocks;
mod doubts;
mod exophones;
mod limits;
mod money;
mod pairs;
mod quality;
mod refusals;
mod runs;
mod schedules;
mod scrubs;
mod seeds;
mod shared;
mod steering;
mod tracking;
mod year;
