//! draft

pub mod alg;
pub mod encoding;
mod error;
pub mod fit;
mod handle;
#[doc(hidden)]
pub mod internal;
pub mod jwk;
pub mod provider;
pub mod public;
mod secret;
pub mod software;
pub mod store;
pub mod vault;

pub use alg::{Curve, Digest, EncryptAlg, Hash, HashValue, KeySpec, Op, OpSet, SignAlg, WrapAlg};
pub use error::{Denial, Error, ErrorKind, Rule, ServiceAnswer};
pub use fit::{Ciphertext, DecryptParams, EncryptParams, Signature};
pub use handle::{KeyHandle, ProviderId, ProviderKeyId};
pub use provider::KeyProvider;
pub use secret::SecretBytes;
pub use software::Software;
