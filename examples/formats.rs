//! Keys as JWK, PEM and DER, and from one to the other.
//!
//! ```text
//! cargo run --example formats
//! ```

use strongroom::encoding::PasswordKdf;
use strongroom::jwk::{Jwk, JwkSet, SecretJwk};
use strongroom::{Error, Rule};

/// The private key of RFC 7517 appendix A.2, without the members that are not its own.
const PRIVATE: &[u8] = br#"{
    "kty": "EC", "crv": "P-256", "kid": "1",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"
}"#;

fn main() -> Result<(), Error> {
    let key = SecretJwk::from_json(PRIVATE)?;

    // The public half is another type, which cannot hold a private member.
    let public: &Jwk = key.public();
    println!("public:      {}", public.to_json());
    println!("thumbprint:  {}", public.thumbprint()?.to_uri());
    print!("{}", public.to_spki_pem()?);

    // The private half leaves under a password; without one, by a name that says so.
    let pem = key.to_encrypted_pkcs8_pem(b"correct horse", PasswordKdf::default())?;
    let back = SecretJwk::from_encrypted_pem(pem.as_bytes(), b"correct horse")?;
    assert!(back.public().key() == public.key());
    let plain = key.to_pkcs8_pem_exposing_secret()?;
    println!("as PKCS #8:  {} bytes of PEM", plain.len());

    // A private key where a public one is due is refused, and not stripped in silence.
    let error = Jwk::from_json(PRIVATE).err();
    println!(
        "refused:     {}",
        error.map_or_else(String::new, |error| error.to_string())
    );

    // A set with a key type that nobody here knows still gives the others.
    let set = format!(
        r#"{{"keys":[{{"kty":"AKP","kid":"pq"}},{}]}}"#,
        public.to_json()
    );
    let set = JwkSet::from_json(set.as_bytes())?;
    let found = set
        .find("1")
        .ok_or_else(|| Error::invalid("kid", Rule::Missing))?;
    println!(
        "in the set:  {:?}, and {} not known",
        found.meta().kid(),
        set.unknown().count()
    );
    Ok(())
}
