//! Client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept.

mod session;
mod tensors;
mod transport;
pub mod vocabulary;

pub use session::{Info, Needs, Session, Spec, Step, StepOptions, TensorSpec};
pub use tensors::{apply_updates, Dtype, Tensors};
pub use transport::{Client, Error, Options, Refusal, Retry};
