//! Who may do what: the tables cell by cell, scopes, and that every method of a view asks.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{invalid, refusal};
use strongroom::alg::KeyOp;
use strongroom::encoding::{ByokBlob, TransferKind};
use strongroom::jwk::SecretJwk;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::access::{AccessModel, Caller, DataAction, Permission, Role, Scope};
use strongroom::vault::{
    Action, BackupKey, Key, KeyOptions, KeyUpdate, MemoryAudit, Outcome, RotationPolicy, SignInput,
    SignItem, UnixTime, Vault, VerifyItem,
};
use strongroom::{
    AccessRule, Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, Error, ErrorKind, Hash,
    KeySpec, Op, OpSet, Rule, SignAlg, WrapAlg,
};

// --- The tables --------------------------------------------------------------------------------

/// The service's table, as it prints it; `!` is its mark that is not taken over.
const TABLE: &str = "
/securitydomain/download/action   X........
/securitydomain/upload/action     X........
/securitydomain/upload/read       X........
/securitydomain/transferkey/read  X........
/keys/read/action                 ..X.X.X..
/keys/write/action                ..X......
/keys/rotate/action               ..X......
/keys/create                      ..X......
/keys/delete                      ..X......
/keys/deletedKeys/read/action     .X.......
/keys/deletedKeys/recover/action  .X.......
/keys/deletedKeys/delete          .X....!..
/keys/backup/action               ..X..X...
/keys/restore/action              ..X.....X
/keys/release/action              ..X....X.
/keys/import/action               ..X......
/keys/encrypt/action              ..X......
/keys/decrypt/action              ..X......
/keys/wrap/action                 ..X.X....
/keys/unwrap/action               ..X.X....
/keys/sign/action                 ..X......
/keys/verify/action               ..X......
/roleAssignments/read/action      XXXX..X..
/roleAssignments/write/action     XX.X.....
/roleAssignments/delete/action    XX.X.....
/roleDefinitions/read/action      XXXX..X..
/roleDefinitions/write/action     XX.X.....
/roleDefinitions/delete/action    XX.X.....
/backup/start/action              X....X...
/backup/status/action             X....X...
/restore/start/action             X.......X
/restore/status/action            X.......X
/keys/export/action               .........
/rng/action                       ..X......
";

#[test]
fn the_table_of_roles_cell_by_cell() {
    let rows: Vec<_> = TABLE.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), DataAction::ALL.len());
    let mut cells = 0;
    for (row, action) in rows.iter().zip(DataAction::ALL) {
        let (name, marks) = row.split_once(' ').unwrap();
        assert_eq!(action.name(), name);
        assert_eq!(name.parse::<DataAction>().unwrap(), *action);
        let marks: Vec<char> = marks.trim().chars().collect();
        assert_eq!(marks.len(), Role::ALL.len());
        for (mark, role) in marks.iter().zip(Role::ALL) {
            assert_eq!(role.allows(*action), *mark == 'X', "{role} {action}");
            cells += 1;
        }
    }
    assert_eq!(cells, 34 * 9);
}

#[test]
fn roles_have_the_services_names_and_ids() {
    let known = [
        ("Administrator", "a290e904-7015-4bba-90c8-60543313cdb4"),
        ("Crypto Officer", "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"),
        ("Crypto User", "21dbd100-6940-42c2-9190-5d6cb909625b"),
        (
            "Policy Administrator",
            "4bd23610-cdcf-4971-bdee-bdc562cc28e4",
        ),
        (
            "Crypto Service Encryption User",
            "33413926-3206-4cdd-b39a-83574fe37a17",
        ),
        ("Backup", "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8"),
        ("Crypto Auditor", "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3"),
        (
            "Crypto Service Release User",
            "21dbd100-6940-42c2-9190-5d6cb909625c",
        ),
        ("Restore", "6efe6056-5259-49d2-8b3d-d3d73544b20b"),
    ];
    assert_eq!(known.len(), Role::ALL.len());
    for ((name, id), role) in known.iter().zip(Role::ALL) {
        assert_eq!(role.to_string(), format!("Managed HSM {name}"));
        assert_eq!(role.id(), *id);
        assert_eq!(id.parse::<Role>().unwrap(), *role);
        assert_eq!(role.name().parse::<Role>().unwrap(), *role);
    }
}

#[test]
fn permissions_have_the_services_names() {
    let names = "all encrypt decrypt wrapKey unwrapKey sign verify get list create update import \
                 delete backup restore recover purge release rotate getrotationpolicy \
                 setrotationpolicy";
    let names: Vec<_> = names.split_whitespace().collect();
    assert_eq!(names.len(), Permission::ALL.len());
    for (name, permission) in names.iter().zip(Permission::ALL) {
        assert_eq!(permission.name(), *name);
        assert_eq!(name.parse::<Permission>().unwrap(), *permission);
    }
}

#[test]
fn scopes_parse_include_and_compare_as_names_do() {
    let scopes = ["/", "/keys", "/keys/a", "/keys/b"].map(|text| {
        let scope: Scope = text.parse().unwrap();
        assert_eq!(scope.to_string(), text);
        scope
    });
    let wide = [
        [true, true, true, true],
        [false, true, true, true],
        [false, false, true, false],
        [false, false, false, true],
    ];
    for (a, row) in scopes.iter().zip(wide) {
        for (b, included) in scopes.iter().zip(row) {
            assert_eq!(a.includes(b), included, "{a} {b}");
        }
    }
    assert_eq!("/keys/A".parse::<Scope>().unwrap(), scopes[2]);
    for text in ["", "keys", "/keys/", "/keys/a/b", "/secrets", "//"] {
        assert!(text.parse::<Scope>().is_err(), "{text}");
    }
}

// --- A vault with views ------------------------------------------------------------------------

struct Rig {
    vault: Vault,
    audit: Arc<MemoryAudit>,
}

impl Rig {
    fn new(model: AccessModel) -> Rig {
        let audit = Arc::new(MemoryAudit::new(100_000));
        let vault = Vault::builder()
            .host("vault.example")
            .provider(Arc::new(Software::ephemeral().unwrap()))
            .store(Arc::new(MemoryStore::new()))
            .audit(audit.clone())
            .access(model)
            .build()
            .unwrap();
        vault.create("ec", Curve::P256, &KeyOptions::new()).unwrap();
        let aes = KeySpec::Aes { bits: 256 };
        vault.create("aes", aes, &KeyOptions::new()).unwrap();
        Rig { vault, audit }
    }

    fn view(&self, principal: &str) -> Vault {
        self.vault.as_caller(Caller::new(principal).unwrap())
    }

    fn last(&self) -> (Action, String, Option<String>, Outcome) {
        let event = self.audit.events().pop().unwrap();
        let caller = event.caller.map(|caller| caller.principal().to_owned());
        (
            event.action,
            event.target.to_string(),
            caller,
            event.outcome,
        )
    }
}

fn forbidden<T>(result: Result<T, Error>) -> (&'static str, String, AccessRule) {
    let error = result.err().expect("a refusal");
    assert!(error.is_denied());
    assert_eq!(error.kind().service().status, 403);
    match error.kind().clone() {
        ErrorKind::Forbidden {
            action,
            scope,
            rule,
        } => (action, scope.into(), rule),
        other => panic!("{other:?}"),
    }
}

/// A blob that names a key; it is never opened here.
fn some_blob() -> ByokBlob {
    let kid = "https://vault.example/keys/kek/00000000000000000000000000000000";
    ByokBlob::new(kid, Default::default(), vec![1; 400]).unwrap()
}

type Call = Box<dyn Fn(&Vault) -> Result<(), Error>>;

/// A method, its action, what it needs by roles and by policies, and where.
struct Asked {
    method: &'static str,
    action: Action,
    data_action: Option<DataAction>,
    permission: Option<Permission>,
    scope: &'static str,
    call: Call,
}

fn refer(vault: &Vault, name: &str) -> Key {
    vault.refer(name, None).unwrap()
}

fn hash() -> strongroom::HashValue {
    Hash::Sha256.hash(b"message")
}

/// Every method of `Vault` and `Key` that asks; [`every_public_method_is_in_a_list`] sees that
/// none is forgotten.
fn methods() -> Vec<Asked> {
    use DataAction as D;
    use Permission as P;
    let mut all = Vec::new();
    let mut add = |method,
                   action,
                   data_action: Option<DataAction>,
                   permission: Option<Permission>,
                   scope,
                   call: Call| {
        all.push(Asked {
            method,
            action,
            data_action,
            permission,
            scope,
            call,
        });
    };
    let ec = "/keys/ec";
    let (get, list) = (Some(P::Get), Some(P::List));
    let read = Some(D::KeysRead);
    let version = "0".repeat(32);
    let v = version.clone();
    add(
        "Vault::get",
        Action::Get,
        read,
        get,
        ec,
        Box::new(move |vault| vault.get("ec", &v).map(drop)),
    );
    add(
        "Vault::latest",
        Action::Get,
        read,
        get,
        ec,
        Box::new(|vault| vault.latest("ec").map(drop)),
    );
    add(
        "Vault::get_by_id",
        Action::Get,
        read,
        get,
        ec,
        Box::new(move |vault| {
            let id = format!("https://vault.example/keys/ec/{version}");
            vault.get_by_id(&id.parse().unwrap()).map(drop)
        }),
    );
    add(
        "Vault::list",
        Action::List,
        read,
        list,
        "/keys",
        Box::new(|vault| vault.list(None, None).map(drop)),
    );
    add(
        "Vault::versions",
        Action::ListVersions,
        read,
        list,
        ec,
        Box::new(|vault| vault.versions("ec", None, None).map(drop)),
    );
    add(
        "Vault::create",
        Action::Create,
        Some(D::KeysCreate),
        Some(P::Create),
        "/keys/new",
        Box::new(|vault| {
            vault
                .create("new", Curve::P256, &KeyOptions::new())
                .map(drop)
        }),
    );
    add(
        "Vault::import",
        Action::Import,
        Some(D::KeysImport),
        Some(P::Import),
        "/keys/new",
        Box::new(|vault| {
            let key = SecretJwk::from_oct(&[7; 32]).unwrap();
            vault.import("new", &key, &KeyOptions::new()).map(drop)
        }),
    );
    add(
        "Vault::import_byok",
        Action::Import,
        Some(D::KeysImport),
        Some(P::Import),
        "/keys/new",
        Box::new(|vault| {
            let kind = TransferKind::Oct;
            vault
                .import_byok("new", kind, &some_blob(), &KeyOptions::new())
                .map(drop)
        }),
    );
    add(
        "Vault::adopt",
        Action::Adopt,
        None,
        None,
        "/keys/new",
        Box::new(|vault| {
            let key = strongroom::KeyHandle::new(
                strongroom::ProviderId::new("software").unwrap(),
                strongroom::ProviderKeyId::from_bytes([1; 16]),
                KeySpec::Aes { bits: 128 },
                None,
                vec![1],
            );
            vault
                .adopt("new", &key.unwrap(), &KeyOptions::new())
                .map(drop)
        }),
    );
    add(
        "Vault::update",
        Action::Update,
        Some(D::KeysWrite),
        Some(P::Update),
        ec,
        Box::new(|vault| {
            let version = "0".repeat(32);
            vault.update("ec", &version, &KeyUpdate::new()).map(drop)
        }),
    );
    add(
        "Key::update",
        Action::Update,
        Some(D::KeysWrite),
        Some(P::Update),
        ec,
        Box::new(|vault| refer(vault, "ec").update(&KeyUpdate::new()).map(drop)),
    );
    add(
        "Key::reseal",
        Action::Reseal,
        None,
        None,
        ec,
        Box::new(|vault| refer(vault, "ec").reseal().map(drop)),
    );
    type Tell = fn(&Key) -> Result<(), Error>;
    let tells: [(_, Tell); 7] = [
        ("Key::id", |key| key.id().map(drop)),
        ("Key::spec", |key| key.spec().map(drop)),
        ("Key::ops", |key| key.ops().map(drop)),
        ("Key::attributes", |key| key.attributes().map(drop)),
        ("Key::tags", |key| key.tags().map(drop)),
        ("Key::release_policy", |key| key.release_policy().map(drop)),
        ("Key::jwk", |key| key.jwk().map(drop)),
    ];
    for (method, tell) in tells {
        add(
            method,
            Action::Get,
            read,
            get,
            ec,
            Box::new(move |vault| tell(&refer(vault, "ec"))),
        );
    }
    let sign = (Action::Use(Op::Sign), Some(D::KeysSign), Some(P::Sign));
    let verify = (
        Action::Use(Op::Verify),
        Some(D::KeysVerify),
        Some(P::Verify),
    );
    let es256 = SignAlg::Es256;
    add(
        "Key::sign",
        sign.0,
        sign.1,
        sign.2,
        ec,
        Box::new(move |vault| refer(vault, "ec").sign(es256, b"m").map(drop)),
    );
    add(
        "Key::sign_digest",
        sign.0,
        sign.1,
        sign.2,
        ec,
        Box::new(move |vault| {
            let digest = hash();
            refer(vault, "ec")
                .sign_digest(es256, digest.as_digest())
                .map(drop)
        }),
    );
    let item = SignItem {
        alg: es256,
        input: SignInput::Message(b"m"),
    };
    add(
        "Key::sign_batch",
        sign.0,
        sign.1,
        sign.2,
        ec,
        Box::new(move |vault| refer(vault, "ec").sign_batch(&[item]).remove(0).map(drop)),
    );
    add(
        "Vault::sign_batch",
        sign.0,
        sign.1,
        sign.2,
        ec,
        Box::new(move |vault| {
            vault
                .sign_batch(&[(&refer(vault, "ec"), item)])
                .remove(0)
                .map(drop)
        }),
    );
    add(
        "Key::verify",
        verify.0,
        verify.1,
        verify.2,
        ec,
        Box::new(move |vault| refer(vault, "ec").verify(es256, b"m", &[1; 64]).map(drop)),
    );
    add(
        "Key::verify_digest",
        verify.0,
        verify.1,
        verify.2,
        ec,
        Box::new(move |vault| {
            let digest = hash();
            refer(vault, "ec")
                .verify_digest(es256, digest.as_digest(), &[1; 64])
                .map(drop)
        }),
    );
    let item = VerifyItem {
        alg: es256,
        input: SignInput::Message(b"m"),
        signature: &[1; 64],
    };
    add(
        "Key::verify_batch",
        verify.0,
        verify.1,
        verify.2,
        ec,
        Box::new(move |vault| refer(vault, "ec").verify_batch(&[item]).remove(0).map(drop)),
    );
    add(
        "Vault::verify_batch",
        verify.0,
        verify.1,
        verify.2,
        ec,
        Box::new(move |vault| {
            vault
                .verify_batch(&[(&refer(vault, "ec"), item)])
                .remove(0)
                .map(drop)
        }),
    );
    let aes = "/keys/aes";
    add(
        "Key::wrap_key",
        Action::Use(Op::WrapKey),
        Some(D::KeysWrap),
        Some(P::WrapKey),
        aes,
        Box::new(|vault| {
            refer(vault, "aes")
                .wrap_key(WrapAlg::A256Kw, &[1; 16])
                .map(drop)
        }),
    );
    add(
        "Key::unwrap_key",
        Action::Use(Op::UnwrapKey),
        Some(D::KeysUnwrap),
        Some(P::UnwrapKey),
        aes,
        Box::new(|vault| {
            refer(vault, "aes")
                .unwrap_key(WrapAlg::A256Kw, &[1; 24])
                .map(drop)
        }),
    );
    let encrypt = (
        Action::Use(Op::Encrypt),
        Some(D::KeysEncrypt),
        Some(P::Encrypt),
    );
    let decrypt = (
        Action::Use(Op::Decrypt),
        Some(D::KeysDecrypt),
        Some(P::Decrypt),
    );
    let gcm = EncryptAlg::A256Gcm;
    add(
        "Key::encrypt",
        encrypt.0,
        encrypt.1,
        encrypt.2,
        aes,
        Box::new(move |vault| {
            refer(vault, "aes")
                .encrypt(gcm, b"p", EncryptParams::none())
                .map(drop)
        }),
    );
    add(
        "Key::encrypt_in_place",
        encrypt.0,
        encrypt.1,
        encrypt.2,
        aes,
        Box::new(move |vault| {
            refer(vault, "aes")
                .encrypt_in_place(gcm, &mut [1; 5], b"")
                .map(drop)
        }),
    );
    let params = || {
        let mut params = DecryptParams::none();
        (params.iv, params.tag) = (Some(&[1; 12][..]), Some(&[1; 16][..]));
        params
    };
    add(
        "Key::decrypt",
        decrypt.0,
        decrypt.1,
        decrypt.2,
        aes,
        Box::new(move |vault| refer(vault, "aes").decrypt(gcm, b"p", params()).map(drop)),
    );
    add(
        "Key::decrypt_in_place",
        decrypt.0,
        decrypt.1,
        decrypt.2,
        aes,
        Box::new(move |vault| {
            refer(vault, "aes")
                .decrypt_in_place(gcm, &mut [1; 5], params())
                .map(drop)
        }),
    );
    add(
        "Vault::random_bytes",
        Action::RandomBytes,
        Some(D::Rng),
        None,
        "/",
        Box::new(|vault| vault.random_bytes(8).map(drop)),
    );
    add(
        "Vault::role_assignments",
        Action::RoleAssignmentList,
        Some(D::RoleAssignmentsRead),
        None,
        "/keys",
        Box::new(|vault| vault.role_assignments(&Scope::Keys).map(drop)),
    );
    add(
        "Vault::assign_role",
        Action::RoleAssignmentCreate,
        Some(D::RoleAssignmentsWrite),
        None,
        "/keys",
        Box::new(|vault| vault.assign_role("someone", Role::Backup, &Scope::Keys)),
    );
    add(
        "Vault::unassign_role",
        Action::RoleAssignmentDelete,
        Some(D::RoleAssignmentsDelete),
        None,
        "/keys",
        Box::new(|vault| vault.unassign_role("someone", Role::Backup, &Scope::Keys)),
    );
    add(
        "Vault::access_policy",
        Action::AccessPolicyGet,
        None,
        None,
        "/",
        Box::new(|vault| vault.access_policy("someone").map(drop)),
    );
    add(
        "Vault::set_access_policy",
        Action::AccessPolicySet,
        None,
        None,
        "/",
        Box::new(|vault| vault.set_access_policy("someone", &[Permission::Get])),
    );
    add(
        "Vault::settle",
        Action::Settle,
        None,
        None,
        "/",
        Box::new(|vault| vault.settle().map(drop)),
    );
    add(
        "Vault::unlisted",
        Action::ListUnlisted,
        None,
        None,
        "/",
        Box::new(|vault| vault.unlisted().map(drop)),
    );
    add(
        "Vault::verify_store",
        Action::VerifyStore,
        None,
        None,
        "/",
        Box::new(|vault| vault.verify_store().map(drop)),
    );
    add(
        "Vault::delete",
        Action::Delete,
        Some(D::KeysDelete),
        Some(P::Delete),
        "/keys/gone",
        Box::new(|vault| vault.delete("gone").map(drop)),
    );
    add(
        "Vault::deleted",
        Action::GetDeleted,
        Some(D::DeletedKeysRead),
        Some(P::Get),
        "/keys/gone",
        Box::new(|vault| vault.deleted("gone").map(drop)),
    );
    add(
        "Vault::list_deleted",
        Action::ListDeleted,
        Some(D::DeletedKeysRead),
        Some(P::List),
        "/keys",
        Box::new(|vault| vault.list_deleted(None, None).map(drop)),
    );
    add(
        "Vault::recover",
        Action::Recover,
        Some(D::DeletedKeysRecover),
        Some(P::Recover),
        "/keys/gone",
        Box::new(|vault| vault.recover("gone").map(drop)),
    );
    add(
        "Vault::purge",
        Action::Purge,
        Some(D::DeletedKeysDelete),
        Some(P::Purge),
        "/keys/gone",
        Box::new(|vault| vault.purge("gone")),
    );
    add(
        "Vault::purge_due",
        Action::PurgeDue,
        None,
        None,
        "/",
        Box::new(|vault| vault.purge_due(UnixTime(0)).map(drop)),
    );
    add(
        "Vault::rotate",
        Action::Rotate,
        Some(D::KeysRotate),
        Some(P::Rotate),
        ec,
        Box::new(|vault| vault.rotate("ec").map(drop)),
    );
    add(
        "Vault::rotation_policy",
        Action::GetRotationPolicy,
        read,
        Some(P::GetRotationPolicy),
        ec,
        Box::new(|vault| vault.rotation_policy("ec").map(drop)),
    );
    add(
        "Vault::set_rotation_policy",
        Action::SetRotationPolicy,
        Some(D::KeysWrite),
        Some(P::SetRotationPolicy),
        ec,
        Box::new(|vault| {
            vault
                .set_rotation_policy("ec", &RotationPolicy::new())
                .map(drop)
        }),
    );
    add(
        "Vault::rotate_due",
        Action::RotateIfDue,
        None,
        None,
        "/",
        Box::new(|vault| vault.rotate_due(UnixTime(0)).map(drop)),
    );
    add(
        "Vault::backup",
        Action::Backup,
        Some(D::KeysBackup),
        Some(P::Backup),
        ec,
        Box::new(|vault| {
            vault
                .backup("ec", &BackupKey::from_bytes([7; 32]))
                .map(drop)
        }),
    );
    // Which key it is, the blob says when it has been opened.
    add(
        "Vault::restore",
        Action::Restore,
        Some(D::KeysRestore),
        Some(P::Restore),
        "/keys",
        Box::new(|vault| {
            vault
                .restore(b"blob", &BackupKey::from_bytes([7; 32]))
                .map(drop)
        }),
    );
    all
}

/// Methods that do nothing to a key and tell nothing of one.
const OPEN: &[&str] = &[
    "Vault::builder",
    "Vault::host",
    "Vault::tier",
    "Vault::health",
    "Vault::as_caller",
    "Vault::caller",
    "Vault::refer",
    "Vault::recovery_level",
    "Vault::recoverable_days",
    "Key::name",
];

#[test]
fn every_public_method_is_in_a_list_and_every_method_of_the_lists_is_public() {
    let api = include_str!("public_api/strongroom.txt");
    let mut public = BTreeSet::new();
    for line in api.lines() {
        for of in ["Vault", "Key"] {
            let method = line.split_once(&format!("fn strongroom::vault::{of}::"));
            let name = method.and_then(|(_, rest)| rest.split(['(', '<']).next());
            // Of `Debug`.
            if let Some(name) = name.filter(|name| *name != "fmt") {
                public.insert(format!("{of}::{name}"));
            }
        }
    }
    let asking = methods().into_iter().map(|asked| asked.method);
    let listed: BTreeSet<String> = asking
        .chain(OPEN.iter().copied())
        .map(str::to_owned)
        .collect();
    let unlisted: Vec<_> = public.difference(&listed).collect();
    assert!(unlisted.is_empty(), "asks, or does it not? {unlisted:?}");
    let gone: Vec<_> = listed.difference(&public).collect();
    assert!(gone.is_empty(), "no public method: {gone:?}");
}

/// What became of a call, as far as access goes.
fn passed(result: Result<(), Error>) -> bool {
    !matches!(
        result.map_err(|error| error.kind().clone()),
        Err(ErrorKind::Forbidden { .. })
    )
}

#[test]
fn without_a_role_every_method_is_refused_recorded_and_does_nothing() {
    for (model, rule) in [
        (AccessModel::Roles, AccessRule::Roles),
        (AccessModel::Policies, AccessRule::Policies),
    ] {
        let rig = Rig::new(model);
        let view = rig.view("nobody");
        for asked in methods() {
            let before = rig.audit.events().len();
            let (action, scope, by) = forbidden((asked.call)(&view));
            let name = match model {
                AccessModel::Roles => asked.data_action.map(DataAction::name),
                _ => asked.permission.map(Permission::name),
            };
            assert_eq!(
                action,
                name.unwrap_or(asked.action.name()),
                "{}",
                asked.method
            );
            assert_eq!(
                (scope.as_str(), by),
                (asked.scope, rule),
                "{}",
                asked.method
            );
            assert_eq!(rig.audit.events().len(), before + 1, "{}", asked.method);
            let (recorded, _, caller, outcome) = rig.last();
            assert_eq!(recorded, asked.action, "{}", asked.method);
            assert_eq!(caller.as_deref(), Some("nobody"));
            assert!(
                matches!(outcome, Outcome::Forbidden { .. }),
                "{}",
                asked.method
            );
        }
        assert_eq!(rig.vault.list(None, None).unwrap().items.len(), 2);
    }
}

#[test]
fn each_role_opens_each_method_that_it_allows_and_no_other() {
    for role in Role::ALL {
        let rig = Rig::new(AccessModel::Roles);
        rig.vault
            .assign_role("alice", *role, &Scope::Vault)
            .unwrap();
        for asked in methods() {
            let allows = asked.data_action.is_some_and(|action| role.allows(action));
            let view = rig.view("alice");
            assert_eq!(
                passed((asked.call)(&view)),
                allows,
                "{role} {}",
                asked.method
            );
            assert!(
                !passed((asked.call)(&rig.view("bob"))),
                "{role} {}",
                asked.method
            );
        }
    }
}

#[test]
fn each_permission_opens_each_method_that_it_is_for_and_no_other() {
    for permission in Permission::ALL {
        let rig = Rig::new(AccessModel::Policies);
        rig.vault
            .set_access_policy("alice", &[*permission])
            .unwrap();
        for asked in methods() {
            let allows = match permission {
                Permission::All => asked.permission.is_some(),
                permission => asked.permission == Some(*permission),
            };
            let view = rig.view("alice");
            assert_eq!(
                passed((asked.call)(&view)),
                allows,
                "{permission} {}",
                asked.method
            );
        }
        assert_eq!(rig.vault.access_policy("alice").unwrap(), [*permission]);
        rig.vault.set_access_policy("alice", &[]).unwrap();
        assert!(
            methods()
                .iter()
                .all(|asked| !passed((asked.call)(&rig.view("alice"))))
        );
    }
}

#[test]
fn a_role_at_a_key_is_for_that_key_alone() {
    let rig = Rig::new(AccessModel::Roles);
    let scope = "/keys/EC".parse().unwrap();
    rig.vault
        .assign_role("alice", Role::CryptoUser, &scope)
        .unwrap();
    let view = rig.view("alice");
    view.latest("ec")
        .unwrap()
        .sign(SignAlg::Es256, b"m")
        .unwrap();
    view.create("ec", Curve::P256, &KeyOptions::new()).unwrap();
    let (_, at, _) = forbidden(view.latest("aes"));
    assert_eq!(at, "/keys/aes");
    // Listing shows every key, so it takes a role at all of them.
    assert_eq!(forbidden(view.list(None, None)).1, "/keys");
    assert_eq!(forbidden(view.random_bytes(1)).1, "/");
    // Whether there is such a key is not said.
    assert_eq!(forbidden(view.latest("absent")).1, "/keys/absent");
    assert_eq!(refusal(rig.vault.latest("absent")), ErrorKind::NotFound);

    rig.vault
        .assign_role("alice", Role::CryptoAuditor, &Scope::Keys)
        .unwrap();
    assert_eq!(view.list(None, None).unwrap().items.len(), 2);
    assert!(
        view.latest("aes")
            .unwrap()
            .wrap_key(WrapAlg::A256Kw, &[1; 16])
            .is_err()
    );
    rig.vault
        .unassign_role("alice", Role::CryptoAuditor, &Scope::Keys)
        .unwrap();
    assert!(view.list(None, None).unwrap_err().is_denied());
}

#[test]
fn a_role_taken_back_stops_a_key_in_hand() {
    let rig = Rig::new(AccessModel::Roles);
    rig.vault
        .assign_role("alice", Role::CryptoUser, &Scope::Keys)
        .unwrap();
    let key = rig.view("alice").latest("ec").unwrap();
    key.sign(SignAlg::Es256, b"m").unwrap();
    rig.vault
        .unassign_role("alice", Role::CryptoUser, &Scope::Keys)
        .unwrap();
    assert_eq!(
        forbidden(key.sign(SignAlg::Es256, b"m")),
        ("/keys/sign/action", "/keys/ec".into(), AccessRule::Roles)
    );
    let (action, target, caller, _) = rig.last();
    assert_eq!(action, Action::Use(Op::Sign));
    assert_eq!((target.as_str(), caller.as_deref()), ("ec", Some("alice")));
}

#[test]
fn who_may_use_and_not_read_refers_to_the_key() {
    let rig = Rig::new(AccessModel::Policies);
    rig.vault
        .set_access_policy("alice", &[Permission::Sign])
        .unwrap();
    let view = rig.view("alice");
    assert!(view.latest("ec").unwrap_err().is_denied());
    let key = view.refer("ec", None).unwrap();
    let signed = key.sign(SignAlg::Es256, b"m").unwrap();
    assert!(key.jwk().unwrap_err().is_denied());
    assert!(
        key.verify(SignAlg::Es256, b"m", signed.value.as_bytes())
            .unwrap_err()
            .is_denied()
    );
    let pinned = view.refer("ec", Some(signed.key.version())).unwrap();
    assert_eq!(pinned.sign(SignAlg::Es256, b"m").unwrap().key, signed.key);
    assert_eq!(invalid(view.refer("../x", None)).0, "name");
}

#[test]
fn roles_are_changed_by_those_who_may() {
    let rig = Rig::new(AccessModel::Roles);
    let key: Scope = "/keys/ec".parse().unwrap();
    rig.vault
        .assign_role("root", Role::Administrator, &Scope::Vault)
        .unwrap();
    let root = rig.view("root");
    root.assign_role("alice", Role::PolicyAdministrator, &key)
        .unwrap();
    let alice = rig.view("alice");
    alice.assign_role("alice", Role::CryptoUser, &key).unwrap();
    assert!(alice.latest("ec").is_ok());
    assert_eq!(
        forbidden(alice.assign_role("alice", Role::CryptoUser, &Scope::Keys)).1,
        "/keys"
    );
    let held = root.role_assignments(&key).unwrap();
    assert_eq!(held.len(), 2);
    assert!(
        held.iter()
            .all(|held| held.principal == "alice" && held.scope == key)
    );
    let (action, target, caller, outcome) = rig.last();
    assert_eq!(
        (action, target.as_str()),
        (Action::RoleAssignmentList, "/keys/ec")
    );
    assert_eq!(
        (caller.as_deref(), outcome),
        (Some("root"), Outcome::Success)
    );
    assert_eq!(
        refusal(root.assign_role("alice", Role::CryptoUser, &key)),
        ErrorKind::Conflict
    );
    assert_eq!(
        refusal(root.unassign_role("bob", Role::CryptoUser, &key)),
        ErrorKind::NotFound
    );
    // A principal is compared as it is spelled.
    assert!(rig.view("Alice").latest("ec").unwrap_err().is_denied());
}

#[test]
fn assignments_and_policies_are_limited() {
    let rig = Rig::new(AccessModel::Roles);
    let key: Scope = "/keys/ec".parse().unwrap();
    for (scope, most) in [(Scope::Vault, 50), (Scope::Keys, 50), (key, 10)] {
        for at in 0..most {
            rig.vault
                .assign_role(&format!("p{at}"), Role::Backup, &scope)
                .unwrap();
        }
        let more = rig.vault.assign_role("more", Role::Backup, &scope);
        assert_eq!(invalid(more), ("roleAssignments", Rule::TooLong(most)));
        rig.vault.unassign_role("p0", Role::Backup, &scope).unwrap();
        rig.vault.assign_role("more", Role::Backup, &scope).unwrap();
    }
    for name in ["", &"x".repeat(257)] {
        let result = rig.vault.assign_role(name, Role::Backup, &Scope::Keys);
        assert_eq!(invalid(result).0, "caller");
    }
    let wrong = rig.vault.set_access_policy("alice", &[Permission::Get]);
    assert!(matches!(refusal(wrong), ErrorKind::Misconfigured { .. }));
    let rig = Rig::new(AccessModel::Policies);
    let wrong = rig.vault.assign_role("alice", Role::Backup, &Scope::Keys);
    assert!(matches!(refusal(wrong), ErrorKind::Misconfigured { .. }));
}

#[test]
fn a_view_of_a_view_is_the_new_callers() {
    let rig = Rig::new(AccessModel::Roles);
    rig.vault
        .assign_role("alice", Role::CryptoUser, &Scope::Keys)
        .unwrap();
    let alice = rig.view("alice");
    let bob = alice.as_caller(Caller::new("bob").unwrap());
    assert!(bob.latest("ec").unwrap_err().is_denied());
    assert_eq!(bob.caller().unwrap().principal(), "bob");
    // A key is its view's, also in another's batch.
    let key = alice.latest("ec").unwrap();
    let item = SignItem {
        alg: SignAlg::Es256,
        input: SignInput::Message(b"m"),
    };
    let items = [(&key, item), (&bob.refer("ec", None).unwrap(), item)];
    let [own, other] = <[_; 2]>::try_from(rig.vault.sign_batch(&items)).unwrap();
    assert!(own.is_ok());
    assert!(other.unwrap_err().is_denied());
}

#[test]
fn the_owner_is_asked_nothing() {
    let rig = Rig::new(AccessModel::Roles);
    for asked in methods() {
        if !["Vault::set_access_policy"].contains(&asked.method) {
            assert!(passed((asked.call)(&rig.vault)), "{}", asked.method);
        }
    }
    let import_only = KeyOptions::new().ops(OpSet::from_iter([KeyOp::Import]));
    rig.vault
        .create("kek", KeySpec::Rsa { bits: 2048 }, &import_only)
        .unwrap();
    let digest = hash();
    let digest: Digest<'_> = digest.as_digest();
    rig.vault
        .latest("ec")
        .unwrap()
        .sign_digest(SignAlg::Es256, digest)
        .unwrap();
}
