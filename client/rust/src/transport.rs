//! The wire: one msgpack request and its answer, sent again where that is safe and worth it.

use std::time::{Duration, Instant};

use serde::{de::DeserializeOwned, Serialize};
use serde_json::{Map, Value};
use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::{Agent, Body};

use crate::error::{Error, Refusal};
use crate::vocabulary::RETRYABLE;

const MSGPACK: &str = "application/msgpack";

/// When a request is sent again: the wait before attempt n + 1 is random in [0, min(cap, base · 2ⁿ⁻¹)].
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// Grows twofold with every attempt.
    pub base: Duration,
    /// A longer `Retry-After` is honoured.
    pub cap: Duration,
    /// Time for all attempts and waits together.
    pub total: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { attempts: 8, base, cap, total: Duration::from_secs(120) }
    }
}

/// Options of a connection.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sent as a bearer token.
    pub api_key: Option<String>,
    /// When a request is sent again.
    pub retry: Retry,
    /// Time for one attempt.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { api_key: None, retry: Retry::default(), timeout: Duration::from_secs(60) }
    }
}

/// The connections to one server; clones share them.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    options: Options,
}

impl Client {
    /// A client of the server at the address, as `http://127.0.0.1:8080`. Connects with the first request.
    pub fn connect(address: &str, options: Options) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        Self { agent, base: address.trim_end_matches('/').to_owned(), options }
    }

    /// Send, and answer with the bytes of the answer. What is not safe is sent once.
    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        safe: bool,
    ) -> Result<Vec<u8>, Error> {
        let Retry { attempts, base, cap, total } = self.options.retry;
        let until = Instant::now() + total;
        for attempt in 1.. {
            let limit = self.options.timeout.min(until.saturating_duration_since(Instant::now()));
            let error = match self.once(&method, path, body.clone(), limit.max(Duration::from_millis(1))) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let after = match &error {
                // An earlier DELETE was carried out and its answer lost.
                Error::Refused(r) if r.status == 404 && method == Method::DELETE && attempt > 1 => {
                    return Ok(vec![])
                }
                Error::Refused(r) if RETRYABLE.contains(&r.status) => r.retry_after,
                Error::NoAnswer(_) => Duration::ZERO,
                _ => return Err(error),
            };
            let longest = cap.min(base * 2u32.pow((attempt - 1).min(20)));
            let wait = longest.mul_f64(fastrand::f64()) + after;
            if !safe || attempt >= attempts || Instant::now() + wait >= until {
                return Err(error);
            }
            std::thread::sleep(wait);
        }
        unreachable!("attempts are counted")
    }

    fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        limit: Duration,
    ) -> Result<Vec<u8>, Error> {
        let url = format!("{}{path}", self.base);
        let lost = |error: ureq::Error| Error::NoAnswer(format!("Cannot {method} {url}: {error}"));
        let mut request = Request::builder().method(method).uri(&url);
        request = request.header("Accept", format!("{MSGPACK}, application/octet-stream"));
        if let Some(key) = &self.options.api_key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let unfit = |error: ureq::http::Error| Error::Unreadable(format!("Cannot {method} {url}: {error}"));
        let answer = match body {
            None => self.send(request.body(()).map_err(unfit)?, limit),
            Some(body) => {
                self.send(request.header("Content-Type", MSGPACK).body(body).map_err(unfit)?, limit)
            }
        };
        let mut answer = answer.map_err(lost)?;
        let data = answer.body_mut().with_config().limit(u64::MAX).read_to_vec().map_err(lost)?;
        let kind = header(answer.headers(), "content-type");
        let fine = data.is_empty() || kind.contains("msgpack") || kind.contains("octet-stream");
        if answer.status().is_success() && fine {
            return Ok(data);
        }
        Err(refusal(answer.status().as_u16(), answer.headers(), &data, &format!("{method} {url}")))
    }

    fn send<B: ureq::AsSendBody>(
        &self,
        request: Request<B>,
        limit: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(self.agent.configure_request(request).timeout_global(Some(limit)).build())
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refusal(status: u16, headers: &HeaderMap, data: &[u8], request: &str) -> Error {
    let kind = header(headers, "content-type");
    let problem: Map<String, Value> = serde_json::from_slice(data).unwrap_or_default();
    let text = |field| problem.get(field).and_then(Value::as_str).map(str::to_owned);
    let start = String::from_utf8_lossy(&data[..data.len().min(200)]);
    let detail = || format!("{request} answered '{kind}', expected {MSGPACK}: {start}");
    Error::Refused(Box::new(Refusal {
        status,
        code: text("code").unwrap_or_else(|| "unknown".to_owned()),
        detail: text("detail").unwrap_or_else(detail),
        retry_after: Duration::from_secs(header(headers, "retry-after").parse().unwrap_or(0)),
        problem,
    }))
}

pub(crate) fn encode(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec_named(body).map_err(|error| Error::Unreadable(format!("Cannot write msgpack: {error}")))
}

pub(crate) fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(data).map_err(|error| Error::Unreadable(format!("Cannot read the answer: {error}")))
}
