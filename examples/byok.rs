//! Bring your own key: a key made elsewhere gets into a vault, and nobody on the way sees it.
//!
//! ```sh
//! cargo run --example byok
//! ```

use std::error::Error;

use strongroom::alg::{KeyOp, TransferAlg};
use strongroom::encoding::{ByokBlob, TransferKind};
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::public::wrap_for_import;
use strongroom::vault::KeyOptions;
use strongroom::{KeySpec, OpSet, SignAlg};

fn main() -> Result<(), Box<dyn Error>> {
    // In the vault: a key exchange key, for import and nothing else. With a `Pkcs11` provider
    // it lives in the token, and so does everything that is imported under it.
    let vault = strongroom::in_memory()?;
    let import_only = KeyOptions::new().ops(OpSet::from_iter([KeyOp::Import]));
    let kek = vault.create("exchange", KeySpec::Rsa { bits: 3072 }, &import_only)?;
    let public = kek.jwk()?.to_json();
    println!("key exchange key: {}", kek.id()?);

    // Where the key is: its owner has the public half of that, and makes a `.byok` file.
    let pem = include_bytes!("data/rsa-2048-private.pem");
    let own = SecretJwk::from_pem(pem)?;
    let kek = Jwk::from_json(public.as_bytes())?;
    let blob = wrap_for_import(&kek, TransferAlg::default(), &own)?;
    let file = blob
        .with_generator("strongroom, examples/byok.rs")?
        .to_json();
    println!("file of {} bytes: {:.60}...", file.len(), file);

    // In the vault again: the file is imported. Its content is the key, whole and checked.
    let blob = ByokBlob::from_json(file.as_bytes())?;
    let key = vault.import_byok("own", TransferKind::Rsa, &blob, &KeyOptions::new())?;
    let signature = key.sign(SignAlg::Ps256, b"message")?;
    key.verify(SignAlg::Ps256, b"message", signature.value.as_bytes())?;
    println!("signed by {}", signature.key);
    Ok(())
}
