//! What the tests stand on.

pub(crate) mod answers;
pub(crate) mod binary;
pub(crate) mod canary;
pub(crate) mod exotel;
pub(crate) mod history;
pub(crate) mod outside;
pub(crate) mod phones;
pub(crate) mod process;
pub(crate) mod strace;
pub(crate) mod terminal;
pub(crate) mod wiretap;
pub(crate) mod world;
