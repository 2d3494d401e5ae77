//! What Exotel posts to us when a call ends (developer.exotel.com, "StatusCallback").
//!
//! Each attempt has an address of its own, with a token in it that cannot be guessed; only the token's hash is stored.
//! A flow call's callback has four fields and no `CustomField`, so that the token is all that leads back to the attempt.

mod token;

pub use self::token::{CallbackBase, CallbackBaseError, CallbackSecret, Token, TokenHash};
