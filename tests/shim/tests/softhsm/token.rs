//! The built module, a fresh SoftHSM token behind it, and a thin client.

use std::ffi::{CString, c_char, c_int};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cryptoki_sys::*;
use libloading::Library;

/// Of all tokens that `tests/tokens` makes.
pub(crate) const PIN: &str = "1234";

/// The exit status of `tests/tokens/softhsm.sh` where SoftHSM is not there.
const NOT_INSTALLED: i32 = 77;

/// Calls a function of the list, and gives its return value.
macro_rules! ck {
    ($token:ident . $name:ident ( $($arg:expr),* $(,)? )) => {
        unsafe { ($token.list().$name.expect("wrapped"))($($arg),*) }
    };
}
pub(crate) use ck;

/// The module is one, and so is its state: a test has it for itself.
pub(crate) struct Token {
    shim: &'static Shim,
    pub(crate) slot: CK_SLOT_ID,
    _alone: MutexGuard<'static, ()>,
}

struct Shim {
    library: Library,
    list: &'static CK_FUNCTION_LIST,
}

pub(crate) type Session = CK_SESSION_HANDLE;
pub(crate) type Object = CK_OBJECT_HANDLE;

impl Token {
    /// Initialised, no plan, no settings, counters at 0; None without SoftHSM.
    pub(crate) fn new() -> Option<Token> {
        static ALONE: Mutex<()> = Mutex::new(());
        static SHIM: OnceLock<Option<Shim>> = OnceLock::new();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let shim = SHIM.get_or_init(Shim::load).as_ref()?;
        let mut token = Token {
            shim,
            slot: 0,
            _alone: alone,
        };
        token.plan("");
        for name in [
            "RSA_AES",
            "HIDE",
            "ALWAYS_AUTH",
            "PIN",
            "NO_IMPORT",
            "PIN_FLAGS",
        ] {
            token.set(name, "");
        }
        ck!(token.C_Finalize(null_mut()));
        assert_eq!(token.initialize(), CKR_OK);
        // The second is one that SoftHSM keeps free for the next token.
        let (mut slots, mut count) = ([0; 2], 2);
        assert_eq!(
            ck!(token.C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)),
            CKR_OK
        );
        token.slot = slots[0];
        token.reset();
        Some(token)
    }

    pub(crate) fn list(&self) -> &CK_FUNCTION_LIST {
        self.shim.list
    }

    pub(crate) fn try_plan(&self, plan: &str) -> bool {
        let plan = CString::new(plan).unwrap();
        let f = self.symbol::<unsafe extern "C" fn(*const c_char) -> c_int>("p11shim_plan");
        unsafe { f(plan.as_ptr()) == 0 }
    }

    pub(crate) fn plan(&self, plan: &str) {
        assert!(self.try_plan(plan), "{plan}");
    }

    /// `name` without the prefix.
    pub(crate) fn set(&self, name: &str, value: &str) {
        assert!(
            self.try_set(&format!("P11SHIM_{name}"), value),
            "{name}={value}"
        );
    }

    pub(crate) fn try_set(&self, name: &str, value: &str) -> bool {
        set(&self.shim.library, name, value)
    }

    pub(crate) fn release(&self) {
        unsafe { self.symbol::<unsafe extern "C" fn()>("p11shim_release")() };
    }

    pub(crate) fn reset(&self) {
        unsafe { self.symbol::<unsafe extern "C" fn()>("p11shim_reset_stats")() };
    }

    pub(crate) fn stat(&self, name: &str) -> u64 {
        let f = self.symbol::<unsafe extern "C" fn(*mut c_char, usize) -> usize>("p11shim_stats");
        let len = unsafe { f(null_mut(), 0) };
        let mut out = vec![0; len + 256];
        let len = unsafe { f(out.as_mut_ptr().cast(), out.len()) };
        let stats = String::from_utf8(out[..len].to_vec()).unwrap();
        let mut lines = stats.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(key, _)| *key == name)
            .map_or(0, |(_, value)| value.parse().unwrap())
    }

    pub(crate) fn initialize(&self) -> CK_RV {
        let mut args = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            ..Default::default()
        };
        ck!(self.C_Initialize((&raw mut args).cast()))
    }

    pub(crate) fn open(&self) -> Result<Session, CK_RV> {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let new = &raw mut session;
        ok(ck!(self.C_OpenSession(
            self.slot,
            flags,
            null_mut(),
            None,
            new
        )))?;
        Ok(session)
    }

    pub(crate) fn login_as(&self, h: Session, user: CK_USER_TYPE, pin: &str) -> CK_RV {
        let (pin, len) = (pin.as_ptr().cast_mut(), pin.len() as CK_ULONG);
        ck!(self.C_Login(h, user, pin, len))
    }

    /// A session that is logged in.
    pub(crate) fn user(&self) -> Session {
        let h = self.open().unwrap();
        assert_eq!(self.login_as(h, CKU_USER, PIN), CKR_OK);
        h
    }

    /// CKR_CRYPTOKI_NOT_INITIALIZED and the like, by a call that has no other effect.
    pub(crate) fn session_info(&self, h: Session) -> CK_RV {
        let mut info = CK_SESSION_INFO::default();
        ck!(self.C_GetSessionInfo(h, &raw mut info))
    }

    pub(crate) fn token_info(&self) -> Result<CK_TOKEN_INFO, CK_RV> {
        let mut info = CK_TOKEN_INFO::default();
        ok(ck!(self.C_GetTokenInfo(self.slot, &raw mut info)))?;
        Ok(info)
    }

    pub(crate) fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        let mut len = 0;
        assert_eq!(
            ck!(self.C_GetMechanismList(self.slot, null_mut(), &raw mut len)),
            CKR_OK
        );
        let mut all = vec![0; len as usize];
        let out = all.as_mut_ptr();
        assert_eq!(
            ck!(self.C_GetMechanismList(self.slot, out, &raw mut len)),
            CKR_OK
        );
        assert_eq!(all.len(), len as usize);
        all
    }

    /// An RSA-2048 pair of the session, (public, private).
    pub(crate) fn rsa(&self, h: Session) -> (Object, Object) {
        let (mut bits, mut e) = (2048 as CK_ULONG, [1_u8, 0, 1]);
        let mut public = [
            attribute(CKA_MODULUS_BITS, &raw mut bits),
            attribute(CKA_PUBLIC_EXPONENT, &raw mut e),
        ];
        let mut private: [CK_ATTRIBUTE; 0] = [];
        let mut m = mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let (mut new_public, mut new_private) = (0, 0);
        let rv = ck!(self.C_GenerateKeyPair(
            h,
            &raw mut m,
            public.as_mut_ptr(),
            2,
            private.as_mut_ptr(),
            0,
            &raw mut new_public,
            &raw mut new_private,
        ));
        assert_eq!(rv, CKR_OK);
        (new_public, new_private)
    }

    pub(crate) fn sign_init(&self, h: Session, key: Object) -> CK_RV {
        let mut m = mechanism(CKM_SHA256_RSA_PKCS);
        ck!(self.C_SignInit(h, &raw mut m, key))
    }

    pub(crate) fn sign_data(&self, h: Session) -> Result<Vec<u8>, CK_RV> {
        let (mut data, mut out, mut len) = (*b"data", vec![0; 512], 512);
        let out_len = &raw mut len;
        ok(ck!(self.C_Sign(
            h,
            data.as_mut_ptr(),
            4,
            out.as_mut_ptr(),
            out_len
        )))?;
        out.truncate(len as usize);
        Ok(out)
    }

    pub(crate) fn sign(&self, h: Session, key: Object) -> Result<Vec<u8>, CK_RV> {
        ok(self.sign_init(h, key))?;
        self.sign_data(h)
    }

    /// A generic secret that can be wrapped and read.
    pub(crate) fn secret(&self, h: Session, value: &[u8], on_token: bool) -> Result<Object, CK_RV> {
        let (mut class, mut kind) = (CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let (mut yes, mut no, mut token) = (CK_TRUE, CK_FALSE, CK_BBOOL::from(on_token));
        let mut value = value.to_vec();
        let mut template = [
            attribute(CKA_CLASS, &raw mut class),
            attribute(CKA_KEY_TYPE, &raw mut kind),
            attribute(CKA_TOKEN, &raw mut token),
            attribute(CKA_EXTRACTABLE, &raw mut yes),
            attribute(CKA_SENSITIVE, &raw mut no),
            CK_ATTRIBUTE {
                type_: CKA_VALUE,
                pValue: value.as_mut_ptr().cast(),
                ulValueLen: value.len() as CK_ULONG,
            },
        ];
        let mut new = 0;
        ok(ck!(self.C_CreateObject(
            h,
            template.as_mut_ptr(),
            6,
            &raw mut new
        )))?;
        Ok(new)
    }

    fn symbol<T: Copy>(&self, name: &str) -> T {
        symbol(&self.shim.library, name)
    }
}

impl Shim {
    fn load() -> Option<Shim> {
        let [softhsm, conf] = make_token()?;
        // SAFETY: the tests wait for this, and none reads the environment.
        unsafe { std::env::set_var("SOFTHSM2_CONF", conf) };
        let path = build();
        // SAFETY: our own module, which is never unloaded.
        let library = unsafe { Library::new(&path) }.unwrap();
        let module = Box::leak(Box::new(unsafe { Pkcs11::new(&path) }.unwrap()));
        let get = *module.C_GetFunctionList.as_ref().unwrap();
        let mut list = null_mut();
        assert!(set(&library, "P11SHIM_MODULE", "/nowhere"));
        assert_eq!(unsafe { get(&raw mut list) }, CKR_GENERAL_ERROR);
        assert!(set(&library, "P11SHIM_MODULE", &softhsm));
        assert_eq!(unsafe { get(&raw mut list) }, CKR_OK);
        let list = unsafe { &*list };
        Some(Shim { library, list })
    }
}

fn set(library: &Library, name: &str, value: &str) -> bool {
    let (name, value) = (CString::new(name).unwrap(), CString::new(value).unwrap());
    type Set = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    let set = symbol::<Set>(library, "p11shim_set");
    unsafe { set(name.as_ptr(), value.as_ptr()) == 0 }
}

fn symbol<T: Copy>(library: &Library, name: &str) -> T {
    // SAFETY: the callers name the types of src/lib.rs.
    unsafe { *library.get::<T>(name.as_bytes()).unwrap() }
}

/// `cargo test` does not build a cdylib; this does what the main package's tests do.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status();
    assert!(status.unwrap().success());
    let name = format!(
        "{}p11shim{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    target.join("release").join(name)
}

/// A token in a folder of its own: the paths of the module and of its softhsm2.conf.
fn make_token() -> Option<[String; 2]> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("token");
    let _ = fs::remove_dir_all(&folder);
    let evaluate = "printed=$(\"$0\" \"$@\"); eval \"$printed\"; \
                    printf '%s\\0%s' \"$STRONGROOM_PKCS11_MODULE\" \"$SOFTHSM2_CONF\"";
    let output = Command::new("bash")
        .args(["-euc", evaluate])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tokens/softhsm.sh"))
        .arg(&folder)
        .arg("shim")
        .output()
        .unwrap();
    if output.status.code() == Some(NOT_INSTALLED) {
        let required = std::env::var_os("STRONGROOM_REQUIRE_TOKENS").is_some_and(|v| v == "1");
        assert!(!required, "SoftHSM is not installed");
        eprintln!("skipped: SoftHSM is not installed");
        return None;
    }
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let (module, conf) = printed.split_once('\0').unwrap();
    Some([module.to_owned(), conf.to_owned()])
}

pub(crate) fn ok(rv: CK_RV) -> Result<(), CK_RV> {
    if rv == CKR_OK { Ok(()) } else { Err(rv) }
}

pub(crate) fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: null_mut(),
        ulParameterLen: 0,
    }
}

pub(crate) fn attribute<T>(kind: CK_ATTRIBUTE_TYPE, value: *mut T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.cast(),
        ulValueLen: size_of::<T>() as CK_ULONG,
    }
}
