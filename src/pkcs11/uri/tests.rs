use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

fn read(uri: &str) -> Pkcs11Uri {
    uri.parse()
        .unwrap_or_else(|error| panic!("{uri}: {error:?}"))
}

fn refused(uri: &str) -> (&'static str, Rule) {
    let error = uri
        .parse::<Pkcs11Uri>()
        .expect_err(&format!("{uri} was read"));
    match error.kind() {
        ErrorKind::Invalid { field, rule } => (field, *rule),
        kind => panic!("{uri}: {kind:?}"),
    }
}

/// RFC 7512 section 3, without the white space that it has for readability.
mod examples {
    use super::*;

    #[test]
    fn empty() {
        assert!(read("pkcs11:") == Pkcs11Uri::default());
    }

    #[test]
    fn public_object() {
        let uri = read("pkcs11:object=my-pubkey;type=public");
        assert_eq!(uri.object(), Some("my-pubkey"));
        assert_eq!(uri.object_type(), Some(ObjectType::Public));
        assert_eq!(uri.token(), None);
    }

    #[test]
    fn private_object_with_a_pin_file() {
        let uri = read("pkcs11:object=my-key;type=private?pin-source=file:/etc/token");
        assert_eq!(uri.object_type(), Some(ObjectType::Private));
        assert_eq!(uri.pin_source(), Some("file:/etc/token"));
        assert_eq!(uri.pin_file(), Some(Path::new("/etc/token")));
    }

    #[test]
    fn certificate() {
        let text = "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;\
                    manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;\
                    type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=\
                    ?pin-source=file:/etc/token_pin";
        let uri = read(text);
        assert_eq!(uri.token(), Some("The Software PKCS#11 Softtoken"));
        assert_eq!(uri.manufacturer(), Some("Snake Oil, Inc."));
        assert_eq!(uri.model(), Some("1.0"));
        assert_eq!(uri.object(), Some("my-certificate"));
        assert_eq!(uri.object_type(), Some(ObjectType::Cert));
        let id = [0x69, 0x95, 0x3E, 0x5C, 0xF4, 0xBD, 0xEC, 0x91];
        assert_eq!(uri.id(), Some(&id[..]));
        assert_eq!(uri.serial(), Some(""), "empty, not absent");
        assert_eq!(
            uri.to_string(),
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;\
             manufacturer=Snake%20Oil,%20Inc.;model=1.0;serial=;object=my-certificate;\
             type=cert;id=%69%95%3E%5C%F4%BD%EC%91?pin-source=file:/etc/token_pin"
        );
    }

    #[test]
    fn module_name() {
        let uri = read("pkcs11:object=my-sign-key;type=private?module-name=mypkcs11");
        assert_eq!(uri.module_name(), Some("mypkcs11"));
    }

    #[test]
    fn module_path() {
        let uri = read("pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1");
        assert_eq!(uri.module_path(), Some(Path::new("/mnt/libmypkcs11.so.1")));
    }

    #[test]
    fn token_with_a_pin() {
        let mut uri = read(
            "pkcs11:token=Software%20PKCS%2311%20softtoken;\
             manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin",
        );
        assert_eq!(uri.token(), Some("Software PKCS#11 softtoken"));
        let pin = SecretBytes::copy_of(b"the-pin");
        assert!(uri.pin_value() == Some(&pin));
        assert!(uri.take_pin_value() == Some(pin));
        assert!(uri.pin_value().is_none());
    }

    #[test]
    fn slot() {
        let uri = read("pkcs11:slot-description=Sun%20Metaslot");
        assert_eq!(uri.slot_description(), Some("Sun Metaslot"));
    }

    #[test]
    fn library() {
        let uri = read(
            "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;\
             library-description=Soft%20Token%20Library;library-version=1.23",
        );
        assert_eq!(uri.library_manufacturer(), Some("Snake Oil, Inc."));
        assert_eq!(uri.library_description(), Some("Soft Token Library"));
        assert_eq!(uri.library_version(), Some((1, 23)));
    }

    #[test]
    fn lower_case_digits_and_a_version_without_a_minor() {
        let uri = read(
            "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;\
             id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
        );
        assert_eq!(uri.token(), Some("My token% created by Joe"));
        assert_eq!(uri.library_version(), Some((3, 0)));
        let id = [1, 2, 3, 0xBA, 0xDD, 0xCA, 0xFE, 4, 5, 6];
        assert_eq!(uri.id(), Some(&id[..]));
    }

    #[test]
    fn delimiters_in_a_value() {
        let uri = read(
            "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;\
             object=my-certificate;type=cert",
        );
        assert_eq!(uri.token(), Some("A name with a substring %;"));
    }

    /// The label of this one has 35 bytes, and that of a token has room for 32: refused
    /// as section 2.3 demands. As the label of an object it is read.
    #[test]
    fn a_letter_outside_ascii() {
        let label = "Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1";
        let token = format!("pkcs11:token={label};object=my-certificate;type=cert");
        assert_eq!(refused(&token), ("token", Rule::TooLong(32)));
        let uri = read(&format!("pkcs11:object={label};type=cert"));
        assert_eq!(uri.object(), Some("Name with a small A with acute: \u{e1}"));
    }

    /// A vendor's attribute in the path makes the URI match nothing (section 2.5), and
    /// in the query it is ignored.
    #[test]
    fn attributes_of_vendors() {
        let path = "pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a\
                    ?pin-source=file:/etc/token_pin&vendor-bbb=value-b";
        assert_eq!(refused(path), ("pkcs11 uri", Rule::UnknownName));
        let query = path.replace(";vendor-aaa=value-a", "");
        assert_eq!(
            read(&query).to_string(),
            "pkcs11:token=my-token;object=my-certificate;type=cert\
             ?pin-source=file:/etc/token_pin"
        );
    }
}

#[test]
fn all_attributes_come_back() {
    let text = "pkcs11:token=a;manufacturer=b;model=c;serial=d;library-manufacturer=e;\
                library-description=f;library-version=1.0;slot-manufacturer=g;\
                slot-description=h;slot-id=18446744073709551615;object=i;type=secret-key;\
                id=%6A?module-path=/k&pin-source=/l";
    let uri = read(text);
    assert_eq!(uri.slot_manufacturer(), Some("g"));
    assert_eq!(uri.slot_id(), Some(u64::MAX));
    assert_eq!(uri.object_type(), Some(ObjectType::SecretKey));
    assert_eq!(uri.pin_file(), Some(Path::new("/l")));
    assert_eq!(uri.to_string(), text);
}

#[test]
fn order_case_and_spelling_do_not_count() {
    let one = read("pkcs11:token=dev;serial=1;type=data;library-version=2;slot-id=007");
    let other = read("PKCS11:SLOT-ID=7;Library-Version=2.0;type=Data;serial=%31;Token=%64ev?");
    assert!(one == other);
    assert_eq!(one.to_string(), other.to_string());
}

#[test]
fn reserved_characters_may_stand() {
    let reserved = ":[]@!$'()*+,=&";
    let uri = read(&format!("pkcs11:object={reserved}"));
    assert_eq!(uri.object(), Some(reserved));
    assert_eq!(uri.to_string(), format!("pkcs11:object={reserved}"));

    let reserved = "/:[]@!$'()*+,=/?|";
    let uri = read(&format!("pkcs11:?module-path={reserved}"));
    assert_eq!(uri.module_path(), Some(Path::new(reserved)));
    assert_eq!(uri.to_string(), format!("pkcs11:?module-path={reserved}"));
}

#[test]
fn unknown_attributes_of_the_query_may_repeat() {
    let uri = read("pkcs11:token=a?x-one=%FF&x-one=2&module-name=m&x-two=");
    assert_eq!(uri.to_string(), "pkcs11:token=a?module-name=m");
}

#[test]
fn the_id_may_be_any_bytes() {
    let uri = read("pkcs11:id=%00%FF%C3a");
    assert_eq!(uri.id(), Some(&[0, 0xFF, 0xC3, b'a'][..]));
    assert_eq!(uri.to_string(), "pkcs11:id=%00%FF%C3%61");
    assert_eq!(read("pkcs11:id=").id(), Some(&[][..]));
}

#[test]
fn pin_files_have_few_spellings() {
    for (source, file) in [
        ("/run/pin", "/run/pin"),
        ("/a%20b%25%3F%23%26c", "/a b%?#&c"),
        ("file:/run/pin", "/run/pin"),
        ("FILE:///run/my%20pin", "/run/my pin"),
        ("file://localhost/run/pin", "/run/pin"),
    ] {
        let uri = read(&format!("pkcs11:?pin-source={source}"));
        assert_eq!(uri.pin_file(), Some(Path::new(file)), "{source}");
        assert!(read(&uri.to_string()) == uri, "{source}");
    }
}

#[test]
fn bad_input_is_refused_for_what_is_wrong() {
    const URI: &str = "pkcs11 uri";
    for (uri, field, rule) in [
        // The whole.
        ("", URI, Rule::Encoding),
        ("pkcs11", URI, Rule::Encoding),
        ("pkcs12:token=a", URI, Rule::Encoding),
        (" pkcs11:token=a", URI, Rule::Encoding),
        ("https://example.com/", URI, Rule::Encoding),
        // Attributes.
        ("pkcs11:token", URI, Rule::Encoding),
        ("pkcs11:=a", URI, Rule::Encoding),
        ("pkcs11:;", URI, Rule::Encoding),
        ("pkcs11:token=a;", URI, Rule::Encoding),
        ("pkcs11:token=a;;serial=b", URI, Rule::Encoding),
        ("pkcs11:?&", URI, Rule::Encoding),
        ("pkcs11:?pin-value=a&", URI, Rule::Encoding),
        ("pkcs11:to%6Ben=a", URI, Rule::Character),
        ("pkcs11://token=a", URI, Rule::Character),
        ("pkcs11: token=a", URI, Rule::Character),
        ("pkcs11:label=a", URI, Rule::UnknownName),
        ("pkcs11:x-vendor=a", URI, Rule::UnknownName),
        ("pkcs11:token=a;TOKEN=a", "token", Rule::Duplicate),
        ("pkcs11:id=;id=", "id", Rule::Duplicate),
        (
            "pkcs11:?pin-value=1&pin-value=1",
            "pin-value",
            Rule::Duplicate,
        ),
        (
            "pkcs11:?module-path=/a&module-path=/b",
            "module-path",
            Rule::Duplicate,
        ),
        (
            "pkcs11:token=a;pin-value=1234",
            "pin-value",
            Rule::Unexpected,
        ),
        ("pkcs11:module-path=a", "module-path", Rule::Unexpected),
        ("pkcs11:?token=a", "token", Rule::Unexpected),
        ("pkcs11:?id=%01", "id", Rule::Unexpected),
        // Characters and encoding.
        ("pkcs11:token=a b", "token", Rule::Character),
        ("pkcs11:token=a/b", "token", Rule::Character),
        ("pkcs11:token=a#b", "token", Rule::Character),
        ("pkcs11:token=a|b", "token", Rule::Character),
        ("pkcs11:token=\u{e1}", "token", Rule::Character),
        ("pkcs11:token=a\n", "token", Rule::Character),
        ("pkcs11:id=\u{e1}", "id", Rule::Character),
        ("pkcs11:?pin-value=a;b", "pin-value", Rule::Character),
        ("pkcs11:?pin-value=a#b", "pin-value", Rule::Character),
        ("pkcs11:?x-vendor=a b", URI, Rule::Character),
        ("pkcs11:?x-vendor=%1", URI, Rule::Encoding),
        ("pkcs11:token=%", "token", Rule::Encoding),
        ("pkcs11:token=%4", "token", Rule::Encoding),
        ("pkcs11:token=%4g", "token", Rule::Encoding),
        ("pkcs11:token=%+4", "token", Rule::Encoding),
        ("pkcs11:id=%;type=data", "id", Rule::Encoding),
        ("pkcs11:token=%FF", "token", Rule::Encoding),
        ("pkcs11:token=%C3", "token", Rule::Encoding),
        ("pkcs11:token=%C0%AF", "token", Rule::Encoding),
        ("pkcs11:token=%ED%A0%80", "token", Rule::Encoding),
        ("pkcs11:?pin-value=%FF", "pin-value", Rule::Encoding),
        ("pkcs11:object=a%00", "object", Rule::Character),
        ("pkcs11:?module-path=/a%00b", "module-path", Rule::Character),
        ("pkcs11:?pin-value=%00", "pin-value", Rule::Character),
        // Values.
        ("pkcs11:model=0123456789abcdefg", "model", Rule::TooLong(16)),
        (
            "pkcs11:serial=0123456789abcdefg",
            "serial",
            Rule::TooLong(16),
        ),
        ("pkcs11:serial=%C3%A1", "serial", Rule::Character),
        ("pkcs11:serial=a%0A", "serial", Rule::Character),
        ("pkcs11:serial=a@b", "serial", Rule::Character),
        ("pkcs11:slot-id=", "slot-id", Rule::Empty),
        ("pkcs11:slot-id=-1", "slot-id", Rule::Character),
        ("pkcs11:slot-id=+1", "slot-id", Rule::Character),
        ("pkcs11:slot-id=0x1", "slot-id", Rule::Character),
        ("pkcs11:slot-id=%31", "slot-id", Rule::Character),
        (
            "pkcs11:slot-id=18446744073709551616",
            "slot-id",
            Rule::OutOfRange,
        ),
        ("pkcs11:library-version=", "library-version", Rule::Empty),
        ("pkcs11:library-version=.1", "library-version", Rule::Empty),
        ("pkcs11:library-version=1.", "library-version", Rule::Empty),
        (
            "pkcs11:library-version=1.2.3",
            "library-version",
            Rule::Character,
        ),
        (
            "pkcs11:library-version=256",
            "library-version",
            Rule::OutOfRange,
        ),
        (
            "pkcs11:library-version=1.256",
            "library-version",
            Rule::OutOfRange,
        ),
        ("pkcs11:type=", "type", Rule::UnknownName),
        ("pkcs11:type=key", "type", Rule::UnknownName),
        ("pkcs11:type=%70ublic", "type", Rule::UnknownName),
        // Modules.
        ("pkcs11:?module-path=", "module-path", Rule::Empty),
        (
            "pkcs11:?module-path=libx.so",
            "module-path",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?module-path=./libx.so",
            "module-path",
            Rule::Unsupported,
        ),
        ("pkcs11:?module-name=", "module-name", Rule::Empty),
        ("pkcs11:?module-name=../x", "module-name", Rule::Character),
        ("pkcs11:?module-name=a%5Cx", "module-name", Rule::Character),
        (
            "pkcs11:?module-name=a&module-path=/a",
            "module-path",
            Rule::Contradicts("module-name"),
        ),
        // PINs.
        ("pkcs11:?pin-source=", "pin-source", Rule::Empty),
        ("pkcs11:?pin-source=pin", "pin-source", Rule::Unsupported),
        (
            "pkcs11:?pin-source=|/bin/pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=%7C/bin/pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=https://h/pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=pkcs11:object=p",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=file:pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=file://h/pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=file://localhosts/pin",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=file:/a%2520b",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=file:/a?b",
            "pin-source",
            Rule::Unsupported,
        ),
        (
            "pkcs11:?pin-source=/a&pin-value=1",
            "pin-value",
            Rule::Contradicts("pin-source"),
        ),
    ] {
        assert_eq!(refused(uri), (field, rule), "{uri}");
    }
}

#[test]
fn lengths_are_limited() {
    let whole = |len: usize| format!("pkcs11:object={}", "a".repeat(len - 14));
    assert_eq!(read(&whole(4096)).object().map(str::len), Some(4082));
    assert_eq!(
        refused(&whole(4097)),
        ("pkcs11 uri", Rule::TooLong(Pkcs11Uri::MAX_LEN))
    );
    for (name, max) in [
        ("token", 32),
        ("manufacturer", 32),
        ("model", 16),
        ("serial", 16),
        ("library-manufacturer", 32),
        ("library-description", 32),
        ("slot-manufacturer", 32),
        ("slot-description", 64),
    ] {
        let uri = |len| format!("pkcs11:{name}={}", "%61".repeat(len));
        read(&uri(max));
        assert_eq!(refused(&uri(max + 1)), (name, Rule::TooLong(max)));
    }
}

#[test]
fn the_pin_is_never_shown() {
    const PIN: &str = "Tr0ub4dor";
    for uri in [
        format!("pkcs11:token=a?pin-value={PIN}"),
        format!("pkcs11:?x-vendor={PIN}&pin-value={PIN}"),
    ] {
        let uri = read(&uri);
        assert!(uri.pin_value().expect("a PIN").expose() == PIN.as_bytes());
        for shown in [format!("{uri}"), format!("{uri:?}"), format!("{uri:#?}")] {
            assert!(!shown.contains(PIN), "{shown}");
        }
        assert!(format!("{uri:?}").contains("with a pin-value"));
        assert!(read(&uri.to_string()).pin_value().is_none());
    }
    for uri in [
        format!("pkcs11:pin-value={PIN}"),
        format!("pkcs11:?pin-value={PIN}%FF"),
        format!("pkcs11:?pin-value={PIN}#"),
        format!("pkcs11:?pin-value={PIN}&pin-value={PIN}"),
        format!("pkcs11:?pin-value={PIN}&pin-source=/a"),
        format!("pkcs11:?pin-value={PIN}&{PIN}"),
        format!("pkcs11:{PIN}={PIN}"),
        format!("{PIN}:"),
    ] {
        let error = uri.parse::<Pkcs11Uri>().expect_err("was read");
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(!shown.contains(PIN), "{shown}");
        }
    }
}

/// Encodes by a rule of its own: what must be, and some of what need not be.
fn encode(bytes: &[u8], choices: &[bool], plain: &[u8]) -> String {
    let mut choices = choices.iter().cycle();
    let mut choice = || *choices.next().expect("a choice");
    let mut encoded = String::new();
    for byte in bytes {
        let may_stand = byte.is_ascii_alphanumeric() || plain.contains(byte);
        match (may_stand && choice(), choice()) {
            (true, _) => encoded.push(char::from(*byte)),
            (false, true) => encoded += &format!("%{byte:02x}"),
            (false, false) => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

const PATH_PLAIN: &[u8] = b"-._~:[]@!$'()*+,=&";
const QUERY_PLAIN: &[u8] = b"-._~:[]@!$'()*+,=/?|";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_read_and_shown_and_read(
        token in "[^\\x00]{0,8}",
        object in proptest::option::of("[^\\x00]{0,40}"),
        serial in proptest::option::of("[ -#%-?A-_a-~]{0,16}"),
        id in proptest::option::of(vec(any::<u8>(), 0..40)),
        version: Option<(u8, u8)>,
        slot_id: Option<u64>,
        module in proptest::option::of("/[^\\x00]{0,40}"),
        pin in proptest::option::of("[^\\x00]{0,20}"),
        choices in vec(any::<bool>(), 1..40),
    ) {
        let path = |text: &str| encode(text.as_bytes(), &choices, PATH_PLAIN);
        let query = |text: &str| encode(text.as_bytes(), &choices, QUERY_PLAIN);
        let mut attributes = vec![format!("token={}", path(&token))];
        attributes.extend(version.map(|(a, b)| format!("library-version={a}.{b}")));
        attributes.extend(object.as_deref().map(|text| format!("object={}", path(text))));
        attributes.extend(slot_id.map(|id| format!("slot-id={id}")));
        attributes.extend(id.as_deref().map(|id| format!("id={}", encode(id, &choices, PATH_PLAIN))));
        attributes.extend(serial.as_deref().map(|text| format!("serial={}", path(text))));
        let mut text = format!("pkcs11:{}?", attributes.join(";"));
        let mut attributes = Vec::new();
        attributes.extend(pin.as_deref().map(|text| format!("pin-value={}", query(text))));
        attributes.extend(module.as_deref().map(|text| format!("module-path={}", query(text))));
        text += &attributes.join("&");

        let mut uri = read(&text);
        prop_assert_eq!(uri.token(), Some(&*token));
        prop_assert_eq!(uri.object(), object.as_deref());
        prop_assert_eq!(uri.serial(), serial.as_deref());
        prop_assert_eq!(uri.id(), id.as_deref());
        prop_assert_eq!(uri.library_version(), version);
        prop_assert_eq!(uri.slot_id(), slot_id);
        prop_assert_eq!(uri.module_path(), module.as_deref().map(Path::new));
        let taken = uri.take_pin_value();
        prop_assert!(taken.as_ref().map(SecretBytes::expose) == pin.as_deref().map(str::as_bytes));

        let shown = uri.to_string();
        prop_assert!(read(&shown) == uri);
        prop_assert_eq!(read(&shown).to_string(), shown);
    }

    #[test]
    fn anything_may_be_asked(
        text in "(pkcs11:)?((token|object|id|type|pin-value|x)=?(.|%[0-9a-f]{2}){0,4}[;?&]?){0,6}"
    ) {
        if let Ok(mut uri) = text.parse::<Pkcs11Uri>() {
            let shown = uri.to_string();
            uri.take_pin_value();
            prop_assert!(read(&shown) == uri);
        }
    }
}
