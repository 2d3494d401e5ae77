//! exocamp runs outbound voice campaigns over Exotel. It calls people, and two things follow: never ring somebody twice
//! by accident, and be killable at any moment. Everything below serves those two.
//!
//! # How a contact travels
//!
//! ```text
//! row of a list ─► import ─► NewContact ─► store (pending, due now)
//!
//!              ┌──────────────────────────── a turn ─────────────────────────────┐
//!    events ──►│ evidence is merged ─► who is due? ─► domain decides ─► intent   │── COMMIT ─► effects ─► Exotel
//!       ▲      └──────────────────────────────────────────────────────────────────┘                        │
//!       └───────────────────────── replies and look-ups come back as events ◄──────────────────────────────┘
//!
//! contact:  pending ─► initiated ─► pending … ─► completed | failed | skipped        (held while in doubt)
//! attempt:  intent ─► accepted ─► in_progress ─► completed | busy | no_answer | failed | canceled
//!           intent ─► rejected | not_sent        intent ─► in_doubt ─► accepted | held
//!
//! doubt:    in_doubt ─► looked for in Exotel's list ─► one call: asked about, then accepted
//!                                                    ─► several, or none past the horizon: held ─► a person decides
//! ```
//!
//! 1. A turn is one transaction, and what it asks for may be done only after its commit: [`dialer`]. Every rule of calling
//!    is checked in it, for every try: hours ([`domain::hours`]), the do-not-call list and caps ([`domain::eligibility`]),
//!    the budget ([`domain::cost`]). When somebody is tried again is said in [`domain::due`]. What another terminal has
//!    changed between the commit and the call is seen by a last look: [`store::permission`].
//! 2. Silence is not failure. A lost reply leaves the attempt in doubt; no POST is ever repeated: [`domain::attempt`].
//!    What is found of it later, and what absence is worth, is in [`domain::doubt`].
//! 3. One live attempt per number, held by a unique index: [`store`].
//! 4. One door: whatever is learnt about an attempt goes through [`store::attempts::merge_evidence`].
//!    Whatever merely names a call (the list, a callback, a person) is a hint, and causes a GET: [`store::candidates`].
//! 5. Memory holds nothing that matters. A crash is a long pause; the next run begins by doubting what was left open.
//!
//! # Where things are
//!
//! | module | is |
//! |---|---|
//! | [`domain`] | the rules: pure, time and chance are arguments |
//! | [`store`] | the only module that knows SQL |
//! | [`dialer`] | the engine: `turn` decides, the shell around it does |
//! | [`provider`], [`exotel`] | what a provider can answer; Exotel over HTTP |
//! | [`sandbox`] | a pretend Exotel that shares no code with the client |
//! | [`import`] | the rows of lists, CSV or workbooks, to contacts |
//! | [`domain::forecast`], `cli::rehearse` | what a campaign comes to: reckoned, and played by the engine in simulated time |
//! | [`cli`], [`ui`] | the commands, which wire everything; the only place that prints |
//! | [`clock`], [`config`] | the only places that read the time and the environment |
//! | `sabotage` | with the feature of that name only: breaks the program, so that the tests can be tested |

pub mod cli;
pub mod clock;
pub mod config;
pub mod dialer;
pub mod domain;
pub mod exotel;
pub mod import;
pub mod provider;
#[cfg(feature = "sabotage")]
pub mod sabotage;
pub mod sandbox;
pub mod store;
pub mod ui;
