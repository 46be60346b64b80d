//! *May this key be used for this, now?* The permission table, as a pure function.
//!
//! Nothing else in the crate reads `enabled`, `nbf`, `exp` or `key_ops` to decide whether a verb
//! may run.

use std::fmt;

use super::attributes::Attributes;
use super::clock::Clock;
use crate::alg::{Alg, EncryptAlg, Op, OpSet, Standing, WrapAlg};
use crate::error::Denial;

/// Which legacy algorithms a vault lets through. By default none.
///
/// Producing (wrap, encrypt) and consuming (unwrap, decrypt) are allowed apart: old
/// data must be read long after new data may no longer be made.
///
/// ```
/// use strongroom::EncryptAlg;
/// use strongroom::vault::LegacyPolicy;
/// let read_old_files = LegacyPolicy::deny_all().allow_consuming(EncryptAlg::A256CbcPad);
/// # let _ = read_old_files;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyPolicy {
    /// The recommended ones among them, always.
    producing: AlgSet,
    consuming: AlgSet,
    rsa15_with_signing_keys: bool,
}

impl LegacyPolicy {
    /// No legacy algorithm at all.
    #[must_use]
    pub fn deny_all() -> Self {
        let recommended = Alg::all().filter(|alg| alg.standing() == Standing::Recommended);
        let recommended = recommended.collect();
        LegacyPolicy {
            producing: recommended,
            consuming: recommended,
            rsa15_with_signing_keys: false,
        }
    }

    /// Every legacy algorithm in both directions, and RSA1_5 with keys that sign.
    #[must_use]
    pub fn allow_all() -> Self {
        LegacyPolicy {
            producing: Alg::all().collect(),
            consuming: Alg::all().collect(),
            rsa15_with_signing_keys: true,
        }
    }

    /// Lets an algorithm wrap and encrypt.
    #[must_use]
    pub fn allow_producing(mut self, alg: impl Into<Alg>) -> Self {
        self.producing.insert(alg.into());
        self
    }

    /// Lets an algorithm unwrap and decrypt.
    #[must_use]
    pub fn allow_consuming(mut self, alg: impl Into<Alg>) -> Self {
        self.consuming.insert(alg.into());
        self
    }

    /// Lets RSA1_5 unwrap and decrypt with keys that may also sign. Whoever can ask for
    /// such decryptions and sees how they end can forge signatures with a key like that
    /// (Bleichenbacher 1998; implicit rejection makes it hard, not impossible).
    #[must_use]
    pub fn allow_rsa15_with_signing_keys(mut self) -> Self {
        self.rsa15_with_signing_keys = true;
        self
    }

    fn permits(&self, op: Op, alg: Alg, ops: OpSet) -> Result<(), Denial> {
        let allowed = if op.produces() {
            self.producing
        } else {
            self.consuming
        };
        if !allowed.contains(alg) {
            return Err(Denial::Legacy);
        }
        let rsa15 = [Alg::Encrypt(EncryptAlg::Rsa15), Alg::Wrap(WrapAlg::Rsa15)].contains(&alg);
        let shared = rsa15 && !op.produces() && ops.contains(Op::Sign);
        if shared && !self.rsa15_with_signing_keys {
            return Err(Denial::SharedWithSigning);
        }
        Ok(())
    }
}

impl Default for LegacyPolicy {
    fn default() -> Self {
        LegacyPolicy::deny_all()
    }
}

/// Algorithms, a bit each: every operation asks.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct AlgSet(u64);

impl AlgSet {
    fn insert(&mut self, alg: Alg) {
        self.0 |= 1 << alg.number();
    }

    fn contains(self, alg: Alg) -> bool {
        (self.0 >> alg.number()) & 1 == 1
    }
}

impl FromIterator<Alg> for AlgSet {
    fn from_iter<I: IntoIterator<Item = Alg>>(algs: I) -> Self {
        let mut set = AlgSet::default();
        algs.into_iter().for_each(|alg| set.insert(alg));
        set
    }
}

impl fmt::Debug for AlgSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algs = Alg::all().filter(|alg| self.contains(*alg));
        f.debug_set().entries(algs).finish()
    }
}

/// The facts about a key that policy looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) attributes: &'a Attributes,
    pub(super) ops: OpSet,
}

/// What policy is decided with, besides the key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// Asked only where a key's attributes make the time matter.
    pub(super) clock: &'a dyn Clock,
    /// Seconds by which `nbf` and `exp` are stretched for clocks that disagree.
    pub(super) leeway: u64,
    pub(super) legacy: &'a LegacyPolicy,
}

/// Whether a key may be used for this operation and algorithm now.
///
/// In this order: `enabled` (all six verbs), `nbf` and `exp` (sign, wrapKey and encrypt
/// alone: what was protected stays readable), `key_ops`, and the algorithm's standing.
#[inline]
pub(super) fn permit(
    op: Op,
    alg: Alg,
    subject: Subject<'_>,
    context: Context<'_>,
) -> Result<(), Denial> {
    let Attributes {
        enabled, nbf, exp, ..
    } = *subject.attributes;
    if !enabled {
        return Err(Denial::Disabled);
    }
    if op.produces() {
        let (clock, leeway) = (context.clock, context.leeway);
        if nbf.is_some_and(|nbf| clock.now().plus(leeway) < nbf) {
            return Err(Denial::NotYetValid);
        }
        if exp.is_some_and(|exp| clock.now().minus(leeway) >= exp) {
            return Err(Denial::Expired);
        }
    }
    if !subject.ops.contains(op) {
        return Err(Denial::NotInKeyOps);
    }
    context.legacy.permits(op, alg, subject.ops)
}

#[cfg(test)]
mod tests {
    use super::super::{ManualClock, UnixTime};
    use super::*;
    use crate::alg::SignAlg;
    use Denial::{Disabled, Expired, NotInKeyOps, NotYetValid};

    /// When, relative to `nbf` = 100 and `exp` = 200.
    const BEFORE: u64 = 99;
    const INSIDE: u64 = 150;
    const AFTER: u64 = 200;

    type Cell = (Op, bool, u64, bool, Result<(), Denial>);

    /// The permission table, cell by cell: verb, enabled, time, in `key_ops`, answer.
    #[rustfmt::skip]
    const TABLE: &[Cell] = &[
        (Op::Sign,      true,  BEFORE, true,  Err(NotYetValid)),
        (Op::Sign,      true,  BEFORE, false, Err(NotYetValid)),
        (Op::Sign,      true,  INSIDE, true,  Ok(())),
        (Op::Sign,      true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::Sign,      true,  AFTER,  true,  Err(Expired)),
        (Op::Sign,      true,  AFTER,  false, Err(Expired)),
        (Op::Sign,      false, BEFORE, true,  Err(Disabled)),
        (Op::Sign,      false, BEFORE, false, Err(Disabled)),
        (Op::Sign,      false, INSIDE, true,  Err(Disabled)),
        (Op::Sign,      false, INSIDE, false, Err(Disabled)),
        (Op::Sign,      false, AFTER,  true,  Err(Disabled)),
        (Op::Sign,      false, AFTER,  false, Err(Disabled)),

        (Op::Verify,    true,  BEFORE, true,  Ok(())),
        (Op::Verify,    true,  BEFORE, false, Err(NotInKeyOps)),
        (Op::Verify,    true,  INSIDE, true,  Ok(())),
        (Op::Verify,    true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::Verify,    true,  AFTER,  true,  Ok(())),
        (Op::Verify,    true,  AFTER,  false, Err(NotInKeyOps)),
        (Op::Verify,    false, BEFORE, true,  Err(Disabled)),
        (Op::Verify,    false, BEFORE, false, Err(Disabled)),
        (Op::Verify,    false, INSIDE, true,  Err(Disabled)),
        (Op::Verify,    false, INSIDE, false, Err(Disabled)),
        (Op::Verify,    false, AFTER,  true,  Err(Disabled)),
        (Op::Verify,    false, AFTER,  false, Err(Disabled)),

        (Op::WrapKey,   true,  BEFORE, true,  Err(NotYetValid)),
        (Op::WrapKey,   true,  BEFORE, false, Err(NotYetValid)),
        (Op::WrapKey,   true,  INSIDE, true,  Ok(())),
        (Op::WrapKey,   true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::WrapKey,   true,  AFTER,  true,  Err(Expired)),
        (Op::WrapKey,   true,  AFTER,  false, Err(Expired)),
        (Op::WrapKey,   false, BEFORE, true,  Err(Disabled)),
        (Op::WrapKey,   false, BEFORE, false, Err(Disabled)),
        (Op::WrapKey,   false, INSIDE, true,  Err(Disabled)),
        (Op::WrapKey,   false, INSIDE, false, Err(Disabled)),
        (Op::WrapKey,   false, AFTER,  true,  Err(Disabled)),
        (Op::WrapKey,   false, AFTER,  false, Err(Disabled)),

        (Op::UnwrapKey, true,  BEFORE, true,  Ok(())),
        (Op::UnwrapKey, true,  BEFORE, false, Err(NotInKeyOps)),
        (Op::UnwrapKey, true,  INSIDE, true,  Ok(())),
        (Op::UnwrapKey, true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::UnwrapKey, true,  AFTER,  true,  Ok(())),
        (Op::UnwrapKey, true,  AFTER,  false, Err(NotInKeyOps)),
        (Op::UnwrapKey, false, BEFORE, true,  Err(Disabled)),
        (Op::UnwrapKey, false, BEFORE, false, Err(Disabled)),
        (Op::UnwrapKey, false, INSIDE, true,  Err(Disabled)),
        (Op::UnwrapKey, false, INSIDE, false, Err(Disabled)),
        (Op::UnwrapKey, false, AFTER,  true,  Err(Disabled)),
        (Op::UnwrapKey, false, AFTER,  false, Err(Disabled)),

        (Op::Encrypt,   true,  BEFORE, true,  Err(NotYetValid)),
        (Op::Encrypt,   true,  BEFORE, false, Err(NotYetValid)),
        (Op::Encrypt,   true,  INSIDE, true,  Ok(())),
        (Op::Encrypt,   true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::Encrypt,   true,  AFTER,  true,  Err(Expired)),
        (Op::Encrypt,   true,  AFTER,  false, Err(Expired)),
        (Op::Encrypt,   false, BEFORE, true,  Err(Disabled)),
        (Op::Encrypt,   false, BEFORE, false, Err(Disabled)),
        (Op::Encrypt,   false, INSIDE, true,  Err(Disabled)),
        (Op::Encrypt,   false, INSIDE, false, Err(Disabled)),
        (Op::Encrypt,   false, AFTER,  true,  Err(Disabled)),
        (Op::Encrypt,   false, AFTER,  false, Err(Disabled)),

        (Op::Decrypt,   true,  BEFORE, true,  Ok(())),
        (Op::Decrypt,   true,  BEFORE, false, Err(NotInKeyOps)),
        (Op::Decrypt,   true,  INSIDE, true,  Ok(())),
        (Op::Decrypt,   true,  INSIDE, false, Err(NotInKeyOps)),
        (Op::Decrypt,   true,  AFTER,  true,  Ok(())),
        (Op::Decrypt,   true,  AFTER,  false, Err(NotInKeyOps)),
        (Op::Decrypt,   false, BEFORE, true,  Err(Disabled)),
        (Op::Decrypt,   false, BEFORE, false, Err(Disabled)),
        (Op::Decrypt,   false, INSIDE, true,  Err(Disabled)),
        (Op::Decrypt,   false, INSIDE, false, Err(Disabled)),
        (Op::Decrypt,   false, AFTER,  true,  Err(Disabled)),
        (Op::Decrypt,   false, AFTER,  false, Err(Disabled)),
    ];

    fn alg_for(op: Op) -> Alg {
        let mut fitting = Alg::all().filter(|alg| alg.standing() == Standing::Recommended);
        fitting.find(|alg| alg.ops().contains(&op)).unwrap()
    }

    fn attributes(enabled: bool) -> Attributes {
        Attributes {
            enabled,
            nbf: Some(UnixTime(100)),
            exp: Some(UnixTime(200)),
            created: UnixTime(0),
            updated: UnixTime(0),
            exportable: false,
        }
    }

    fn ask(
        op: Op,
        alg: Alg,
        enabled: bool,
        now: u64,
        ops: OpSet,
        leeway: u64,
    ) -> Result<(), Denial> {
        let legacy = LegacyPolicy::deny_all();
        let subject = Subject {
            attributes: &attributes(enabled),
            ops,
        };
        let context = Context {
            clock: &ManualClock::at(UnixTime(now)),
            leeway,
            legacy: &legacy,
        };
        permit(op, alg, subject, context)
    }

    #[test]
    fn the_permission_table_cell_by_cell() {
        assert_eq!(TABLE.len(), 6 * 2 * 3 * 2);
        for (op, enabled, now, in_ops, expected) in TABLE.iter().copied() {
            let others = Op::ALL.iter().copied().filter(|other| *other != op);
            let ops = if in_ops {
                OpSet::from_iter([op])
            } else {
                OpSet::from_iter(others)
            };
            let answer = ask(op, alg_for(op), enabled, now, ops, 0);
            assert_eq!(
                answer, expected,
                "{op} enabled={enabled} now={now} in={in_ops}"
            );
        }
    }

    #[test]
    fn the_window_is_closed_at_nbf_and_open_at_exp() {
        let alg = SignAlg::Es256.into();
        let at = |now, leeway| ask(Op::Sign, alg, true, now, OpSet::SIGN_VERIFY, leeway);
        assert_eq!(at(99, 0), Err(NotYetValid));
        assert_eq!(at(100, 0), Ok(()));
        assert_eq!(at(199, 0), Ok(()));
        assert_eq!(at(200, 0), Err(Expired));
        assert_eq!(at(u64::MAX, 0), Err(Expired));
        assert_eq!(at(0, 0), Err(NotYetValid));
        assert_eq!(at(90, 10), Ok(()));
        assert_eq!(at(209, 10), Ok(()));
        assert_eq!(at(210, 10), Err(Expired));
        assert_eq!(
            at(u64::MAX, u64::MAX),
            Ok(()),
            "a leeway may be silly, not overflow"
        );
    }

    #[test]
    fn legacy_algorithms_are_allowed_apart_for_each_direction() {
        let cbc = Alg::from(EncryptAlg::A256Cbc);
        let none = LegacyPolicy::deny_all();
        assert_eq!(
            none.permits(Op::Encrypt, cbc, OpSet::SIX_VERBS),
            Err(Denial::Legacy)
        );
        assert_eq!(
            none.permits(Op::Decrypt, cbc, OpSet::SIX_VERBS),
            Err(Denial::Legacy)
        );
        let read = LegacyPolicy::deny_all().allow_consuming(EncryptAlg::A256Cbc);
        assert_eq!(
            read.permits(Op::Encrypt, cbc, OpSet::SIX_VERBS),
            Err(Denial::Legacy)
        );
        assert_eq!(read.permits(Op::Decrypt, cbc, OpSet::SIX_VERBS), Ok(()));
    }

    #[test]
    fn a_policy_is_what_it_allows() {
        let (one, other) = (EncryptAlg::A256Cbc, WrapAlg::Rsa15);
        let none = LegacyPolicy::default();
        assert_eq!(none.clone().allow_producing(SignAlg::Es256), none);
        let both = none.clone().allow_producing(one).allow_producing(other);
        assert_eq!(
            both,
            none.clone().allow_producing(other).allow_producing(one)
        );
        assert_ne!(both, none.clone().allow_producing(one));
        assert!(format!("{both:?}").contains("Wrap(Rsa15)"), "{both:?}");
        let legacy = Alg::all().filter(|alg| alg.standing() == Standing::Legacy);
        let all = legacy.fold(none, |policy, alg| {
            policy.allow_producing(alg).allow_consuming(alg)
        });
        assert_eq!(
            all.allow_rsa15_with_signing_keys(),
            LegacyPolicy::allow_all()
        );
    }

    #[test]
    fn rsa15_does_not_decrypt_with_a_key_that_signs() {
        let rsa15 = Alg::from(WrapAlg::Rsa15);
        let policy = LegacyPolicy::deny_all()
            .allow_consuming(WrapAlg::Rsa15)
            .allow_producing(WrapAlg::Rsa15);
        let shared = policy.permits(Op::UnwrapKey, rsa15, OpSet::SIX_VERBS);
        assert_eq!(shared, Err(Denial::SharedWithSigning));
        assert_eq!(policy.permits(Op::WrapKey, rsa15, OpSet::SIX_VERBS), Ok(()));
        let own = OpSet::from_iter([Op::WrapKey, Op::UnwrapKey]);
        assert_eq!(policy.permits(Op::UnwrapKey, rsa15, own), Ok(()));
        let policy = policy.allow_rsa15_with_signing_keys();
        assert_eq!(
            policy.permits(Op::UnwrapKey, rsa15, OpSet::SIX_VERBS),
            Ok(())
        );
    }
}
