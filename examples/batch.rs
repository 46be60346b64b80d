//! Many signatures at once, with different keys and algorithms: each item has its own
//! result, in the order of the items.
//!
//! ```text
//! cargo run --release --example batch
//! ```

use strongroom::vault::{Key, KeyOptions, SignInput, SignItem, VerifyItem};
use strongroom::{Curve, Error, KeySpec, SignAlg};

fn main() -> Result<(), Error> {
    let vault = strongroom::in_memory()?;
    let token = vault.create("tokens", Curve::P256, &KeyOptions::new())?;
    let report = vault.create("reports", Curve::P384, &KeyOptions::new())?;
    let webhook = vault.create("webhooks", KeySpec::Hmac { bits: 256 }, &KeyOptions::new())?;

    let item = |alg, message| SignItem {
        alg,
        input: SignInput::Message(message),
    };
    let items: [(&Key, SignItem<'_>); 4] = [
        (&token, item(SignAlg::Es256, b"header.payload")),
        (&report, item(SignAlg::Es384, b"a long report")),
        (&webhook, item(SignAlg::Hs256, b"{\"event\":\"paid\"}")),
        // A P-384 key has no ES256: this item fails alone.
        (&report, item(SignAlg::Es256, b"wrong algorithm")),
    ];
    let signatures = vault.sign_batch(&items);
    for ((key, item), signature) in items.iter().zip(&signatures) {
        match signature {
            Ok(signature) => println!("{} {}: {:?}", key.name(), item.alg, signature.value),
            Err(error) => println!("{} {}: {error}", key.name(), item.alg),
        }
    }

    let signed = items.iter().zip(&signatures);
    let made: Vec<(&Key, VerifyItem<'_>)> = signed
        .filter_map(|((key, item), signature)| {
            let signature = signature.as_ref().ok()?.value.as_bytes();
            let (alg, input) = (item.alg, item.input);
            let item = VerifyItem {
                alg,
                input,
                signature,
            };
            Some((*key, item))
        })
        .collect();
    let verified = vault
        .verify_batch(&made)
        .iter()
        .filter(|result| result.is_ok())
        .count();
    println!("{verified} of {} verified", made.len());
    Ok(())
}
