//! What can go wrong between a client and the server.

use std::time::Duration;

use serde_json::{Map, Value};

/// An answer of the server that says no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status of HTTP.
    pub status: u16,
    /// Of the protocol's table; `unknown` where something else than stepd answered.
    pub code: String,
    /// What was wrong, where, and what would be right.
    pub detail: String,
    /// The whole body (RFC 9457), with what the code adds: `current_step`, `path`, `nearest` …
    pub problem: Map<String, Value>,
    /// What `Retry-After` asked for.
    pub retry_after: Duration,
}

/// What can go wrong.
#[derive(Debug)]
pub enum Error {
    /// The server refused.
    Refused(Box<Refusal>),
    /// No whole answer arrived: the connection was refused, broke or timed out. The request may have been taken.
    NoAnswer(String),
    /// The answer is none of the protocol.
    Unreadable(String),
}

impl Error {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Refused(r) => write!(f, "{} ({}): {}", r.code, r.status, r.detail),
            Error::NoAnswer(why) | Error::Unreadable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
