//! Plays ../scenario.json: URL PREFIX SCENARIO OUT. What the actions mean is in ../README.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use stepd::{
    apply_updates, Client, Dtype, Error, Options, Retry, Session, Spec, StepOptions, TensorSpec, Tensors,
};

#[derive(Deserialize)]
struct Scenario {
    tensors: Vec<TensorSpec>,
    actions: Vec<Action>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Action {
    r#do: String,
    r#as: String,
    session: Option<String>,
    chain: Option<String>,
    keep: bool,
    times: Option<usize>,
    form: String,
    dtype: Dtype,
    reply: Option<Dtype>,
    of: String,
    send: bool,
    salt: usize,
    elements: Option<usize>,
    value: Option<f64>,
    hyperparams: Option<BTreeMap<String, f64>>,
    step: u64,
    replayed: bool,
    error: Option<String>,
}

struct Handle {
    session: Session,
    params: Vec<f32>,
}

struct Player {
    client: Client,
    prefix: String,
    worker: usize,
    workers: Option<u32>,
    tensors: Vec<TensorSpec>,
    handles: BTreeMap<String, Handle>,
    written: Vec<u8>,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let scenario: Scenario = serde_json::from_slice(&std::fs::read(&args[3]).unwrap()).unwrap();
    let retry = Retry { base: Duration::from_millis(5), ..Retry::default() };
    let api_key = std::env::var("STEPD_API_KEY").ok();
    let mut player = Player {
        client: Client::connect(&args[1], Options { api_key, retry, ..Options::default() }),
        prefix: args[2].clone(),
        worker: args.get(5).map_or(0, |number| number.parse().unwrap()),
        workers: args.get(6).map(|number| number.parse().unwrap()),
        tensors: scenario.tensors,
        handles: BTreeMap::new(),
        written: vec![],
    };
    for action in scenario.actions {
        let code = match player.act(&action) {
            Ok(()) => None,
            Err(Error::Refused(refusal)) => Some(refusal.code),
            Err(error) => panic!("{action:?}: {error}"),
        };
        assert_eq!(code, action.error, "{action:?}");
    }
    std::fs::write(&args[4], player.written).unwrap();
}

impl Player {
    fn act(&mut self, action: &Action) -> Result<(), Error> {
        if action.r#do == "open" {
            return self.open(action);
        }
        // Sessions are used up when they are deleted; what comes after attaches anew.
        let Some(mut handle) = self.handles.remove(&action.r#as) else {
            return self
                .client
                .open(&format!("{}-{}", self.prefix, action.r#as), &Spec::default())
                .map(|_| ());
        };
        let result = match action.r#do.as_str() {
            "step" => (0..action.times.unwrap_or(1)).try_for_each(|_| self.step(&mut handle, action)),
            "set" => set(&mut handle.session, action.hyperparams.as_ref().unwrap()),
            "describe" => {
                handle.session.describe().map(|info| assert_eq!(info.step, action.step, "{action:?}"))
            }
            "fetch" => handle.session.params().map(|kept| handle.params = self.pack(Tensors::Named(kept))),
            "compare" => handle
                .session
                .params()
                .map(|kept| assert_eq!(self.pack(Tensors::Named(kept)), handle.params, "{action:?}")),
            "write" => {
                self.written.extend(handle.params.iter().flat_map(|x| x.to_le_bytes()));
                Ok(())
            }
            "delete" => return handle.session.delete(),
            other => panic!("{other} is no action"),
        };
        self.handles.insert(action.r#as.clone(), handle);
        result
    }

    fn open(&mut self, action: &Action) -> Result<(), Error> {
        let params: Vec<f32> = (0..self.total()).map(|i| ((i * 29 % 255) as f32 - 127.0) / 64.0).collect();
        let spec = Spec {
            chain: action.chain.clone(),
            tensors: action.chain.as_ref().map(|_| self.tensors.clone()),
            workers: self.workers,
            worker: self.workers.map(|_| format!("worker-{}", self.worker)),
            params: action.keep.then(|| Tensors::Packed(params.clone())),
            ..Spec::default()
        };
        let name = action.session.as_ref().unwrap_or(&action.r#as);
        let session = self.client.open(&format!("{}-{name}", self.prefix), &spec)?;
        self.handles.insert(action.r#as.clone(), Handle { session, params });
        Ok(())
    }

    fn step(&self, handle: &mut Handle, action: &Action) -> Result<(), Error> {
        let step = handle.session.info().step as usize + 1;
        let number = |i| ((i * 73 + step * 37 + (action.salt + self.worker) * 11) % 255) as f32;
        let grads =
            (0..action.elements.unwrap_or(self.total())).map(|i| (number(i) - 127.0) / 128.0).collect();
        let options = StepOptions {
            params: action.send.then(|| self.form(action, handle.params.clone())),
            value: action.value,
            hyperparams: action.hyperparams.clone(),
            want_params: action.of == "params",
            dtype: action.dtype,
            reply: action.reply,
            ..StepOptions::default()
        };
        let result = handle.session.step(&self.form(action, grads), &options)?;
        assert!(result.replayed || !action.replayed, "{action:?}");
        let answer = self.pack(result.tensors);
        if options.want_params {
            handle.params = answer;
        } else {
            apply_updates(&mut handle.params, &answer);
        }
        Ok(())
    }

    fn form(&self, action: &Action, mut packed: Vec<f32>) -> Tensors {
        if action.form != "named" {
            return Tensors::Packed(packed);
        }
        let mut take = |tensor| packed.drain(..size(tensor)).collect();
        Tensors::Named(self.tensors.iter().map(|tensor| (tensor.name.clone(), take(tensor))).collect())
    }

    fn pack(&self, tensors: Tensors) -> Vec<f32> {
        match tensors {
            Tensors::Packed(packed) => packed,
            Tensors::Named(named) => {
                self.tensors.iter().flat_map(|tensor| named[&tensor.name].clone()).collect()
            }
        }
    }

    fn total(&self) -> usize {
        self.tensors.iter().map(size).sum()
    }
}

/// No number tells a repeated change from a second one: the client leaves it to its caller.
fn set(session: &mut Session, hyperparams: &BTreeMap<String, f64>) -> Result<(), Error> {
    loop {
        match session.set_hyperparams(hyperparams) {
            Err(Error::NoAnswer(_)) => continue,
            result => return result,
        }
    }
}

fn size(tensor: &TensorSpec) -> usize {
    tensor.shape.iter().product::<u64>() as usize
}
