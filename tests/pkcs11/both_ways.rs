//! The same key in a token and in software: what the one makes the other undoes, for every
//! row that either offers.

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use strongroom::alg::Alg;
use strongroom::fit::{
    DecryptRequest, EncryptRequest, SignRequest, UnwrapRequest, VerifyRequest, WrapRequest,
};
use strongroom::jwk::SecretJwk;
use strongroom::provider::{KeyProvider, NewKey};
use strongroom::software::Software;
use strongroom::{DecryptParams, EncryptParams, Error, KeyHandle, KeySpec, Op, ProviderKeyId};

/// A provider with its handle of the key.
struct Side<'a>(&'a dyn KeyProvider, KeyHandle);

/// Goes through every kind of key that the token takes over; answers with how many rows were
/// exchanged.
pub(super) fn exchange(token: &dyn KeyProvider, specs: &[KeySpec]) -> usize {
    let software = Software::ephemeral().unwrap();
    let mut rows = 0;
    for spec in specs {
        if !token.capabilities().can_import(*spec) {
            println!("{spec}: the token takes no such key over");
            continue;
        }
        let jwk = secret(*spec);
        let mut id = [0; 16];
        software.random(&mut id).unwrap();
        let new = NewKey::new(ProviderKeyId::from_bytes(id), *spec).unwrap();
        let inside = Side(token, token.import(&jwk, &new).unwrap());
        let outside = Side(&software, software.import(&jwk, &new).unwrap());
        for alg in Alg::all().filter(|alg| alg.fits(*spec)) {
            for (maker, user) in [(&inside, &outside), (&outside, &inside)] {
                let [makes, undoes] = alg.ops();
                let offers =
                    |side: &Side<'_>, op| side.0.capabilities().supports(op, alg, *spec).is_some();
                if offers(maker, makes) && offers(user, undoes) {
                    let there = format!("{alg} on {spec} from {} to {}", maker.0.id(), user.0.id());
                    round(alg, maker, user).unwrap_or_else(|error| panic!("{there}: {error:?}"));
                    rows += 1;
                }
            }
        }
        token.destroy(&inside.1).unwrap();
    }
    rows
}

fn round(alg: Alg, maker: &Side<'_>, user: &Side<'_>) -> Result<(), Error> {
    let message = b"sixteen bytes...";
    match alg {
        Alg::Sign(alg) => {
            let made = maker
                .0
                .sign(&SignRequest::for_message(&maker.1, alg, message)?)?;
            user.0.verify(&VerifyRequest::for_message(
                &user.1,
                alg,
                message,
                made.as_bytes(),
            )?)
        }
        Alg::Wrap(alg) => {
            // Of an odd length where the algorithm takes one.
            for material in [&message[..], &message[..13]] {
                let Ok(request) = WrapRequest::new(&maker.1, alg, material) else {
                    continue;
                };
                let made = maker.0.wrap_key(&request)?;
                let back = user
                    .0
                    .unwrap_key(&UnwrapRequest::new(&user.1, alg, &made)?)?;
                assert_eq!(back.expose(), material);
            }
            Ok(())
        }
        Alg::Encrypt(alg) => {
            let (iv, aad) = ([7; 16], b"associated".as_slice());
            for (plain, with) in [
                EncryptParams::none(),
                EncryptParams::none().with_aad(aad),
                EncryptParams::none().with_iv(&iv),
            ]
            .into_iter()
            .flat_map(|params| [(&message[..], params), (&message[..5], params)])
            {
                let Ok(request) = EncryptRequest::new(&maker.1, alg, plain, with) else {
                    continue;
                };
                let made = maker.0.encrypt(&request)?;
                let mut params: DecryptParams<'_> = made.params();
                params.aad = with.aad;
                let request = DecryptRequest::new(&user.1, alg, made.as_bytes(), params)?;
                let back = user.0.decrypt(&request)?;
                // CBC without padding fills up with zeros.
                assert_eq!(&back.expose()[..plain.len()], plain);
            }
            Ok(())
        }
        _ => panic!("{alg}: an algorithm that this test does not know"),
    }
}

/// A key of this kind.
fn secret(spec: KeySpec) -> SecretJwk {
    match spec {
        KeySpec::Rsa { bits } => {
            let mut rng = ChaCha20Rng::from_seed([u8::try_from(bits / 512).unwrap(); 32]);
            let key = rsa::RsaPrivateKey::new(&mut rng, usize::try_from(bits).unwrap()).unwrap();
            let [n, e, d] = [key.n().as_ref(), key.e(), key.d()]
                .map(|number| number.to_be_bytes_trimmed_vartime());
            SecretJwk::from_rsa_components(&n, &e, &d, None).unwrap()
        }
        // Small enough for every order, and not the generator's scalar.
        KeySpec::Ec(curve) => {
            let mut scalar = vec![3; curve.field_len()];
            scalar[0] = 0;
            SecretJwk::from_ec_scalar(curve, &scalar).unwrap()
        }
        spec => SecretJwk::from_oct(&vec![0x5c; spec.byte_len()]).unwrap(),
    }
}

/// Both operations of every algorithm that some kind of key can be exchanged for.
pub(super) fn both_ops(token: &dyn KeyProvider, specs: &[KeySpec]) -> usize {
    let offers = token.capabilities();
    let mut rows = 0;
    for spec in specs.iter().filter(|spec| offers.can_import(**spec)) {
        for alg in Alg::all().filter(|alg| alg.fits(*spec)) {
            let has = |op: Op| usize::from(offers.supports(op, alg, *spec).is_some());
            rows += alg.ops().map(has).iter().sum::<usize>();
        }
    }
    rows
}
