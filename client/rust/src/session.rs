//! A session: an optimizer's state on the server, and the number of its latest step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::error::Error;
use crate::tensors::{read_safetensors, Dtype, Tensors, Wire};
use crate::transport::{decode, encode, Client};

/// The name and shape of a tensor; a scalar's shape is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// What masks in chains match.
    pub name: String,
    /// No dimension is 0.
    pub shape: Vec<u64>,
}

/// What to open; the default attaches to a session that exists.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// An Optax line, or the name of a registered chain.
    pub chain: Option<String>,
    /// In the order in which packed buffers have them.
    pub tensors: Option<Vec<TensorSpec>>,
    /// Initial parameters: with them the server keeps and updates its own copy.
    pub params: Option<Tensors>,
    /// For transformations that draw random numbers.
    pub seed: Option<u32>,
    /// Forget the session when idle this long, in seconds.
    pub ttl_s: Option<u32>,
    /// So many make a step together; by default one does.
    pub workers: Option<u32>,
    /// Who this is, where there are several: a name that no other has.
    pub worker: Option<String>,
}

/// What every step must bring besides gradients.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Needs {
    pub params: bool,
    pub value: bool,
}

/// What the server says of a session.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// Its name.
    pub id: String,
    /// Number of the latest step, 0 before the first.
    pub step: u64,
    /// In canonical form.
    pub chain: String,
    /// As declared.
    pub tensors: Vec<TensorSpec>,
    /// What every step must bring besides gradients.
    pub needs: Needs,
    /// Who keeps the parameters: `none`, `client` or `server`.
    pub params: String,
    /// The numbers that may change between steps, by path.
    pub hyperparams: BTreeMap<String, f64>,
}

/// What a step may bring besides gradients, and what to send back.
#[derive(Clone, Debug, Default)]
pub struct StepOptions {
    /// Where the client keeps the parameters and the chain needs them.
    pub params: Option<Tensors>,
    /// The loss, for chains that need it.
    pub value: Option<f64>,
    /// Numbers that replace options for this step and later ones.
    pub hyperparams: Option<BTreeMap<String, f64>>,
    /// Send back the parameters that the server keeps, in place of updates.
    pub want_params: bool,
    /// Have the step measured.
    pub stats: bool,
    /// Of this contribution among those of several workers; by default 1.
    pub weight: Option<f64>,
    /// Number type of the gradients on the wire.
    pub dtype: Dtype,
    /// Number type of the answer; by default that of the gradients.
    pub reply: Option<Dtype>,
}

/// The answer to a step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number.
    pub step: u64,
    /// The updates, or the parameters where they were wanted.
    pub tensors: Tensors,
    /// Whether the server had taken this step before: an earlier answer was lost.
    pub replayed: bool,
    /// Whether the gradients counted.
    pub counted: bool,
    /// Where asked for: `grad_norm`, `update_norm`, `nonfinite` …
    pub stats: BTreeMap<String, f64>,
}

/// Takes one step at a time.
#[derive(Debug)]
pub struct Session {
    client: Client,
    path: String,
    worker: Option<String>,
    info: Info,
}

#[derive(Serialize)]
struct OpenBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: &'a Option<Vec<TensorSpec>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Wire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
}

#[derive(Serialize)]
struct StepBody<'a> {
    step: u64,
    grads: Wire,
    dtype: Dtype,
    want: Want,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Wire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hyperparams: &'a Option<BTreeMap<String, f64>>,
}

#[derive(Serialize)]
struct Want {
    of: &'static str,
    dtype: Dtype,
    stats: bool,
}

#[derive(Deserialize)]
struct StepAnswer {
    step: u64,
    #[serde(alias = "updates", alias = "params")]
    tensors: Wire,
    replayed: bool,
    counted: bool,
    #[serde(default)]
    stats: BTreeMap<String, f64>,
}

impl Client {
    /// Create the session, or attach to the one that exists with the same specification. The name is of the characters
    /// that the protocol allows, `A-Z a-z 0-9 . _ ~ -`.
    pub fn open(&self, id: &str, spec: &Spec) -> Result<Session, Error> {
        let path = format!("/v1/sessions/{id}");
        let Spec { chain, tensors, params, seed, ttl_s, workers, worker } = spec;
        let params = params.as_ref().map(|params| params.to_wire(Dtype::F32));
        let body =
            encode(&OpenBody { chain, tensors, params, seed: *seed, ttl_s: *ttl_s, workers: *workers })?;
        let info = decode(&self.call(Method::PUT, &path, Some(body), true)?)?;
        Ok(Session { client: self.clone(), path, worker: worker.clone(), info })
    }
}

impl Session {
    /// What the server last said; `describe` asks again. Its step is the latest one that this client knows of.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Send the gradients of the next step. It is numbered, so a lost answer is asked for again and never counted
    /// twice. After `NoAnswer` the step may have been taken: the same call settles it, another gradient is a
    /// `step_conflict`.
    pub fn step(&mut self, grads: &Tensors, options: &StepOptions) -> Result<Step, Error> {
        let reply = options.reply.unwrap_or(options.dtype);
        let of = if options.want_params { "params" } else { "updates" };
        let body = encode(&StepBody {
            step: self.info.step + 1,
            grads: grads.to_wire(options.dtype),
            dtype: options.dtype,
            want: Want { of, dtype: reply, stats: options.stats },
            worker: &self.worker,
            weight: options.weight,
            params: options.params.as_ref().map(|params| params.to_wire(Dtype::F32)),
            value: options.value,
            hyperparams: &options.hyperparams,
        })?;
        let answer = self.client.call(Method::POST, &format!("{}/steps", self.path), Some(body), true)?;
        let StepAnswer { step, tensors, replayed, counted, stats } = decode(&answer)?;
        self.info.step = step;
        Ok(Step { step, tensors: Tensors::from_wire(tensors, reply), replayed, counted, stats })
    }

    /// Ask how the session stands; takes over its step, as after a `step_conflict`.
    pub fn describe(&mut self) -> Result<&Info, Error> {
        self.info = decode(&self.client.call(Method::GET, &self.path, None, true)?)?;
        Ok(&self.info)
    }

    /// Replace options from the next step on. Sent once: it carries no number that would tell.
    pub fn set_hyperparams(&mut self, hyperparams: &BTreeMap<String, f64>) -> Result<(), Error> {
        let body = encode(&BTreeMap::from([("hyperparams", hyperparams)]))?;
        self.info = decode(&self.client.call(Method::PATCH, &self.path, Some(body), false)?)?;
        Ok(())
    }

    /// The parameters that the server keeps, by name, after the session's latest step.
    pub fn params(&self) -> Result<BTreeMap<String, Vec<f32>>, Error> {
        read_safetensors(&self.client.call(Method::GET, &format!("{}/params", self.path), None, true)?)
    }

    /// Forget the session.
    pub fn delete(self) -> Result<(), Error> {
        self.client.call(Method::DELETE, &self.path, None, true).map(|_| ())
    }
}
