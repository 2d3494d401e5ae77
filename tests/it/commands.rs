//! The commands through the front door: the built program, a cleared environment, a pretend Exotel in another process.

mod audit;
mod call;
mod cron;
mod demo;
mod doubts;
mod fates;
mod import;
mod init;
mod kill;
mod list;
mod outlook;
mod output;
mod pace;
mod provider;
mod refusals;
mod rehearsal;
mod retries;
mod secrets;
mod signals;
mod start;
mod status;
mod storage;
pub(crate) mod taken;
mod terminal;
mod why;
