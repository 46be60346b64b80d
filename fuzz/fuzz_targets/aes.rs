//! AES by every path that this processor has, against the RustCrypto crates: GCM, CBC and
//! key wrap. The input is a key length, lengths of data and associated data, which bit to
//! change, and bytes, which are repeated as often as it takes: so lengths around strides
//! need no long input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::internal::AesPath;

/// More than two strides of the widest path, so that each way through it is taken.
const LONGEST: usize = 2200;

fuzz_target!(|data: &[u8]| {
    let Some(([kind, aad, low, high, bit_low, bit_high], rest)) = data.split_first_chunk() else {
        return;
    };
    if rest.is_empty() {
        return;
    }
    let mut bytes = rest.iter().copied().cycle();
    let mut take = |len: usize| bytes.by_ref().take(len).collect::<Vec<u8>>();
    let number = |low: u8, high: u8| usize::from(u16::from_le_bytes([low, high]));
    let key = take([16, 24, 32][usize::from(*kind) % 3]);
    let block: [u8; 16] = take(16).try_into().expect("16 bytes");
    let iv: [u8; 12] = block[..12].try_into().expect("12 bytes");
    // 600 is more than is hashed at a time.
    let aad = take(usize::from(*aad) * 600 / 255);
    let content = take(number(*low, *high) % LONGEST);
    let bit = number(*bit_low, *bit_high);
    let changed = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = bit % (8 * bytes.len());
        bytes[at / 8] ^= 1 << (at % 8);
        bytes
    };

    let paths = AesPath::all(&key);
    let (crates, kernels) = paths.split_last().expect("a key");
    let (ciphertext, tag) = crates.gcm_encrypt(iv, &aad, &content).expect("short");
    let padded = crates.cbc_encrypt(&block, &content);
    let changed_padded = changed(&padded);
    let unpadded = crates.cbc_decrypt(&block, &changed_padded);
    // Key wrap takes whole semiblocks, and is slow.
    let material = &content[..content.len().min(400)];
    let semiblocks = &material[..material.len() / 8 * 8];
    let wrapped = (semiblocks.len() >= 16).then(|| crates.kw_wrap(semiblocks));
    let filled = (!material.is_empty()).then(|| crates.kwp_wrap(material));
    for path in kernels {
        let sealed = path.gcm_encrypt(iv, &aad, &content).expect("short");
        assert!(sealed == (ciphertext.clone(), tag));
        let opened = path.gcm_decrypt(iv, &aad, &ciphertext, tag);
        assert!(opened.expect("opens").expose() == content);
        let wrong = changed(&tag).try_into().expect("16 bytes");
        assert!(path.gcm_decrypt(iv, &aad, &ciphertext, wrong).is_none());
        if !content.is_empty() {
            let wrong = changed(&ciphertext);
            assert!(path.gcm_decrypt(iv, &aad, &wrong, tag).is_none());
        }
        if !aad.is_empty() {
            let wrong = changed(&aad);
            assert!(path.gcm_decrypt(iv, &wrong, &ciphertext, tag).is_none());
        }

        assert!(path.cbc_encrypt(&block, &content) == padded);
        let back = path.cbc_decrypt(&block, &padded).expect("good padding");
        assert!(back.expose() == content);
        assert!(path.cbc_decrypt(&block, &changed_padded) == unpadded);

        if let Some(wrapped) = &wrapped {
            assert!(path.kw_wrap(semiblocks) == *wrapped);
            assert!(path.kw_unwrap(wrapped).expect("unwraps").expose() == semiblocks);
            assert!(path.kw_unwrap(&changed(wrapped)).is_none());
        }
        if let Some(filled) = &filled {
            assert!(path.kwp_wrap(material) == *filled);
            assert!(path.kwp_unwrap(filled).expect("unwraps").expose() == material);
            assert!(path.kwp_unwrap(&changed(filled)).is_none());
        }
    }
});
