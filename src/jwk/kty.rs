//! Key types and the members that belong to each (RFC 7517 section 4.1, RFC 7518
//! section 6).

use crate::error::{Error, Rule};

/// What `kty` says, without the `-HSM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kty {
    Rsa,
    Ec,
    Oct,
}

/// The private members of every key type that is registered, `priv` of `AKP` included:
/// a public JWK has none of them, whatever its `kty`.
pub(super) const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The public members of every key type that is registered.
const PUBLIC: &[&str] = &["n", "e", "crv", "x", "y", "pub"];

/// The members that any key may have and this crate reads.
const COMMON: &[&str] = &["kty", "kid", "use", "key_ops", "alg", "key_hsm"];

impl Kty {
    const ALL: &'static [Kty] = &[Kty::Rsa, Kty::Ec, Kty::Oct];

    /// Reads a `kty`, and whether it says `-HSM` (Key Vault: the key lives in
    /// hardware). Names are case-sensitive.
    pub(super) fn read(name: &str) -> Result<(Kty, bool), Error> {
        if name.is_empty() {
            return Err(Error::invalid("kty", Rule::Empty));
        }
        let spellings = [false, true].map(|hsm| Kty::ALL.iter().map(move |kty| (*kty, hsm)));
        let mut known = spellings.into_iter().flatten();
        known
            .find(|(kty, hsm)| kty.name(*hsm) == name)
            .ok_or_else(|| Error::invalid("kty", Rule::UnknownName))
    }

    pub(super) fn name(self, hsm: bool) -> &'static str {
        match (self, hsm) {
            (Kty::Rsa, false) => "RSA",
            (Kty::Rsa, true) => "RSA-HSM",
            (Kty::Ec, false) => "EC",
            (Kty::Ec, true) => "EC-HSM",
            (Kty::Oct, false) => "oct",
            (Kty::Oct, true) => "oct-HSM",
        }
    }

    /// The members that make a key of this type.
    fn members(self) -> &'static [&'static str] {
        match self {
            Kty::Rsa => &["n", "e", "d", "p", "q", "dp", "dq", "qi", "oth"],
            Kty::Ec => &["crv", "x", "y", "d"],
            Kty::Oct => &["k"],
        }
    }

    /// The members that make keys of other types and none of this one.
    pub(super) fn foreign(self) -> impl Iterator<Item = &'static str> {
        let registered = PUBLIC.iter().chain(PRIVATE).copied();
        registered.filter(move |name| !self.members().contains(name))
    }
}

/// The static spelling of a member that this crate knows, for errors.
pub(super) fn known_member(name: &str) -> Option<&'static str> {
    let mut known = COMMON.iter().chain(PUBLIC).chain(PRIVATE);
    known.find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_no_other_is_read() {
        for kty in Kty::ALL {
            for hsm in [false, true] {
                assert_eq!(Kty::read(kty.name(hsm)).unwrap(), (*kty, hsm));
            }
        }
        for name in [
            "", "rsa", "RSA ", "Oct", "OCT", "ec", "RSA-hsm", "OKP", "AKP", "-HSM",
        ] {
            assert!(Kty::read(name).is_err(), "{name}");
        }
    }

    #[test]
    fn each_type_has_its_own_members() {
        let foreign = |kty: Kty| kty.foreign().collect::<Vec<_>>();
        assert!(foreign(Kty::Rsa).contains(&"crv") && !foreign(Kty::Rsa).contains(&"d"));
        assert!(foreign(Kty::Ec).contains(&"n") && !foreign(Kty::Ec).contains(&"d"));
        assert!(foreign(Kty::Oct).contains(&"d") && !foreign(Kty::Oct).contains(&"k"));
    }
}
