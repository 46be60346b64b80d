//! Reading a JWK: which members are due, which may be there, what makes the key.

use super::kty::{self, Kty};
use super::members::{MAX_JWK_LEN, Members};
use super::rsa::RsaMembers;
use super::{EcPublic, EcSecret, Jwk, Meta, OctSecret, PublicKey, RsaPublic, RsaSecret};
use super::{SecretJwk, SecretKey};
use crate::alg::{Alg, Curve, KeySpec};
use crate::error::{Error, Rule};

impl Jwk {
    /// Reads a public JWK (RFC 7517), or the description of a symmetric key: `oct`
    /// without its `k`.
    ///
    /// Leading zero bytes of `n` and `e` are accepted, members that this crate does not
    /// know are kept, and `kty` may say `-HSM`. Everything else is strict: no member
    /// twice, base64url in one spelling, coordinates of exactly the field's width.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the member's name and the
    /// rule it breaks; `jwk` where it is about the whole. A member that is private in
    /// any key type is [`Rule::Private`]: it is not dropped in silence.
    ///
    /// ```
    /// use strongroom::jwk::Jwk;
    /// use strongroom::{Curve, ErrorKind, KeySpec, Rule};
    ///
    /// let json = br#"{"kty":"EC","crv":"P-256",
    ///     "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    ///     "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#;
    /// let key = Jwk::from_json(json)?;
    /// assert_eq!(key.spec()?, KeySpec::Ec(Curve::P256));
    /// assert_eq!(key.meta().kid(), Some("1"));
    ///
    /// let error = Jwk::from_json(br#"{"kty":"oct","k":"AQAB"}"#).unwrap_err();
    /// assert_eq!(*error.kind(), ErrorKind::Invalid { field: "k", rule: Rule::Private });
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        Jwk::from_members(&Members::read("jwk", text(json)?)?)
    }

    /// The same for an object that has been taken apart.
    pub(super) fn from_members(members: &Members<'_>) -> Result<Self, Error> {
        let (kty, hsm) = read_kty(members)?;
        refuse(members, kty::PRIVATE.iter().copied(), Rule::Private)?;
        refuse(members, kty.foreign(), Rule::NotWithKey)?;
        let key = match kty {
            Kty::Rsa => PublicKey::Rsa(read_rsa(members)?),
            Kty::Ec => PublicKey::Ec(read_ec(members)?),
            Kty::Oct => PublicKey::Oct(None),
        };
        let meta = Meta::read(members, hsm)?;
        let jwk = Jwk { key, meta };
        jwk.check_meta()?;
        Ok(jwk)
    }

    /// Whether `use`, `key_ops` and `alg` agree with each other and with the key.
    fn check_meta(&self) -> Result<(), Error> {
        if self.key == PublicKey::Oct(None) {
            let symmetric = || KeySpec::ALL.iter().filter(|spec| spec.is_symmetric());
            return self
                .meta
                .check(|alg: Alg| symmetric().any(|spec| alg.fits(*spec)));
        }
        // A size that no kind has (a short key for MACs) fits nothing; whether a key
        // may have it is for those to say who would use it.
        let spec = self.spec().ok();
        self.meta
            .check(|alg| spec.is_some_and(|spec| alg.fits(spec)))
    }
}

impl SecretJwk {
    /// Reads a JWK with its private members.
    ///
    /// An RSA key may have `d` alone; its primes are then recovered and the other
    /// members computed. Given members are checked against each other: what is
    /// inconsistent, composite or weak is refused. The private members go from the
    /// input straight into buffers that are erased; the input is the caller's to erase.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the member's name and the
    /// rule it breaks, never a value. A JWK without private members lacks `d` or `k`.
    ///
    /// ```
    /// use strongroom::jwk::SecretJwk;
    ///
    /// let key = SecretJwk::from_json(br#"{"kty":"oct","kid":"1",
    ///     "k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"}"#)?;
    /// assert_eq!(key.public().meta().kid(), Some("1"));
    /// assert!(!key.public().to_json().contains("AyM1"));
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let members = Members::read("jwk", text(json)?)?;
        let (kty, hsm) = read_kty(&members)?;
        refuse(&members, kty.foreign(), Rule::NotWithKey)?;
        refuse(&members, ["oth"], Rule::Unsupported)?;
        let (key, secret) = match kty {
            Kty::Rsa => {
                let public = read_rsa(&members)?;
                let secret = SecretKey::Rsa(read_rsa_secret(&members, &public)?);
                (PublicKey::Rsa(public), secret)
            }
            Kty::Ec => {
                let public = read_ec(&members)?;
                let d = members.required("d")?;
                let secret = SecretKey::Ec(EcSecret::for_public(&public, d.expose())?);
                (PublicKey::Ec(public), secret)
            }
            Kty::Oct => {
                let secret = OctSecret::from_bytes(members.required("k")?.expose())?;
                (PublicKey::Oct(Some(secret.bits())), SecretKey::Oct(secret))
            }
        };
        let meta = Meta::read(&members, hsm)?;
        let public = Jwk { key, meta };
        public.check_meta()?;
        Ok(SecretJwk::from_parts(public, secret))
    }
}

/// The text of a JWK, if it is not too long to look at.
fn text(json: &[u8]) -> Result<&str, Error> {
    if json.len() > MAX_JWK_LEN {
        return Err(Error::invalid("jwk", Rule::TooLong(MAX_JWK_LEN)));
    }
    str::from_utf8(json).map_err(|_| Error::invalid("jwk", Rule::Syntax))
}

fn read_kty(members: &Members<'_>) -> Result<(Kty, bool), Error> {
    let kty = members.text("kty")?;
    Kty::read(&kty.ok_or_else(|| Error::invalid("kty", Rule::Missing))?)
}

/// Refuses the first of these members that is there.
fn refuse(
    members: &Members<'_>,
    names: impl IntoIterator<Item = &'static str>,
    rule: Rule,
) -> Result<(), Error> {
    match names.into_iter().find(|name| members.has(name)) {
        Some(name) => Err(Error::invalid(name, rule)),
        None => Ok(()),
    }
}

fn read_rsa(members: &Members<'_>) -> Result<RsaPublic, Error> {
    let (n, e) = (members.required("n")?, members.required("e")?);
    RsaPublic::from_components(n.expose(), e.expose())
}

fn read_rsa_secret(members: &Members<'_>, public: &RsaPublic) -> Result<RsaSecret, Error> {
    let d = members.required("d")?;
    let [p, q] = [members.bytes("p")?, members.bytes("q")?];
    let [dp, dq, qi] = [
        members.bytes("dp")?,
        members.bytes("dq")?,
        members.bytes("qi")?,
    ];
    let given = RsaMembers {
        d: d.expose(),
        p: p.as_ref().map(|p| p.expose()),
        q: q.as_ref().map(|q| q.expose()),
        dp: dp.as_ref().map(|dp| dp.expose()),
        dq: dq.as_ref().map(|dq| dq.expose()),
        qi: qi.as_ref().map(|qi| qi.expose()),
    };
    RsaSecret::from_members(public, &given)
}

fn read_ec(members: &Members<'_>) -> Result<EcPublic, Error> {
    let crv = members.text("crv")?;
    let crv = crv.ok_or_else(|| Error::invalid("crv", Rule::Missing))?;
    let curve: Curve = crv.parse()?;
    let (x, y) = (members.required("x")?, members.required("y")?);
    EcPublic::from_coordinates(curve, x.expose(), y.expose())
}
