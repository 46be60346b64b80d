//! What was exercised and what was refused, as a table.

use std::collections::BTreeMap;
use std::fmt;

use super::encryption::{comes_back, decrypt, encrypt_in_software, is_gcm};
use super::refusals;
use super::signing::{sign, verifies_everywhere, verify};
use super::subject::{Case, Subject, must, sample};
use super::wrapping::{unwrap, wrap, wrap_in_software};
use crate::alg::{Alg, EncryptAlg, KeySpec, Op, SignAlg, WrapAlg};
use crate::fit::DecryptParams;
use crate::provider::Place;

/// What came of every operation of every algorithm on every kind of key that it fits.
#[derive(Clone, Debug)]
pub struct Coverage {
    provider: String,
    rows: Vec<(Op, Alg, KeySpec, Outcome)>,
    left_out: Vec<(KeySpec, String)>,
}

/// What came of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is offered, computed there, and works.
    Exercised(Place),
    /// It is not offered, and is refused as that (or, where the public half is enough, left
    /// to the trait, which serves it from there).
    Refused,
    /// There was no key of the kind to try it with, or nothing to try it on.
    LeftOut,
}

impl Coverage {
    /// Tries every row of the table once, and that everything else is refused.
    ///
    /// # Panics
    /// If something that is offered does not work, or something else is not refused.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        let offers = subject.provider().capabilities();
        let mut coverage = Coverage {
            provider: subject.provider().id().to_string(),
            rows: Vec::new(),
            left_out: Vec::new(),
        };
        for spec in KeySpec::ALL {
            let key = subject.key(*spec);
            if let Err(reason) = &key {
                coverage.left_out.push((*spec, reason.clone()));
            }
            for alg in Alg::all().filter(|alg| alg.fits(*spec)) {
                for op in alg.ops() {
                    let outcome = match (&key, offers.supports(op, alg, *spec)) {
                        (Err(_), _) => Outcome::LeftOut,
                        (Ok(key), None) => {
                            refusals::is_refused(subject, op, alg, key);
                            Outcome::Refused
                        }
                        (Ok(key), Some(place)) => match exercise(subject, op, alg, key) {
                            true => Outcome::Exercised(place),
                            false => Outcome::LeftOut,
                        },
                    };
                    coverage.rows.push((op, alg, *spec, outcome));
                }
            }
        }
        coverage
    }

    /// Every operation of every algorithm on every kind of key that it fits.
    pub fn rows(&self) -> impl Iterator<Item = (Op, Alg, KeySpec, Outcome)> {
        self.rows.iter().copied()
    }

    /// How many rows were exercised.
    #[must_use]
    pub fn exercised(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Exercised(_)))
    }

    /// How many were refused as not offered.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.count(|outcome| outcome == Outcome::Refused)
    }

    /// How many were left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.count(|outcome| outcome == Outcome::LeftOut)
    }

    fn count(&self, wanted: impl Fn(Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| wanted(row.3)).count()
    }
}

impl fmt::Display for Coverage {
    /// One line for each algorithm and kind of key, and the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "What `{}` offers:", self.provider)?;
        let mut lines: BTreeMap<(Alg, KeySpec), Vec<(Op, Outcome)>> = BTreeMap::new();
        for (op, alg, spec, outcome) in self.rows() {
            lines.entry((alg, spec)).or_default().push((op, outcome));
        }
        for ((alg, spec), ops) in lines {
            write!(f, "  {:<21} {:<9}", alg.name(), spec.name())?;
            for (op, outcome) in ops {
                write!(f, " {:<9} {:<12}", op.name(), outcome.to_string())?;
            }
            writeln!(f)?;
        }
        for (spec, reason) in &self.left_out {
            writeln!(f, "  left out: {spec}: {reason}")?;
        }
        write!(
            f,
            "  {} exercised, {} refused as not offered, {} left out",
            self.exercised(),
            self.refused(),
            self.left_out()
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Exercised(Place::Inside) => "inside",
            Outcome::Exercised(Place::Public) => "public half",
            Outcome::Exercised(Place::Split) => "split",
            Outcome::Refused => "-",
            Outcome::LeftOut => "left out",
        })
    }
}

/// Everything that is offered works, everything else is refused, and the table of both
/// is printed.
pub fn every_offer_is_kept(subject: &Subject) {
    println!("{}", Coverage::of(subject));
}

/// Runs one row. `false` if there is nothing to run it on: the consuming half of a
/// symmetric algorithm whose producing half is not offered.
fn exercise(subject: &Subject, op: Op, alg: Alg, key: &crate::handle::KeyHandle) -> bool {
    let [produce, _] = alg.ops();
    let both = op == produce || subject.offers(produce, alg, key.spec());
    let key = key.clone();
    match alg {
        Alg::Sign(alg) => both && sign_row(subject, &Case { alg, key }, op),
        Alg::Wrap(alg) => wrap_row(subject, &Case { alg, key }, op, both),
        Alg::Encrypt(alg) => encrypt_row(subject, &Case { alg, key }, op, both),
    }
}

fn sign_row(subject: &Subject, case: &Case<SignAlg>, op: Op) -> bool {
    let message = b"a row of the table";
    let signature = sign(subject, case, message);
    match op {
        Op::Verify => must("verify", case, verify(subject, case, message, &signature)),
        _ => verifies_everywhere(subject, case, message, &signature),
    }
    true
}

fn wrap_row(subject: &Subject, case: &Case<WrapAlg>, op: Op, both: bool) -> bool {
    let material = sample(32);
    let wrapped = match case.spec().is_symmetric() {
        true if !both => return false,
        false if op == Op::UnwrapKey => wrap_in_software(subject, case, &material),
        _ => must("wrap", case, wrap(subject, case, &material)),
    };
    if op == Op::UnwrapKey {
        let back = must("unwrap", case, unwrap(subject, case, &wrapped));
        assert!(back.expose() == material, "{case}: came back changed");
    }
    true
}

fn encrypt_row(subject: &Subject, case: &Case<EncryptAlg>, op: Op, both: bool) -> bool {
    if case.spec().is_symmetric() && !both {
        return false;
    }
    if op == Op::Decrypt && !case.spec().is_symmetric() {
        let made = encrypt_in_software(subject, case, &sample(32));
        let result = decrypt(subject, case, made.as_bytes(), DecryptParams::none());
        let back = must("decrypt", case, result);
        assert!(back.expose() == sample(32), "{case}: came back changed");
        return true;
    }
    let aad = is_gcm(case.alg).then_some(&b"associated data"[..]);
    comes_back(subject, case, &sample(32), aad);
    true
}
