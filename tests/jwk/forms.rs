//! Keys written by other software: OpenSSL, and Python's `cryptography`.

use strongroom::encoding::PasswordKdf;
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::{ErrorKind, Rule};

use crate::keys;
use crate::object::{ec_secret, rsa, rsa_secret};

fn read(json: &str) -> SecretJwk {
    SecretJwk::from_json(json.as_bytes()).unwrap()
}

fn text(secret: &strongroom::SecretBytes) -> &str {
    std::str::from_utf8(secret.expose()).unwrap()
}

#[test]
fn private_keys_in_every_form() {
    let (rsa, ec) = (read(&rsa_secret().json()), read(&ec_secret().json()));
    for (pem, key) in [
        (keys::RSA_PKCS8_PEM, &rsa),
        (keys::RSA_PKCS1_PEM, &rsa),
        (keys::EC_PKCS8_PEM, &ec),
        (keys::EC_SEC1_PEM, &ec),
    ] {
        assert_eq!(&SecretJwk::from_pem(pem.as_bytes()).unwrap(), key);
        let crlf = pem.replace('\n', "\r\n");
        assert_eq!(&SecretJwk::from_pem(crlf.as_bytes()).unwrap(), key);
        assert!(Jwk::from_pem(pem.as_bytes()).is_err());
    }
    // We write what they write.
    assert_eq!(
        text(&rsa.to_pkcs8_pem_exposing_secret().unwrap()),
        keys::RSA_PKCS8_PEM
    );
    assert_eq!(
        text(&rsa.to_pkcs1_pem_exposing_secret().unwrap()),
        keys::RSA_PKCS1_PEM
    );
    assert_eq!(
        text(&ec.to_pkcs8_pem_exposing_secret().unwrap()),
        keys::EC_PKCS8_PEM
    );
    assert_eq!(
        text(&ec.to_sec1_pem_exposing_secret().unwrap()),
        keys::EC_SEC1_PEM
    );
}

#[test]
fn public_keys_in_every_form() {
    let (rsa, ec) = (read(&rsa_secret().json()), read(&ec_secret().json()));
    for (pem, key) in [
        (keys::RSA_SPKI_PEM, &rsa),
        (keys::RSA_PKCS1_PUBLIC_PEM, &rsa),
        (keys::EC_SPKI_PEM, &ec),
    ] {
        assert_eq!(&Jwk::from_pem(pem.as_bytes()).unwrap(), key.public());
        assert!(SecretJwk::from_pem(pem.as_bytes()).is_err());
    }
    assert_eq!(rsa.public().to_spki_pem().unwrap(), keys::RSA_SPKI_PEM);
    assert_eq!(
        rsa.public().to_pkcs1_pem().unwrap(),
        keys::RSA_PKCS1_PUBLIC_PEM
    );
    assert_eq!(ec.public().to_spki_pem().unwrap(), keys::EC_SPKI_PEM);
}

#[test]
fn a_minimal_rsa_key_is_completed() {
    let minimal = read(&rsa().text("d", keys::RSA_D).json());
    let full = read(&rsa_secret().json());
    // The primes are found in either order; the key is the same.
    let private = text(&minimal.to_json_exposing_secret()).to_owned();
    for member in [
        keys::RSA_D,
        keys::RSA_P,
        keys::RSA_Q,
        keys::RSA_DP,
        keys::RSA_DQ,
    ] {
        assert!(private.contains(member));
    }
    assert_eq!(minimal.public(), full.public());
    assert_eq!(text(&full.to_json_exposing_secret()), rsa_secret().json());
}

#[test]
fn under_a_password() {
    let ec = read(&ec_secret().json());
    let password = b"correct horse";
    for pem in [keys::EC_SCRYPT_PEM, keys::EC_PBKDF2_PEM] {
        assert_eq!(
            SecretJwk::from_encrypted_pem(pem.as_bytes(), password).unwrap(),
            ec
        );
        let error = SecretJwk::from_encrypted_pem(pem.as_bytes(), b"wrong").unwrap_err();
        let expected = ErrorKind::Invalid {
            field: "password",
            rule: Rule::Password,
        };
        assert_eq!(*error.kind(), expected);
        let error = SecretJwk::from_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "`password` is missing");
    }
    for kdf in [PasswordKdf::Scrypt, PasswordKdf::Pbkdf2] {
        let pem = ec.to_encrypted_pkcs8_pem(password, kdf).unwrap();
        assert_eq!(
            SecretJwk::from_encrypted_pem(pem.as_bytes(), password).unwrap(),
            ec
        );
        assert!(ec.to_encrypted_pkcs8_pem(b"", kdf).is_err());
    }
    assert!(SecretJwk::from_encrypted_pem(keys::EC_PKCS8_PEM.as_bytes(), password).is_err());
}

#[test]
fn what_is_refused() {
    // 53: curves that are spelled out; and kinds of key that a JWK here cannot hold.
    let invalid = |field, rule| ErrorKind::Invalid { field, rule };
    let secret = [
        (keys::EC_EXPLICIT_SEC1_PEM, invalid("sec1", Rule::Encoding)),
        (
            keys::EC_EXPLICIT_PKCS8_PEM,
            invalid("crv", Rule::Unsupported),
        ),
        (
            keys::ED25519_PKCS8_PEM,
            invalid("algorithm", Rule::Unsupported),
        ),
        (
            keys::RSA_THREE_PRIMES_PEM,
            invalid("oth", Rule::Unsupported),
        ),
    ];
    for (pem, expected) in secret {
        assert_eq!(
            *SecretJwk::from_pem(pem.as_bytes()).unwrap_err().kind(),
            expected
        );
    }
    let public = [
        (
            keys::EC_EXPLICIT_SPKI_PEM,
            invalid("crv", Rule::Unsupported),
        ),
        (
            keys::RSA_PSS_SPKI_PEM,
            invalid("algorithm", Rule::Unsupported),
        ),
    ];
    for (pem, expected) in public {
        assert_eq!(*Jwk::from_pem(pem.as_bytes()).unwrap_err().kind(), expected);
    }
    let start = std::time::Instant::now();
    let costly =
        SecretJwk::from_encrypted_pem(keys::EC_ITERATIONS_PEM.as_bytes(), b"correct horse");
    assert_eq!(
        *costly.unwrap_err().kind(),
        invalid("iterations", Rule::OutOfRange)
    );
    assert!(start.elapsed().as_secs() < 2, "the work was done first");
    assert!(
        SecretJwk::from_encrypted_pem(keys::EC_PBES1_PEM.as_bytes(), b"correct horse").is_err()
    );
    let twice = keys::EC_SPKI_PEM.repeat(2);
    for pem in [
        "",
        "-----BEGIN PUBLIC KEY-----",
        "AQAB",
        &twice,
        &keys::EC_SPKI_PEM.replace("PUBLIC", "LOST"),
    ] {
        assert!(Jwk::from_pem(pem.as_bytes()).is_err());
    }
}
