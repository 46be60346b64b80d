//! Writing a JWK: one spelling for each key.
//!
//! The order is fixed: `kty kid use key_ops alg`, the key's members in the order of
//! RFC 7518 section 6, `key_hsm`, then the unknown members as they came. Integers are
//! minimal; coordinates and EC's `d` have the field's width.

use std::borrow::Cow;

use super::kty::Kty;
use super::{Jwk, Meta, PublicKey, RsaSecret, SecretJwk, SecretKey, base64url, integer};
use crate::alg::Curve;
use crate::secret::SecretBytes;

/// Whose names of curves to write. They differ for secp256k1 alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurveNames {
    /// `P-256K`, which the service knows.
    #[default]
    KeyVault,
    /// `secp256k1` (RFC 8812 section 3.1), which other JOSE libraries know.
    Rfc,
}

impl CurveNames {
    /// A curve's `crv`.
    pub(super) fn name(self, curve: Curve) -> &'static str {
        match (self, curve) {
            (CurveNames::Rfc, Curve::P256K) => "secp256k1",
            _ => curve.name(),
        }
    }
}

impl Jwk {
    /// Writes it as JSON, in the one spelling that this crate has for it.
    ///
    /// What [`Jwk::from_json`] reads back equals this key. (A symmetric key's size is
    /// not part of the JSON and is lost.)
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_json_with(CurveNames::KeyVault)
    }

    /// The same with the choice of names for curves.
    #[must_use]
    pub fn to_json_with(&self, names: CurveNames) -> String {
        let mut object = Object::begin();
        self.write(&mut object, names, None);
        object.end().into_text()
    }

    fn write<'a>(
        &'a self,
        object: &mut Object<'a>,
        names: CurveNames,
        secret: Option<&'a SecretKey>,
    ) {
        let kty = match &self.key {
            PublicKey::Rsa(_) => Kty::Rsa,
            PublicKey::Ec(_) => Kty::Ec,
            PublicKey::Oct(_) => Kty::Oct,
        };
        object.text("kty", kty.name(self.meta.is_hsm()));
        write_meta(object, &self.meta);
        match &self.key {
            PublicKey::Rsa(key) => {
                object.base64url("n", key.n());
                object.base64url("e", key.e());
            }
            PublicKey::Ec(key) => {
                let (x, y) = key.coordinates();
                object.text("crv", names.name(key.curve()));
                object.base64url("x", x);
                object.base64url("y", y);
            }
            PublicKey::Oct(_) => {}
        }
        match secret {
            Some(SecretKey::Rsa(secret)) => write_rsa_secret(object, secret),
            Some(SecretKey::Ec(secret)) => object.base64url("d", secret.d.expose()),
            Some(SecretKey::Oct(secret)) => object.base64url("k", secret.k.expose()),
            None => {}
        }
        if let Some(token) = self.meta.key_hsm() {
            object.text("key_hsm", token);
        }
        for (name, json) in self.meta.unknown() {
            object.json(name, json);
        }
    }
}

impl SecretJwk {
    /// Writes it as JSON (UTF-8), private members included.
    ///
    /// The text is assembled once, in one buffer of its final size that is erased on
    /// drop. Whoever copies it out of there has it to erase.
    ///
    /// ```
    /// use strongroom::jwk::SecretJwk;
    ///
    /// let key = SecretJwk::from_oct(&[0; 16])?;
    /// let json = key.to_json_exposing_secret();
    /// assert_eq!(json.expose(), br#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn to_json_exposing_secret(&self) -> SecretBytes {
        self.to_json_exposing_secret_with(CurveNames::KeyVault)
    }

    /// The same with the choice of names for curves.
    #[must_use]
    pub fn to_json_exposing_secret_with(&self, names: CurveNames) -> SecretBytes {
        let mut object = Object::begin();
        self.public().write(&mut object, names, Some(self.secret()));
        object.end().into_secret()
    }
}

fn write_meta<'a>(object: &mut Object<'a>, meta: &'a Meta) {
    if let Some(kid) = meta.kid() {
        object.text("kid", kid);
    }
    if let Some(key_use) = meta.key_use() {
        object.text("use", key_use);
    }
    if let Some(ops) = meta.key_ops() {
        let known = ops.iter().map(|op| quoted(op.name()));
        let list: Vec<String> = known.chain(meta.other_key_ops().map(quoted)).collect();
        object.json("key_ops", format!("[{}]", list.join(",")));
    }
    if let Some(alg) = meta.alg() {
        object.text("alg", alg);
    }
}

fn write_rsa_secret<'a>(object: &mut Object<'a>, secret: &'a RsaSecret) {
    let members = [
        ("d", &secret.d),
        ("p", &secret.p),
        ("q", &secret.q),
        ("dp", &secret.dp),
        ("dq", &secret.dq),
        ("qi", &secret.qi),
    ];
    for (name, value) in members {
        object.base64url(name, integer::strip(value.expose()));
    }
}

/// A JSON object in the making: pieces that are put together when their sizes are
/// known, so that no secret is ever in a buffer that grows.
pub(super) struct Object<'a> {
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Json(Cow<'a, str>),
    Base64Url(Cow<'a, [u8]>),
}

impl Piece<'_> {
    fn len(&self) -> usize {
        match self {
            Piece::Json(text) => text.len(),
            Piece::Base64Url(bytes) => base64url::encoded_len(bytes),
        }
    }
}

impl<'a> Object<'a> {
    pub(super) fn begin() -> Self {
        // A public key takes 20 to 30.
        let mut pieces = Vec::with_capacity(32);
        pieces.push(Piece::Json(Cow::Borrowed("{")));
        Object { pieces }
    }

    /// Adds a member with this JSON text.
    pub(super) fn json(&mut self, name: &str, json: impl Into<Cow<'a, str>>) {
        self.name(name);
        self.pieces.push(Piece::Json(json.into()));
    }

    /// Adds a member that is a string.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.json(name, quoted(text));
    }

    /// Adds a member that is a base64url string.
    pub(super) fn base64url(&mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) {
        self.json(name, "\"");
        self.pieces.push(Piece::Base64Url(bytes.into()));
        self.pieces.push(Piece::Json(Cow::Borrowed("\"")));
    }

    fn name(&mut self, name: &str) {
        if self.pieces.len() > 1 {
            self.pieces.push(Piece::Json(Cow::Borrowed(",")));
        }
        let mut name = quoted(name);
        name.push(':');
        self.pieces.push(Piece::Json(Cow::Owned(name)));
    }

    pub(super) fn end(mut self) -> Self {
        self.pieces.push(Piece::Json(Cow::Borrowed("}")));
        self
    }

    /// The text of an object that holds nothing secret.
    pub(super) fn into_text(self) -> String {
        let mut text = String::with_capacity(self.pieces.iter().map(Piece::len).sum());
        for piece in &self.pieces {
            match piece {
                Piece::Json(piece) => text.push_str(piece),
                Piece::Base64Url(bytes) => text.push_str(&base64url::encode(bytes)),
            }
        }
        text
    }

    /// The text, put together in one buffer that is erased.
    pub(super) fn into_secret(self) -> SecretBytes {
        let mut out = SecretBytes::zeroed(self.pieces.iter().map(Piece::len).sum());
        let mut rest = out.expose_mut();
        for piece in &self.pieces {
            let Some((target, behind)) = rest.split_at_mut_checked(piece.len()) else {
                break;
            };
            match piece {
                Piece::Json(text) => target.copy_from_slice(text.as_bytes()),
                Piece::Base64Url(bytes) => base64url::encode_into(bytes, target),
            }
            rest = behind;
        }
        out
    }
}

/// A JSON string (RFC 8259 section 7) with the fewest escapes. (Writing a string cannot fail.)
fn quoted(text: &str) -> String {
    // Most texts have nothing to escape, and to ask for it byte by byte takes longer than the copy.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.bytes().all(is_plain) {
        return ["\"", text, "\""].concat();
    }
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_assembling_agree() {
        let object = || {
            let mut object = Object::begin();
            object.text("kid", "a\"b\\c\n\u{1}é");
            object.base64url("k", &[1u8, 0, 1][..]);
            object.json("z", "[1, 2]");
            object.end()
        };
        let text = object().into_text();
        assert_eq!(text, r#"{"kid":"a\"b\\c\n\u0001é","k":"AQAB","z":[1, 2]}"#);
        assert_eq!(object().into_secret().expose(), text.as_bytes());
    }

    #[test]
    fn the_order_is_fixed() {
        let json = r#"{ "zeta": {"a" : 1}, "key_hsm":"QUJD", "k":"AAAAAAAAAAAAAAAAAAAAAA",
            "alg":"A128KW", "key_ops":["unwrapKey","x","wrapKey"], "use":"enc", "alpha":null,
            "kid":"7", "kty":"oct-HSM" }"#;
        let key = SecretJwk::from_json(json.as_bytes()).unwrap();
        let written = key.to_json_exposing_secret();
        let expected = concat!(
            r#"{"kty":"oct-HSM","kid":"7","use":"enc","key_ops":["wrapKey","unwrapKey","x"],"#,
            r#""alg":"A128KW","k":"AAAAAAAAAAAAAAAAAAAAAA","key_hsm":"QUJD","#,
            r#""zeta":{"a" : 1},"alpha":null}"#,
        );
        assert_eq!(str::from_utf8(written.expose()).unwrap(), expected);
        assert_eq!(SecretJwk::from_json(written.expose()).unwrap(), key);
    }

    #[test]
    fn secp256k1_has_two_names() {
        let key = SecretJwk::from_ec_scalar(Curve::P256K, &[1; 32]).unwrap();
        let own = key.public().to_json();
        let rfc = key.public().to_json_with(CurveNames::Rfc);
        assert!(own.contains("\"P-256K\"") && rfc.contains("\"secp256k1\""));
        assert_eq!(
            Jwk::from_json(own.as_bytes()).unwrap(),
            Jwk::from_json(rfc.as_bytes()).unwrap()
        );
    }
}
