//! From a passphrase to a sealing key: argon2id, with bounded costs.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::key::SealingKey;
use crate::error::{Error, ErrorKind, Rule};
use crate::secret::SecretBytes;

/// What guessing a passphrase costs: argon2id (RFC 9106).
///
/// ```
/// use strongroom::seal::PassphraseCosts;
/// assert!(PassphraseCosts::new(64 * 1024, 3, 4).is_ok());
/// assert!(PassphraseCosts::new(8 * 1024 * 1024, 3, 4).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCosts {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl PassphraseCosts {
    /// The least memory, in KiB: the least that OWASP suggests, with two passes.
    pub const MIN_MEMORY_KIB: u32 = 19 * 1024;
    /// The most memory, in KiB: 1 GiB.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// The most memory times passes, in KiB: a few seconds.
    pub const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;
    /// The most passes.
    pub const MAX_PASSES: u32 = 16;
    /// The most lanes.
    pub const MAX_LANES: u32 = 16;

    /// Costs of one's own. The bounds keep a header that was tampered with from taking
    /// the machine's memory or a day, because costs are used before anything about the
    /// header can be checked.
    ///
    /// # Errors
    /// [`Rule::OutOfRange`] for `memory`, `passes` or `lanes`.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        let bounds = [
            (
                "memory",
                memory_kib,
                PassphraseCosts::MIN_MEMORY_KIB..=PassphraseCosts::MAX_MEMORY_KIB,
            ),
            ("passes", passes, 1..=PassphraseCosts::MAX_PASSES),
            ("lanes", lanes, 1..=PassphraseCosts::MAX_LANES),
        ];
        for (field, value, range) in bounds {
            if !range.contains(&value) {
                return Err(Error::invalid(field, Rule::OutOfRange));
            }
        }
        if u64::from(memory_kib) * u64::from(passes) > PassphraseCosts::MAX_WORK_KIB {
            return Err(Error::invalid("passes", Rule::OutOfRange));
        }
        Ok(PassphraseCosts {
            memory_kib,
            passes,
            lanes,
        })
    }
}

impl Default for PassphraseCosts {
    /// 64 MiB, 3 passes, 4 lanes: the second recommendation of RFC 9106 section 4.
    fn default() -> Self {
        PassphraseCosts {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 4,
        }
    }
}

/// Argon2id, version 1.3.
pub(super) fn stretch(
    passphrase: &[u8],
    salt: &[u8],
    costs: PassphraseCosts,
) -> Result<SealingKey, Error> {
    if passphrase.is_empty() {
        return Err(Error::invalid("passphrase", Rule::Empty));
    }
    let PassphraseCosts {
        memory_kib,
        passes,
        lanes,
    } = costs;
    let out_of_range = |_| Error::invalid("passphrase", Rule::OutOfRange);
    let params = Params::new(memory_kib, passes, lanes, Some(SealingKey::LEN));
    let params = params.map_err(out_of_range)?;
    // Our own memory, because the crate frees its unerased: the last blocks are the key
    // before its last hash.
    let mut memory: Zeroizing<Vec<Block>> = Zeroizing::default();
    let blocks = params.block_count();
    let unavailable = |_| Error::from(ErrorKind::Unavailable { what: "memory" });
    memory.try_reserve_exact(blocks).map_err(unavailable)?;
    memory.resize(blocks, Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut root = SecretBytes::zeroed(SealingKey::LEN);
    let (out, memory) = (root.expose_mut(), memory.as_mut_slice());
    argon2
        .hash_password_into_with_memory(passphrase, salt, out, memory)
        .map_err(out_of_range)?;
    SealingKey::from_secret(root)
}
