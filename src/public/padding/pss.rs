//! EMSA-PSS (RFC 8017 section 9.1).

use super::{mgf1_xor, no_room};
use crate::alg::Digest;
use crate::error::{Error, Rule};

/// The block to sign, as long as the modulus: the leading byte that the modulus has and
/// the encoded message may not have (section 8.1.1 step 2) is there.
///
/// MGF1 has the digest's hash, and the salt, which is drawn anew for each signature, the
/// digest's length (RFC 7518 section 3.5).
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a salt of another length, or if the modulus
/// has no room.
pub(crate) fn encode(digest: Digest<'_>, modulus_bits: u32, salt: &[u8]) -> Result<Vec<u8>, Error> {
    let hash = digest.hash();
    if salt.len() != hash.len() {
        let rule = Rule::Length {
            expected: hash.len(),
            actual: salt.len(),
        };
        return Err(Error::invalid("salt", rule));
    }
    let bits = usize::try_from(modulus_bits).map_err(|_| no_room())?;
    let em_bits = bits.checked_sub(1).ok_or_else(no_room)?;
    let em_len = em_bits.div_ceil(8);
    let filling = em_len.checked_sub(hash.len() + salt.len() + 2);
    let filling = filling.ok_or_else(no_room)?;

    // M' = 8 zero bytes || mHash || salt, H = Hash(M'), DB = PS || 01 || salt.
    let m = [&[0; 8], digest.as_bytes(), salt].concat();
    let h = hash.hash(&m);
    let mut db = [vec![0; filling].as_slice(), &[1], salt].concat();
    mgf1_xor(hash, h.as_bytes(), &mut db);
    if let Some(leftmost) = db.first_mut() {
        *leftmost &= 0xFF >> (8 * em_len - em_bits);
    }
    let lead = vec![0; bits.div_ceil(8) - em_len];
    Ok([lead.as_slice(), &db, h.as_bytes(), &[0xBC]].concat())
}

/// Whether a block, as long as the modulus, is an encoding of the digest (section 9.1.2),
/// with a salt exactly as long as the digest. Public data: variable time.
pub(crate) fn verify_vartime(digest: Digest<'_>, modulus_bits: u32, block: &[u8]) -> bool {
    let hash = digest.hash();
    let Some(em_bits) = usize::try_from(modulus_bits)
        .ok()
        .and_then(|bits| bits.checked_sub(1))
    else {
        return false;
    };
    // A byte that the modulus has and the encoding has not is zero.
    let Some(lead) = block.len().checked_sub(em_bits.div_ceil(8)) else {
        return false;
    };
    let unused = 8 * em_bits.div_ceil(8) - em_bits;
    let Some((lead, [em @ .., 0xBC])) = block.split_at_checked(lead) else {
        return false;
    };
    let Some((masked, h)) = em.len().checked_sub(hash.len()).map(|at| em.split_at(at)) else {
        return false;
    };
    let leftmost = masked.first().copied().unwrap_or(u8::MAX);
    if lead.iter().any(|byte| *byte != 0) || u32::from(leftmost) >= 0x100 >> unused {
        return false;
    }
    let mut db = masked.to_vec();
    mgf1_xor(hash, h, &mut db);
    if let Some(leftmost) = db.first_mut() {
        *leftmost &= 0xFF >> unused;
    }
    let Some((padding, salt)) = db.len().checked_sub(hash.len()).map(|at| db.split_at(at)) else {
        return false;
    };
    let Some((1, zeros)) = padding.split_last() else {
        return false;
    };
    let m = [&[0; 8], digest.as_bytes(), salt].concat();
    zeros.iter().all(|byte| *byte == 0) && hash.hash(&m).as_bytes() == h
}
