//! The module's functions, as safe as they can be made: the only `unsafe` of the backend.
//!
//! What makes them safe:
//! * The library is loaded once and never unloaded, so its functions stay where they are.
//! * It is initialised with `CKF_OS_LOCKING_OK`: calls may come from any thread (section
//!   5.4.2). One session may not be used by two, so every call on one takes `&mut`.
//! * Every pointer that is handed over points to a borrow that outlives the call, with its
//!   true length beside it; every buffer to be filled is ours, and the length that comes
//!   back is checked against the one that went in.
//!
//! Outputs have a length that the caller states: asking for it first would be another round
//! trip, and some modules answer that question wrongly. Section numbers are those of
//! PKCS #11 v3.1.

use std::ffi::{CString, c_int, c_void};
use std::path::Path;
use std::ptr;

use cryptoki_sys::*;
use zeroize::Zeroize;

use super::exit;
use super::mechanism::{Mechanism, MechanismInfo};
use super::rv::Failure;

/// A loaded module.
#[derive(Clone, Copy)]
pub(super) struct Library {
    functions: &'static CK_FUNCTION_LIST,
}

/// A session's number. Neither `Clone` nor closed on drop: numbers start again at 1 after
/// `C_Initialize`, and closing an old one then closes a stranger's.
#[derive(Debug)]
pub(super) struct RawSession(CK_SESSION_HANDLE);

/// An object's number: good within one login, and never longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object(CK_OBJECT_HANDLE);

/// An attribute's value.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Bool(bool),
    Ulong(CK_ULONG),
    Bytes(&'a [u8]),
}

/// An attribute in a template.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a>(pub(super) CK_ATTRIBUTE_TYPE, pub(super) Value<'a>);

/// Calls a function of the list and turns its code into a result.
macro_rules! call {
    ($library:expr, $name:ident ( $($argument:expr),* $(,)? )) => {{
        let name = stringify!($name);
        match $library.functions.$name {
            None => Err(Failure { function: name, rv: CKR_FUNCTION_NOT_SUPPORTED }),
            // SAFETY: the function belongs to a library that is never unloaded; each argument
            // is a number or a pointer to a live borrow of the length stated beside it (see
            // the head of this file and each caller).
            Some(function) => match unsafe { function($($argument),*) } {
                CKR_OK => Ok(()),
                rv => Err(Failure { function: name, rv }),
            },
        }
    }};
}

impl Library {
    /// Loads a module. Its library stays loaded until the process ends: unloading runs its
    /// destructors, which in some modules crash.
    pub(super) fn load(path: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // SAFETY: loading a library runs its constructors: the embedder chose the file, as
        // `pkcs11::Builder::module` says.
        let library = Box::new(unsafe { Pkcs11::new(path) }?);
        let library: &'static Pkcs11 = Box::leak(library);
        let get = library.C_GetFunctionList.as_ref();
        let get = get.map_err(ToString::to_string)?;
        let mut list: CK_FUNCTION_LIST_PTR = ptr::null_mut();
        // SAFETY: the function has this type in every version of the standard (section 5.4.4).
        let rv = unsafe { get(&raw mut list) };
        if rv != CKR_OK {
            return Err(Failure {
                function: "C_GetFunctionList",
                rv,
            }
            .into());
        }
        // SAFETY: after CKR_OK the pointer is null or points to the module's list, which
        // lives as long as the module and which nobody writes to (section 5.4.4).
        let functions = unsafe { list.as_ref() };
        let functions = functions.ok_or_else(|| Failure::nonsense("C_GetFunctionList"))?;
        Ok(Library { functions })
    }

    /// C_Initialize (5.4.1), with the module's own parameter string where it wants one.
    pub(super) fn initialize(self, parameters: Option<&str>) -> Result<(), Failure> {
        let parameters = parameters.map(CString::new).transpose();
        let parameters = parameters.map_err(|_| Failure {
            function: "C_Initialize",
            rv: CKR_ARGUMENTS_BAD,
        })?;
        let reserved = parameters.as_ref().map_or(ptr::null_mut(), |text| {
            // The type lacks `const`; modules read the string.
            text.as_ptr().cast_mut().cast::<c_void>()
        });
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: reserved,
        };
        call!(self, C_Initialize((&raw mut arguments).cast::<c_void>()))
    }

    /// C_Finalize (5.4.2). No call may be running in the module.
    pub(super) fn finalize(self) -> Result<(), Failure> {
        call!(self, C_Finalize(ptr::null_mut()))
    }

    /// The library's manufacturer (C_GetInfo, 5.4.3).
    pub(super) fn manufacturer(self) -> Result<String, Failure> {
        let mut info = CK_INFO::default();
        call!(self, C_GetInfo(&raw mut info))?;
        let id = info.manufacturerID;
        Ok(text(&id))
    }

    /// C_GetSlotList (5.5.1): the slots that have a token.
    pub(super) fn slots(self) -> Result<Vec<CK_SLOT_ID>, Failure> {
        list("C_GetSlotList", |slots, len| {
            call!(self, C_GetSlotList(CK_TRUE, slots, len))
        })
    }

    /// C_GetTokenInfo (5.5.3).
    pub(super) fn token_info(self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO, Failure> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self, C_GetTokenInfo(slot, &raw mut info))?;
        Ok(info)
    }

    /// C_GetMechanismList (5.5.5).
    pub(super) fn mechanisms(self, slot: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>, Failure> {
        list("C_GetMechanismList", |types, len| {
            call!(self, C_GetMechanismList(slot, types, len))
        })
    }

    /// C_GetMechanismInfo (5.5.6).
    pub(super) fn mechanism_info(
        self,
        slot: CK_SLOT_ID,
        mechanism: CK_MECHANISM_TYPE,
    ) -> Result<MechanismInfo, Failure> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self, C_GetMechanismInfo(slot, mechanism, &raw mut info))?;
        let CK_MECHANISM_INFO {
            ulMinKeySize: min,
            ulMaxKeySize: max,
            flags,
        } = info;
        Ok(MechanismInfo { min, max, flags })
    }

    /// C_OpenSession (5.6.1): always read-write, as some tokens know no other.
    pub(super) fn open_session(self, slot: CK_SLOT_ID) -> Result<RawSession, Failure> {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let mut handle = 0;
        call!(
            self,
            C_OpenSession(slot, flags, ptr::null_mut(), None, &raw mut handle)
        )?;
        Ok(RawSession(handle))
    }

    /// C_CloseSession (5.6.2).
    pub(super) fn close_session(self, session: RawSession) -> Result<(), Failure> {
        call!(self, C_CloseSession(session.0))
    }

    /// The session's state (C_GetSessionInfo, 5.6.4).
    pub(super) fn session_state(self, session: &mut RawSession) -> Result<CK_STATE, Failure> {
        let mut info = CK_SESSION_INFO::default();
        call!(self, C_GetSessionInfo(session.0, &raw mut info))?;
        Ok(info.state)
    }

    /// C_Login (5.6.8).
    pub(super) fn login(
        self,
        session: &mut RawSession,
        user: CK_USER_TYPE,
        pin: Option<&[u8]>,
    ) -> Result<(), Failure> {
        // Without a PIN: a token with a keypad of its own (CKF_PROTECTED_AUTHENTICATION_PATH).
        let (pointer, len) = pin.map_or((ptr::null_mut(), 0), input);
        call!(self, C_Login(session.0, user, pointer, len))
    }

    /// C_GenerateRandom (5.16.2).
    pub(super) fn random(self, session: &mut RawSession, out: &mut [u8]) -> Result<(), Failure> {
        let (out, len) = (out.as_mut_ptr(), ulong(out.len()));
        call!(self, C_GenerateRandom(session.0, out, len))
    }

    /// C_CreateObject (5.7.1).
    pub(super) fn create_object(
        self,
        session: &mut RawSession,
        template: &[Attribute<'_>],
    ) -> Result<Object, Failure> {
        let mut template = Template::new(template);
        let (pointer, len) = template.parts();
        let mut object = 0;
        call!(
            self,
            C_CreateObject(session.0, pointer, len, &raw mut object)
        )?;
        Ok(Object(object))
    }

    /// C_DestroyObject (5.7.3).
    pub(super) fn destroy_object(
        self,
        session: &mut RawSession,
        object: Object,
    ) -> Result<(), Failure> {
        call!(self, C_DestroyObject(session.0, object.0))
    }

    /// The objects that a template describes, `most` at most (C_FindObjects*, 5.7.7 to 5.7.9).
    pub(super) fn find_objects(
        self,
        session: &mut RawSession,
        template: &[Attribute<'_>],
        most: usize,
    ) -> Result<Vec<Object>, Failure> {
        let mut template = Template::new(template);
        let (pointer, len) = template.parts();
        call!(self, C_FindObjectsInit(session.0, pointer, len))?;
        let mut found = Vec::new();
        let result = loop {
            let mut batch: [CK_OBJECT_HANDLE; 64] = [0; 64];
            let mut count: CK_ULONG = 0;
            let most_now = batch.len().min(most - found.len());
            let step = call!(
                self,
                C_FindObjects(
                    session.0,
                    batch.as_mut_ptr(),
                    ulong(most_now),
                    &raw mut count
                )
            );
            if let Err(failure) = step {
                break Err(failure);
            }
            let count = size(count).min(most_now);
            found.extend(batch.iter().take(count).copied().map(Object));
            // Fewer than were asked for is not the end; none is (section 5.7.8).
            if count == 0 || found.len() == most {
                break Ok(found);
            }
        };
        let ended = call!(self, C_FindObjectsFinal(session.0));
        let found = result?;
        ended.map(|()| found)
    }

    /// One attribute of an object, or `None` if it has none of this kind or does not show it
    /// (C_GetAttributeValue, 5.7.5). `most` bytes are looked at: more is nonsense.
    pub(super) fn attribute(
        self,
        session: &mut RawSession,
        object: Object,
        kind: CK_ATTRIBUTE_TYPE,
        most: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut value = vec![0u8; most];
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast::<c_void>(),
            ulValueLen: ulong(value.len()),
        };
        let result = call!(
            self,
            C_GetAttributeValue(session.0, object.0, &raw mut attribute, 1)
        );
        let len = attribute.ulValueLen;
        match result {
            Ok(()) if len != CK_UNAVAILABLE_INFORMATION && size(len) <= most => {
                value.truncate(size(len));
                Ok(Some(value))
            }
            Ok(()) if len == CK_UNAVAILABLE_INFORMATION => Ok(None),
            Err(Failure {
                rv: CKR_ATTRIBUTE_TYPE_INVALID | CKR_ATTRIBUTE_SENSITIVE,
                ..
            }) => Ok(None),
            Err(failure) => Err(failure),
            Ok(()) => Err(Failure::nonsense("C_GetAttributeValue")),
        }
    }

    /// C_GenerateKey (5.14.1).
    pub(super) fn generate_key(
        self,
        session: &mut RawSession,
        mechanism: CK_MECHANISM_TYPE,
        template: &[Attribute<'_>],
    ) -> Result<Object, Failure> {
        let mut template = Template::new(template);
        let (pointer, len) = template.parts();
        let mut object = 0;
        with(&mut Mechanism::Plain(mechanism), |mechanism| {
            call!(
                self,
                C_GenerateKey(session.0, mechanism, pointer, len, &raw mut object)
            )
        })?;
        Ok(Object(object))
    }

    /// C_GenerateKeyPair (5.14.2): the public and the private key.
    pub(super) fn generate_key_pair(
        self,
        session: &mut RawSession,
        mechanism: CK_MECHANISM_TYPE,
        public: &[Attribute<'_>],
        private: &[Attribute<'_>],
    ) -> Result<(Object, Object), Failure> {
        let (mut public, mut private) = (Template::new(public), Template::new(private));
        let ((public, public_len), (private, private_len)) = (public.parts(), private.parts());
        let (mut one, mut two) = (0, 0);
        with(&mut Mechanism::Plain(mechanism), |mechanism| {
            call!(
                self,
                C_GenerateKeyPair(
                    session.0,
                    mechanism,
                    public,
                    public_len,
                    private,
                    private_len,
                    &raw mut one,
                    &raw mut two
                )
            )
        })?;
        Ok((Object(one), Object(two)))
    }

    /// C_SignInit and C_Sign (5.11.1, 5.11.2), with what has to be done between the two.
    pub(super) fn sign(
        self,
        session: &mut RawSession,
        mechanism: Mechanism<'_>,
        key: Object,
        data: &[u8],
        most: usize,
        between: impl FnOnce(&mut RawSession) -> Result<(), Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let (data, data_len) = input(data);
        with(&mut { mechanism }, |mechanism| {
            call!(self, C_SignInit(session.0, mechanism, key.0))?;
            between(session)?;
            output("C_Sign", most, |out, len| {
                call!(self, C_Sign(session.0, data, data_len, out, len))
            })
        })
    }

    /// C_VerifyInit and C_Verify (5.13.1, 5.13.2).
    pub(super) fn verify(
        self,
        session: &mut RawSession,
        mechanism: Mechanism<'_>,
        key: Object,
        data: &[u8],
        signature: &[u8],
    ) -> Result<(), Failure> {
        with(&mut { mechanism }, |mechanism| {
            call!(self, C_VerifyInit(session.0, mechanism, key.0))
        })?;
        let (data, data_len) = input(data);
        let (signature, signature_len) = input(signature);
        call!(
            self,
            C_Verify(session.0, data, data_len, signature, signature_len)
        )
    }

    /// C_EncryptInit and C_Encrypt (5.8.1, 5.8.2). Some tokens make GCM's IV themselves and
    /// write it into the parameter: what counts is the mechanism's IV afterwards.
    pub(super) fn encrypt(
        self,
        session: &mut RawSession,
        mechanism: &mut Mechanism<'_>,
        key: Object,
        data: &[u8],
        most: usize,
    ) -> Result<Vec<u8>, Failure> {
        let (data, data_len) = input(data);
        with(mechanism, |mechanism| {
            call!(self, C_EncryptInit(session.0, mechanism, key.0))?;
            output("C_Encrypt", most, |out, len| {
                call!(self, C_Encrypt(session.0, data, data_len, out, len))
            })
        })
    }

    /// C_DecryptInit and C_Decrypt (5.9.1, 5.9.2), with what has to be done between the two.
    pub(super) fn decrypt(
        self,
        session: &mut RawSession,
        mechanism: Mechanism<'_>,
        key: Object,
        data: &[u8],
        most: usize,
        between: impl FnOnce(&mut RawSession) -> Result<(), Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let (data, data_len) = input(data);
        with(&mut { mechanism }, |mechanism| {
            call!(self, C_DecryptInit(session.0, mechanism, key.0))?;
            between(session)?;
            output("C_Decrypt", most, |out, len| {
                call!(self, C_Decrypt(session.0, data, data_len, out, len))
            })
        })
    }

    /// C_WrapKey (5.14.3).
    pub(super) fn wrap_key(
        self,
        session: &mut RawSession,
        mechanism: Mechanism<'_>,
        by: Object,
        key: Object,
        most: usize,
    ) -> Result<Vec<u8>, Failure> {
        with(&mut { mechanism }, |mechanism| {
            output("C_WrapKey", most, |out, len| {
                call!(self, C_WrapKey(session.0, mechanism, by.0, key.0, out, len))
            })
        })
    }

    /// C_UnwrapKey (5.14.4).
    pub(super) fn unwrap_key(
        self,
        session: &mut RawSession,
        mechanism: Mechanism<'_>,
        by: Object,
        wrapped: &[u8],
        template: &[Attribute<'_>],
    ) -> Result<Object, Failure> {
        let mut template = Template::new(template);
        let (pointer, len) = template.parts();
        let (wrapped, wrapped_len) = input(wrapped);
        let mut object = 0;
        with(&mut { mechanism }, |mechanism| {
            call!(
                self,
                C_UnwrapKey(
                    session.0,
                    mechanism,
                    by.0,
                    wrapped,
                    wrapped_len,
                    pointer,
                    len,
                    &raw mut object
                )
            )
        })?;
        Ok(Object(object))
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

/// Has [`exit::begin`] called when the process ends, before what was registered earlier.
pub(super) fn at_exit() {
    extern "C" fn handler() {
        exit::begin();
    }
    // SAFETY: C11 section 7.22.4.2; every platform's C library has it.
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> c_int;
    }
    // Where there is no room for it, the process ends as it would without.
    let _ = atexit(handler);
}

/// Lends the standard's form of a mechanism for as long as `body` runs: some modules look at
/// the parameter again after the `Init`.
fn with<T>(
    mechanism: &mut Mechanism<'_>,
    body: impl FnOnce(CK_MECHANISM_PTR) -> Result<T, Failure>,
) -> Result<T, Failure> {
    fn lend<P, T>(
        kind: CK_MECHANISM_TYPE,
        parameter: &mut P,
        body: impl FnOnce(CK_MECHANISM_PTR) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let len = ulong(size_of::<P>());
        body(&mut CK_MECHANISM {
            mechanism: kind,
            pParameter: match len {
                0 => ptr::null_mut(),
                _ => ptr::from_mut(parameter).cast::<c_void>(),
            },
            ulParameterLen: len,
        })
    }
    let oaep = |hash, mgf| CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    match mechanism {
        Mechanism::Plain(kind) => lend(*kind, &mut (), body),
        Mechanism::Iv(kind, iv) => lend(*kind, &mut { **iv }, body),
        Mechanism::Oaep { hash, mgf } => lend(CKM_RSA_PKCS_OAEP, &mut oaep(*hash, *mgf), body),
        Mechanism::Pss {
            hash,
            mgf,
            salt_len,
        } => {
            let mut parameter = CK_RSA_PKCS_PSS_PARAMS {
                hashAlg: *hash,
                mgf: *mgf,
                sLen: ulong(*salt_len),
            };
            lend(CKM_RSA_PKCS_PSS, &mut parameter, body)
        }
        Mechanism::Gcm { iv, aad } => {
            let (aad, aad_len) = input(aad);
            let mut parameter = CK_GCM_PARAMS {
                pIv: iv.as_mut_ptr(),
                ulIvLen: ulong(iv.len()),
                // Some tokens look at the one and some at the other.
                ulIvBits: ulong(8 * iv.len()),
                pAAD: aad,
                ulAADLen: aad_len,
                ulTagBits: 128,
            };
            lend(CKM_AES_GCM, &mut parameter, body)
        }
        Mechanism::RsaAes { bits, hash, mgf } => {
            let mut inner = oaep(*hash, *mgf);
            let mut parameter = CK_RSA_AES_KEY_WRAP_PARAMS {
                ulAESKeyBits: *bits,
                pOAEPParams: &raw mut inner,
            };
            lend(CKM_RSA_AES_KEY_WRAP, &mut parameter, body)
        }
    }
}

/// A template in the standard's form, pointing into the attributes that it was made from.
struct Template<'a> {
    attributes: Vec<CK_ATTRIBUTE>,
    _values: std::marker::PhantomData<&'a ()>,
}

impl<'a> Template<'a> {
    fn new(attributes: &'a [Attribute<'a>]) -> Self {
        let attributes = attributes.iter().map(|Attribute(kind, value)| {
            let (pointer, len): (*const c_void, usize) = match value {
                // CK_BBOOL is one byte, 0 or 1, as `bool` is.
                Value::Bool(value) => (ptr::from_ref(value).cast(), size_of::<CK_BBOOL>()),
                Value::Ulong(value) => (ptr::from_ref(value).cast(), size_of::<CK_ULONG>()),
                Value::Bytes(value) => (value.as_ptr().cast(), value.len()),
            };
            CK_ATTRIBUTE {
                type_: *kind,
                pValue: pointer.cast_mut(),
                ulValueLen: ulong(len),
            }
        });
        Template {
            attributes: attributes.collect(),
            _values: std::marker::PhantomData,
        }
    }

    fn parts(&mut self) -> (CK_ATTRIBUTE_PTR, CK_ULONG) {
        (self.attributes.as_mut_ptr(), ulong(self.attributes.len()))
    }
}

/// A buffer of `most` bytes for a call to fill. What the call leaves in the rest of it is
/// erased: it may be part of a plaintext.
fn output(
    function: &'static str,
    most: usize,
    fill: impl FnOnce(CK_BYTE_PTR, CK_ULONG_PTR) -> Result<(), Failure>,
) -> Result<Vec<u8>, Failure> {
    // Not empty: a null buffer would ask for the length.
    let mut out = vec![0u8; most.max(1)];
    let mut len = ulong(out.len());
    let result = fill(out.as_mut_ptr(), &raw mut len);
    let len = size(len);
    if result.is_err() || len > out.len() {
        out.zeroize();
        result?;
        return Err(Failure::nonsense(function));
    }
    out.get_mut(len..).unwrap_or_default().zeroize();
    out.truncate(len);
    Ok(out)
}

/// The most entries that a list of slots or mechanisms may have.
const MOST_ENTRIES: usize = 1 << 16;

/// A list whose length has to be asked for, and may grow before it is read.
fn list(
    function: &'static str,
    read: impl Fn(CK_ULONG_PTR, CK_ULONG_PTR) -> Result<(), Failure>,
) -> Result<Vec<CK_ULONG>, Failure> {
    for _ in 0..4 {
        let mut len = 0;
        read(ptr::null_mut(), &raw mut len)?;
        if size(len) > MOST_ENTRIES {
            break;
        }
        let mut entries: Vec<CK_ULONG> = vec![0; size(len).max(1)];
        len = ulong(entries.len());
        match read(entries.as_mut_ptr(), &raw mut len) {
            Err(Failure {
                rv: CKR_BUFFER_TOO_SMALL,
                ..
            }) => {}
            Err(failure) => return Err(failure),
            Ok(()) => {
                entries.truncate(size(len));
                return Ok(entries);
            }
        }
    }
    Err(Failure::nonsense(function))
}

/// Bytes that a module only reads, though the standard's types lack `const`. The pointer is
/// never null, as some modules refuse that even for no bytes.
fn input(bytes: &[u8]) -> (CK_BYTE_PTR, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), ulong(bytes.len()))
}

/// A length as the module's number. One that does not fit cannot be allocated either.
pub(super) fn ulong(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX)
}

/// A module's number as a length.
pub(super) fn size(len: CK_ULONG) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Text as the standard keeps it: filled up with blanks (section 2.1).
pub(super) fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field)
        .trim_end_matches([' ', '\0'])
        .to_owned()
}
