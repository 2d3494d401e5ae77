//! A pretend Exotel, for demos, rehearsals and tests.
//!
//! [`Exchange`] is the telephone exchange: it accepts calls, lets the phones answer as a seeded [`Script`] says, and
//! shows calls the way Exotel shows them. It is plain data and arithmetic; whoever uses it passes the time in, so the
//! same exchange serves simulated weeks and real requests. [`Sandbox`] puts it behind HTTP, with credentials, a ledger
//! of accepted calls, status callbacks, and the ways in which a network can lose a reply.
//!
//! What it refuses to do: reach anything but this machine (callbacks go to loopback addresses only), share a line of
//! code with the client it is there to test (two readings of the documentation cannot share a mistake), and be kinder
//! than the real thing where that is known.
//!
//! The invariant: a call exists from the moment it is accepted, whatever becomes of the reply, and is written in the
//! ledger before any byte of the reply leaves. So the ledger is what the phones heard, and a client that is wrong about
//! a call can always be shown to be.

mod answer;
mod call;
mod callback;
mod chance;
mod connection;
mod endpoints;
mod exchange;
mod fate;
mod form;
mod http;
mod ledger;
mod listing;
mod number;
mod query;
mod register;
mod reply;
mod script;
mod wire;

pub use answer::{Answer, Callback, Delivery, Placed, Placement, Refusal};
pub use call::{Call, CallEnd, CallView};
pub use exchange::Exchange;
pub use fate::{CallbackTrouble, Ending, Fate, FateRule, Fault, GetTrouble, Outcome, Trouble};
pub use http::{Config, Credentials, Sandbox};
pub use listing::{Cursor, ListFilter, Order, Page};
pub use script::{Hold, Mix, Script, ScriptError, Share, length};
