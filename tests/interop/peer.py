"""A second opinion for the interoperability tests: key formats and key operations over JSON lines.

One JSON object a line comes in on standard input; one JSON object a line goes out on standard
output, in the same order; the process ends with its input. The primitives are those of
`cryptography` (OpenSSL); JWK, thumbprints and JWS are those of `jwcrypto`.

Values
    BYTES   base64url without padding.
    KEY     {"format": FORMAT, "data": DATA} and, for the encrypted formats, "password": text.
    DATA    a JWK object for `jwk`, text for a `-pem` format, BYTES for a `-der` format.
    FORMAT  either half, or oct:  jwk
            private RSA or EC:    pkcs8-der, pkcs8-pem, pkcs8-enc-der, pkcs8-enc-pem
            private EC:           sec1-der, sec1-pem
            private RSA:          pkcs1-der, pkcs1-pem
            public RSA or EC:     spki-der, spki-pem
            public RSA:           pkcs1-public-der, pkcs1-public-pem
            The name is checked against what the data is: PKCS#8 sent as sec1-der is an error, and
            so is a JWK member that is not of the width and alphabet of RFC 7518.

Answers
    {"ok": true, ...}, or {"ok": false, "error": text} where nothing else could be answered: a bad
    request, a key that does not fit, a decryption that fails. A wrong signature is no error: it is
    {"ok": true, "valid": false}.

Requests, by the member "do", and the members of their answers ("?" marks an optional member)
    versions                                              -> python, cryptography, openssl, jwcrypto
    generate     spec, formats, password?                 -> jwk, keys
    convert      key, formats, password?                  -> jwk, keys
    sign         alg, key, message | digest               -> signature
    verify       alg, key, message | digest, signature    -> valid
    encrypt      alg, key, plaintext, iv?, aad?           -> ciphertext, iv?, tag?
    decrypt      alg, key, ciphertext, iv?, tag?, aad?    -> plaintext
    wrap         alg, key, plaintext                      -> ciphertext
    unwrap       alg, key, ciphertext                     -> plaintext
    thumbprint   key                                      -> thumbprint
    jws_sign     alg, key, payload, header?               -> jws
    jws_verify   alg, key, jws                            -> valid, payload?, header?

    generate, convert: `spec` is RSA-<bits>, P-256, P-384, P-521, P-256K or oct-<bits>. `keys` maps
        each asked format to its DATA, `password` protects the encrypted formats, and `jwk` is the
        whole key as it was given: private members included if it has them. A private key can be
        asked for in a public format; an oct key has no format but jwk.
    sign, verify: RS*, PS*, ES*, HS* and RSNULL. `message` is hashed by the algorithm; `digest` has
        been hashed before (not for HS*, which takes the octets to authenticate as `message`, nor
        for RSNULL, which pads `message` as it is). ES* signatures are r || s at the width of the
        curve, and the salt of PS* is as long as the digest.
    encrypt, decrypt: RSA-OAEP-256, RSA-OAEP, RSA1_5, A*GCM, A*CBC, A*CBCPAD. The iv is 12 octets
        (GCM) or 16 (CBC); encrypt makes one up if there is none, and answers with the one used.
        A*CBC adds zero octets up to a whole block and never removes them; A*CBCPAD is PKCS#7.
        A bad RSA1_5 padding decrypts to a made-up plaintext (OpenSSL rejects implicitly).
    wrap, unwrap: RSA-OAEP-256, RSA-OAEP, RSA1_5, A*KW and CKM_AES_KEY_WRAP (RFC 3394) and
        CKM_AES_KEY_WRAP_PAD (RFC 5649).
    thumbprint: RFC 7638 with SHA-256, BYTES. The curve name is hashed as the JWK spells it.
    jws_*: compact serialisation; `jws` is text, `payload` is BYTES, `header` is an object (`alg` is
        set from the request). jws_verify takes no algorithm but `alg`: another is not valid.

The curve secp256k1 is "P-256K" in every JWK here; "secp256k1" is understood as well.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeAlias

import cryptography
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.backends.openssl import backend as openssl
from cryptography.hazmat.primitives import hashes, hmac, keywrap, padding
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSSignature

Object: TypeAlias = dict[str, Any]
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Key: TypeAlias = PrivateKey | PublicKey | bytes

BLOCK = 16
GCM_TAG = 16

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# The curve that each ES* demands.
ECDSA: dict[str, str] = {
    "ES256": "P-256",
    "ES256K": "P-256K",
    "ES384": "P-384",
    "ES512": "P-521",
}
RSA_ENCRYPTION: dict[str, rsa_padding.AsymmetricPadding] = {
    "RSA1_5": rsa_padding.PKCS1v15(),
    "RSA-OAEP": rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    "RSA-OAEP-256": rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


class BadRequest(Exception):
    """What the request asks for cannot be done."""


def encode(data: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Bytes from base64url without padding; nothing else is taken."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise BadRequest("not base64url without padding")
    return data


# --- Key formats ---------------------------------------------------------------------------------

INTEGER, BIT_STRING, OCTET_STRING, SEQUENCE = 0x02, 0x03, 0x04, 0x30


@dataclass(frozen=True)
class Format:
    """One way to write a key: how it is asked for, and how to recognise it."""

    kind: PrivateFormat | PublicFormat
    encoding: Encoding
    label: str
    # The tags of the first two elements of the outer SEQUENCE.
    shape: tuple[int, int]
    encrypted: bool = False


def _formats() -> dict[str, Format]:
    legacy = PrivateFormat.TraditionalOpenSSL
    rows: list[tuple[str, PrivateFormat | PublicFormat, str, tuple[int, int], bool]] = [
        ("pkcs8", PrivateFormat.PKCS8, "PRIVATE KEY", (INTEGER, SEQUENCE), False),
        ("pkcs8-enc", PrivateFormat.PKCS8, "ENCRYPTED PRIVATE KEY", (SEQUENCE, OCTET_STRING), True),
        ("sec1", legacy, "EC PRIVATE KEY", (INTEGER, OCTET_STRING), False),
        ("pkcs1", legacy, "RSA PRIVATE KEY", (INTEGER, INTEGER), False),
        ("spki", PublicFormat.SubjectPublicKeyInfo, "PUBLIC KEY", (SEQUENCE, BIT_STRING), False),
        ("pkcs1-public", PublicFormat.PKCS1, "RSA PUBLIC KEY", (INTEGER, INTEGER), False),
    ]
    return {
        f"{name}-{suffix}": Format(kind, encoding, label, shape, encrypted)
        for name, kind, label, shape, encrypted in rows
        for suffix, encoding in (("der", Encoding.DER), ("pem", Encoding.PEM))
    }


FORMATS = _formats()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the DER element at `at`, where its content starts, and where it ends."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length >= 0x80:
        octets = length & 0x7F
        length = int.from_bytes(der[start : start + octets], "big")
        start += octets
    return tag, start, start + length


def _check_shape(der: bytes, name: str) -> None:
    """Refuses a DER structure that is not the one `name` stands for."""
    try:
        outer, first, end = _element(der, 0)
        first_tag, _, second = _element(der, first)
        shape = (first_tag, der[second])
    except IndexError:
        raise BadRequest(f"not DER, for {name}") from None
    if outer != SEQUENCE or end != len(der) or shape != FORMATS[name].shape:
        raise BadRequest(f"not {name}")


def _from_pem(text: str, label: str) -> bytes:
    """The DER inside a PEM of exactly one block with this label."""
    block = re.fullmatch(
        rf"-----BEGIN {label}-----\n([A-Za-z0-9+/=\n]+)-----END {label}-----\n?",
        text.replace("\r\n", "\n"),
    )
    if block is None:
        raise BadRequest(f"not one PEM block with the label {label}")
    return base64.b64decode(block.group(1))


def _known(key: object) -> PrivateKey | PublicKey:
    """Narrows what a loader of `cryptography` may return to RSA and EC."""
    if isinstance(key, PrivateKey | PublicKey):
        return key
    raise BadRequest(f"unexpected key type {type(key).__name__}")


def _from_jwk(wire: Object) -> Key:
    """The key of a JWK. `jwcrypto` reads any width and alphabet, so the form is checked here."""
    jwk = JWK(**(wire | {"crv": "secp256k1"} if wire.get("crv") == "P-256K" else wire))
    key: Key
    if wire["kty"] == "oct":
        return decode(wire["k"])
    pem = jwk.export_to_pem(private_key=jwk.has_private, password=None)
    if jwk.has_private:
        key = _known(load_pem_private_key(pem, None))
    else:
        key = _known(load_der_public_key(_from_pem(pem.decode("ascii"), "PUBLIC KEY")))
    for member, value in wire_jwk(key).items():
        if member != "crv" and wire.get(member) != value:
            raise BadRequest(f"the JWK member {member} is missing or not in its exact form")
    return key


def load(key: Object) -> Key:
    """The key that a KEY of the protocol describes."""
    name, data = key["format"], key["data"]
    if name == "jwk":
        return _from_jwk(data)
    if name not in FORMATS:
        raise BadRequest(f"unknown format {name}")
    form = FORMATS[name]
    der = _from_pem(data, form.label) if form.encoding is Encoding.PEM else decode(data)
    _check_shape(der, name)
    if isinstance(form.kind, PublicFormat):
        return _known(load_der_public_key(der))
    password = key["password"].encode() if form.encrypted else None
    return _known(load_der_private_key(der, password))


def to_jwk(key: Key) -> JWK:
    """The key as `jwcrypto` holds it."""
    if isinstance(key, bytes):
        return JWK(kty="oct", k=encode(key))
    return JWK.from_pyca(key)


def wire_jwk(key: Key) -> Object:
    """The key as a JWK for the wire: private if the key is."""
    jwk = to_jwk(key)
    private = jwk.has_private or jwk.is_symmetric
    wire: Object = jwk.export(private_key=private, as_dict=True)
    wire.pop("kid", None)  # `from_pyca` names the key after its thumbprint
    return wire | {"crv": "P-256K"} if wire.get("crv") == "secp256k1" else wire


def export(key: Key, name: str, password: str | None) -> str | Object:
    """The key in a format, as the DATA of the protocol."""
    if name == "jwk":
        return wire_jwk(key)
    if name not in FORMATS:
        raise BadRequest(f"unknown format {name}")
    form = FORMATS[name]
    if isinstance(key, bytes):
        raise BadRequest(f"an oct key has no {name}")
    if isinstance(form.kind, PublicFormat):
        public = key.public_key() if isinstance(key, PrivateKey) else key
        if form.kind is PublicFormat.PKCS1 and not isinstance(public, rsa.RSAPublicKey):
            raise BadRequest(f"an EC key has no {name}")
        data = public.public_bytes(form.encoding, form.kind)
    elif isinstance(key, PrivateKey):
        if form.encrypted and password is None:
            raise BadRequest(f"{name} needs a password")
        protection = (
            BestAvailableEncryption(password.encode())
            if form.encrypted and password is not None
            else NoEncryption()
        )
        data = key.private_bytes(form.encoding, form.kind, protection)
    else:
        raise BadRequest(f"a public key has no {name}")
    if form.encoding is Encoding.PEM:
        text = data.decode("ascii")
        _check_shape(_from_pem(text, form.label), name)
        return text
    _check_shape(data, name)
    return encode(data)


def _exports(key: Key, request: Object) -> Object:
    password = request.get("password")
    return {
        "jwk": wire_jwk(key),
        "keys": {name: export(key, name, password) for name in request["formats"]},
    }


def generate(request: Object) -> Object:
    spec: str = request["spec"]
    key: Key
    if spec in CURVES:
        key = ec.generate_private_key(CURVES[spec])
    elif sized := re.fullmatch(r"(RSA|oct)-(\d+)", spec):
        bits = int(sized.group(2))
        key = (
            rsa.generate_private_key(65537, bits)
            if sized.group(1) == "RSA"
            else os.urandom(bits // 8)
        )
    else:
        raise BadRequest(f"unknown spec {spec}")
    return _exports(key, request)


def convert(request: Object) -> Object:
    return _exports(load(request["key"]), request)


def thumbprint(request: Object) -> Object:
    key = request["key"]
    jwk = JWK(**(key["data"] if key["format"] == "jwk" else wire_jwk(load(key))))
    return {"thumbprint": jwk.thumbprint()}


# --- Which key an operation takes ----------------------------------------------------------------


def _rsa_private(key: Key) -> rsa.RSAPrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise BadRequest("needs an RSA private key")


def _rsa_public(key: Key) -> rsa.RSAPublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        return key.public_key()
    raise BadRequest("needs an RSA key")


def _ec_private(key: Key, curve: str) -> ec.EllipticCurvePrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == CURVES[curve].name:
        return key
    raise BadRequest(f"needs a private key on {curve}")


def _ec_public(key: Key, curve: str) -> ec.EllipticCurvePublicKey:
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == CURVES[curve].name:
        return public
    raise BadRequest(f"needs a key on {curve}")


def _symmetric(key: Key, bits: int | None = None) -> bytes:
    if isinstance(key, bytes) and bits in (None, len(key) * 8):
        return key
    raise BadRequest("needs an oct key" + (f" of {bits} bits" if bits else ""))


# --- Signatures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """What is signed: octets, and the hash that they are to be, or have been, put through."""

    data: bytes
    hash: hashes.HashAlgorithm
    scheme: hashes.HashAlgorithm | utils.Prehashed


def _signed(request: Object) -> Input:
    """The input of RS*, PS* and ES*: exactly one of `message` and `digest`."""
    if ("message" in request) == ("digest" in request):
        raise BadRequest("needs one of message and digest")
    algorithm = HASHES[request["alg"][2:5]]
    if "message" in request:
        return Input(decode(request["message"]), algorithm, algorithm)
    return Input(decode(request["digest"]), algorithm, utils.Prehashed(algorithm))


def _pss(algorithm: hashes.HashAlgorithm) -> rsa_padding.PSS:
    return rsa_padding.PSS(rsa_padding.MGF1(algorithm), algorithm.digest_size)


def _mac(request: Object, key: Key) -> hmac.HMAC:
    mac = hmac.HMAC(_symmetric(key), HASHES[request["alg"][2:]])
    mac.update(decode(request["message"]))
    return mac


def sign(request: Object) -> Object:
    alg, key = request["alg"], load(request["key"])
    match alg:
        case "RS256" | "RS384" | "RS512":
            what = _signed(request)
            signature = _rsa_private(key).sign(what.data, rsa_padding.PKCS1v15(), what.scheme)
        case "PS256" | "PS384" | "PS512":
            what = _signed(request)
            signature = _rsa_private(key).sign(what.data, _pss(what.hash), what.scheme)
        case "RSNULL":
            data = decode(request["message"])
            signature = _rsa_private(key).sign(data, rsa_padding.PKCS1v15(), utils.NoDigestInfo())
        case "ES256" | "ES256K" | "ES384" | "ES512":
            what = _signed(request)
            signer = _ec_private(key, ECDSA[alg])
            r, s = utils.decode_dss_signature(signer.sign(what.data, ec.ECDSA(what.scheme)))
            width = (signer.key_size + 7) // 8
            signature = r.to_bytes(width, "big") + s.to_bytes(width, "big")
        case "HS256" | "HS384" | "HS512":
            signature = _mac(request, key).finalize()
        case _:
            raise BadRequest(f"{alg} does not sign")
    return {"signature": encode(signature)}


def _check(request: Object) -> None:
    """Returns if the signature is right, and raises InvalidSignature if it is not."""
    alg, key, signature = request["alg"], load(request["key"]), decode(request["signature"])
    match alg:
        case "RS256" | "RS384" | "RS512":
            what = _signed(request)
            _rsa_public(key).verify(signature, what.data, rsa_padding.PKCS1v15(), what.scheme)
        case "PS256" | "PS384" | "PS512":
            what = _signed(request)
            _rsa_public(key).verify(signature, what.data, _pss(what.hash), what.scheme)
        case "RSNULL":
            public = _rsa_public(key)
            if public.recover_data_from_signature(
                signature, rsa_padding.PKCS1v15(), None
            ) != decode(request["message"]):
                raise InvalidSignature
        case "ES256" | "ES256K" | "ES384" | "ES512":
            what = _signed(request)
            verifier = _ec_public(key, ECDSA[alg])
            width = (verifier.key_size + 7) // 8
            if len(signature) != 2 * width:
                raise InvalidSignature
            r, s = (int.from_bytes(half, "big") for half in (signature[:width], signature[width:]))
            verifier.verify(utils.encode_dss_signature(r, s), what.data, ec.ECDSA(what.scheme))
        case "HS256" | "HS384" | "HS512":
            _mac(request, key).verify(signature)
        case _:
            raise BadRequest(f"{alg} does not verify")


def verify(request: Object) -> Object:
    try:
        _check(request)
    except InvalidSignature:
        return {"valid": False}
    return {"valid": True}


def jws_sign(request: Object) -> Object:
    jws = JWS(decode(request["payload"]))
    header = request.get("header", {}) | {"alg": request["alg"]}
    jws.add_signature(to_jwk(load(request["key"])), protected=json.dumps(header))
    return {"jws": jws.serialize(compact=True)}


def jws_verify(request: Object) -> Object:
    jws = JWS()
    jws.allowed_algs = [request["alg"]]
    try:
        jws.deserialize(request["jws"], to_jwk(load(request["key"])))
    except InvalidJWSSignature:
        return {"valid": False}
    return {"valid": True, "payload": encode(jws.payload), "header": jws.jose_header}


# --- Encryption and key wrap ---------------------------------------------------------------------


def _aes(alg: str, key: Key) -> tuple[algorithms.AES, str]:
    """The cipher and the mode that an A<bits><mode> stands for."""
    name = re.fullmatch(r"A(128|192|256)(GCM|CBC|CBCPAD)", alg)
    if name is None:
        raise BadRequest(f"{alg} does not encrypt")
    return algorithms.AES(_symmetric(key, int(name.group(1)))), name.group(2)


def _iv(iv: bytes, octets: int) -> bytes:
    if len(iv) != octets:
        raise BadRequest(f"the iv must have {octets} octets")
    return iv


def encrypt(request: Object) -> Object:
    alg, key, plaintext = request["alg"], load(request["key"]), decode(request["plaintext"])
    if alg in RSA_ENCRYPTION:
        return {"ciphertext": encode(_rsa_public(key).encrypt(plaintext, RSA_ENCRYPTION[alg]))}
    aes, mode = _aes(alg, key)
    octets = 12 if mode == "GCM" else BLOCK
    iv = _iv(decode(request["iv"]) if "iv" in request else os.urandom(octets), octets)
    if mode == "GCM":
        gcm = Cipher(aes, modes.GCM(iv)).encryptor()
        gcm.authenticate_additional_data(decode(request.get("aad", "")))
        ciphertext = gcm.update(plaintext) + gcm.finalize()
        return {"ciphertext": encode(ciphertext), "iv": encode(iv), "tag": encode(gcm.tag)}
    if mode == "CBCPAD":
        padder = padding.PKCS7(BLOCK * 8).padder()
        padded = padder.update(plaintext) + padder.finalize()
    else:
        padded = plaintext + bytes(-len(plaintext) % BLOCK)
    cbc = Cipher(aes, modes.CBC(iv)).encryptor()
    return {"ciphertext": encode(cbc.update(padded) + cbc.finalize()), "iv": encode(iv)}


def decrypt(request: Object) -> Object:
    alg, key, ciphertext = request["alg"], load(request["key"]), decode(request["ciphertext"])
    if alg in RSA_ENCRYPTION:
        return {"plaintext": encode(_rsa_private(key).decrypt(ciphertext, RSA_ENCRYPTION[alg]))}
    aes, mode = _aes(alg, key)
    iv = _iv(decode(request["iv"]), 12 if mode == "GCM" else BLOCK)
    if mode == "GCM":
        gcm = Cipher(aes, modes.GCM(iv, decode(request["tag"]), GCM_TAG)).decryptor()
        gcm.authenticate_additional_data(decode(request.get("aad", "")))
        return {"plaintext": encode(gcm.update(ciphertext) + gcm.finalize())}
    cbc = Cipher(aes, modes.CBC(iv)).decryptor()
    plaintext = cbc.update(ciphertext) + cbc.finalize()
    if mode == "CBCPAD":
        unpadder = padding.PKCS7(BLOCK * 8).unpadder()
        plaintext = unpadder.update(plaintext) + unpadder.finalize()
    return {"plaintext": encode(plaintext)}


def _kek(alg: str, key: Key) -> bytes:
    """The wrapping key of an AES algorithm: of one size for A*KW, of any for CKM_*."""
    if name := re.fullmatch(r"A(128|192|256)KW", alg):
        return _symmetric(key, int(name.group(1)))
    if alg in ("CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD"):
        return _symmetric(key)
    raise BadRequest(f"{alg} does not wrap")


def wrap(request: Object) -> Object:
    alg = request["alg"]
    if alg in RSA_ENCRYPTION:
        return encrypt(request)
    function = keywrap.aes_key_wrap_with_padding if alg.endswith("_PAD") else keywrap.aes_key_wrap
    kek = _kek(alg, load(request["key"]))
    return {"ciphertext": encode(function(kek, decode(request["plaintext"])))}


def unwrap(request: Object) -> Object:
    alg = request["alg"]
    if alg in RSA_ENCRYPTION:
        return decrypt(request)
    function = (
        keywrap.aes_key_unwrap_with_padding if alg.endswith("_PAD") else keywrap.aes_key_unwrap
    )
    kek = _kek(alg, load(request["key"]))
    return {"plaintext": encode(function(kek, decode(request["ciphertext"])))}


# --- The protocol --------------------------------------------------------------------------------


def versions(_request: Object) -> Object:
    return {
        "python": platform.python_version(),
        "cryptography": cryptography.__version__,
        "openssl": openssl.openssl_version_text(),
        "jwcrypto": version("jwcrypto"),
    }


REQUESTS: dict[str, Callable[[Object], Object]] = {
    function.__name__: function
    for function in (
        versions,
        generate,
        convert,
        sign,
        verify,
        encrypt,
        decrypt,
        wrap,
        unwrap,
        thumbprint,
        jws_sign,
        jws_verify,
    )
}


def answer(line: str) -> Object:
    """The answer to one line. No request ends the process: whatever is raised becomes an error."""
    try:
        request = json.loads(line)
        if request["do"] not in REQUESTS:
            raise BadRequest(f"unknown request {request['do']}")
        return {"ok": True} | REQUESTS[request["do"]](request)
    except Exception as error:  # noqa: BLE001
        return {"ok": False, "error": f"{type(error).__name__}: {error}".rstrip(": ")}


def main() -> None:
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
