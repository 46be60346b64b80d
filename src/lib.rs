//! draft

pub mod alg;
pub mod encoding;
mod error;
pub mod jwk;
mod secret;

pub use alg::{Curve, Digest, EncryptAlg, Hash, HashValue, KeySpec, Op, OpSet, SignAlg, WrapAlg};
pub use error::{Denial, Error, ErrorKind, Rule, ServiceAnswer};
pub use secret::SecretBytes;
