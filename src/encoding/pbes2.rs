//! Encryption under a password: PBES2 (RFC 8018 section 6.2) within limits.

use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::pkcs5::pbes2::{Salt, ScryptParams};

use crate::error::{Error, ErrorKind, Rule};
use crate::secret::SecretBytes;

/// How a password becomes a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordKdf {
    /// scrypt (RFC 7914) with N = 2^14, r = 8, p = 5: 16 MiB of memory, which is what
    /// OpenSSL agrees to read.
    #[default]
    Scrypt,
    /// PBKDF2 with HMAC-SHA-256 and 600,000 iterations, for those who cannot read scrypt.
    Pbkdf2,
}

/// The iterations that we write.
const PBKDF2_ITERATIONS: u32 = 600_000;

/// The most that we run: what RFC 8018 section 4.2 suggests for especially critical
/// keys. A file that asks for more is there to keep us busy.
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

/// The most of scrypt's r p (likewise: 8 MiB) that we run.
const MAX_SCRYPT_ROW: u64 = 1 << 16;

/// The most of scrypt's N r (128 bytes of memory each: 128 MiB) that we run.
const MAX_SCRYPT_MEMORY: u64 = 1 << 20;

/// The most of scrypt's N r p (time) that we run: six times what we write by default.
const MAX_SCRYPT_WORK: u64 = 1 << 22;

/// The length of AES' block, and of the salts that we write.
const BLOCK: usize = 16;

/// Encrypts under fresh salt and IV.
pub(super) fn encrypt(
    kdf: PasswordKdf,
    password: &[u8],
    plain: &SecretBytes,
) -> Result<(Parameters, Vec<u8>), Error> {
    if password.is_empty() {
        return Err(Error::invalid("password", Rule::Empty));
    }
    let wrong = |_| Error::invalid("pkcs8", Rule::Encoding);
    let salt = Salt::new(random()?).map_err(wrong)?;
    let kdf = match kdf {
        PasswordKdf::Scrypt => Kdf::Scrypt(ScryptParams {
            salt,
            cost_parameter: 1 << 14,
            block_size: 8,
            parallelization: 5,
            key_length: None,
        }),
        PasswordKdf::Pbkdf2 => Kdf::Pbkdf2(Pbkdf2Params {
            salt,
            iteration_count: PBKDF2_ITERATIONS,
            key_length: None,
            prf: Pbkdf2Prf::HmacWithSha256,
        }),
    };
    let encryption = EncryptionScheme::Aes256Cbc { iv: random()? };
    let parameters = Parameters { kdf, encryption };
    // In place, in a buffer that is erased should it come to nothing.
    let mut buffer = SecretBytes::zeroed(plain.len() + BLOCK);
    buffer
        .expose_mut()
        .iter_mut()
        .zip(plain.expose())
        .for_each(|(to, from)| *to = *from);
    let ciphertext = parameters
        .encrypt_in_place(password, buffer.expose_mut(), plain.len())
        .map_err(|_| Error::invalid("pkcs8", Rule::Encoding))?
        .to_vec();
    Ok((parameters, ciphertext))
}

/// Decrypts in place, once the costs are known to be bearable.
pub(super) fn decrypt<'a>(
    parameters: &Parameters,
    password: &[u8],
    buffer: &'a mut SecretBytes,
) -> Result<&'a [u8], Error> {
    check_costs(&parameters.kdf)?;
    parameters
        .decrypt_in_place(password, buffer.expose_mut())
        .map_err(|error| {
            use pkcs8::pkcs5::Error::{AlgorithmParametersInvalid, UnsupportedAlgorithm};
            match error {
                UnsupportedAlgorithm { .. } => Error::invalid("algorithm", Rule::Unsupported),
                AlgorithmParametersInvalid { .. } => Error::invalid("parameters", Rule::Encoding),
                _ => Error::invalid("password", Rule::Password),
            }
        })
}

fn check_costs(kdf: &Kdf) -> Result<(), Error> {
    match kdf {
        Kdf::Pbkdf2(costs) => match costs.iteration_count {
            1..=MAX_PBKDF2_ITERATIONS => Ok(()),
            _ => Err(Error::invalid("iterations", Rule::OutOfRange)),
        },
        Kdf::Scrypt(costs) => {
            // RFC 7914 section 2: N is above 1; a table of N r and a row of r p blocks of
            // 128 bytes are held.
            let (n, r) = (costs.cost_parameter, u64::from(costs.block_size));
            let row = r * u64::from(costs.parallelization);
            match (n, n.checked_mul(r), row, n.checked_mul(row)) {
                (
                    2..,
                    Some(1..=MAX_SCRYPT_MEMORY),
                    1..=MAX_SCRYPT_ROW,
                    Some(1..=MAX_SCRYPT_WORK),
                ) => Ok(()),
                _ => Err(Error::invalid("scrypt", Rule::OutOfRange)),
            }
        }
        _ => Err(Error::invalid("algorithm", Rule::Unsupported)),
    }
}

fn random() -> Result<[u8; BLOCK], Error> {
    let mut bytes = [0; BLOCK];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::with_source(ErrorKind::Randomness, error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_costs_are_refused_before_they_are_paid() {
        let salt = Salt::new([0; 16]).unwrap();
        let pbkdf2 = |iteration_count| {
            let prf = Pbkdf2Prf::HmacWithSha256;
            Kdf::Pbkdf2(Pbkdf2Params {
                salt,
                iteration_count,
                key_length: None,
                prf,
            })
        };
        let scrypt = |cost_parameter, block_size, parallelization| {
            let key_length = None;
            Kdf::Scrypt(ScryptParams {
                salt,
                cost_parameter,
                block_size,
                parallelization,
                key_length,
            })
        };
        for kdf in [
            pbkdf2(1),
            pbkdf2(2048),
            scrypt(1 << 14, 8, 1),
            scrypt(1 << 17, 8, 1),
        ] {
            assert!(check_costs(&kdf).is_ok());
        }
        let absurd = [
            pbkdf2(0),
            pbkdf2(u32::MAX),
            scrypt(1 << 20, 8, 1),
            scrypt(1 << 14, 8, u16::MAX),
            scrypt(u64::MAX, u16::MAX, 1),
            scrypt(1, 8, 1),
            scrypt(1, 64, u16::MAX),
            scrypt(2, 32, u16::MAX),
            scrypt(0, 8, 1),
            scrypt(16, 0, 1),
            scrypt(16, 8, 0),
        ];
        for kdf in absurd {
            assert!(check_costs(&kdf).is_err(), "{kdf:?}");
        }
    }
}
