//! Client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept.

mod error;
mod session;
mod tensors;
mod transport;
pub mod vocabulary;

pub use error::{Error, Refusal};
pub use session::{Info, Needs, Session, Spec, Step, StepOptions, TensorSpec};
pub use tensors::{apply_updates, Dtype, Tensors};
pub use transport::{Client, Options, Retry};
