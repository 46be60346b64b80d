//! JSON objects for tests, member by member, so that one can be changed.

use crate::keys;

#[derive(Clone)]
pub struct Object(Vec<(String, String)>);

impl Object {
    pub fn new(members: &[(&str, &str)]) -> Self {
        let quoted = |(name, text): &(&str, &str)| ((*name).to_owned(), format!("\"{text}\""));
        Object(members.iter().map(quoted).collect())
    }

    /// The same with a member set to this JSON text.
    pub fn with(mut self, name: &str, json: &str) -> Self {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => json.clone_into(value),
            None => self.0.push((name.to_owned(), json.to_owned())),
        }
        self
    }

    /// The same with a member set to this string.
    pub fn text(self, name: &str, text: &str) -> Self {
        self.with(name, &format!("\"{text}\""))
    }

    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(known, _)| !names.contains(&known.as_str()));
        self
    }

    pub fn json(&self) -> String {
        let members = self
            .0
            .iter()
            .map(|(name, json)| format!("\"{name}\":{json}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

pub fn rsa() -> Object {
    Object::new(&[("kty", "RSA"), ("n", keys::RSA_N), ("e", keys::RSA_E)])
}

pub fn rsa_secret() -> Object {
    let members = [
        ("d", keys::RSA_D),
        ("p", keys::RSA_P),
        ("q", keys::RSA_Q),
        ("dp", keys::RSA_DP),
        ("dq", keys::RSA_DQ),
        ("qi", keys::RSA_QI),
    ];
    members
        .iter()
        .fold(rsa(), |object, (name, text)| object.text(name, text))
}

pub fn rsa_numbers([n, d, p, q, dp, dq, qi]: [&str; 7]) -> Object {
    let members = [
        ("n", n),
        ("d", d),
        ("p", p),
        ("q", q),
        ("dp", dp),
        ("dq", dq),
        ("qi", qi),
    ];
    members
        .iter()
        .fold(rsa(), |object, (name, text)| object.text(name, text))
}

pub fn ec() -> Object {
    Object::new(&[
        ("kty", "EC"),
        ("crv", "P-256"),
        ("x", keys::EC_X),
        ("y", keys::EC_Y),
    ])
}

pub fn ec_secret() -> Object {
    ec().text("d", keys::EC_D)
}

pub fn oct(bytes: usize) -> Object {
    Object::new(&[("kty", "oct")]).text("k", &base64url(&vec![0x5A; bytes]))
}

pub fn base64url(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}

pub fn bytes(text: &str) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text).unwrap()
}
