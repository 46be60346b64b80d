//! The floor: C_SignInit and C_Sign on cryptoki-sys, with a session and an object that are
//! held, and nothing else. It speaks to the same module instance as the backend, which has
//! initialised it and logged in before.

use std::path::Path;
use std::ptr;

use cryptoki_sys::*;

/// A module that the backend has initialised.
#[derive(Clone, Copy)]
pub(crate) struct Module(&'static CK_FUNCTION_LIST);

/// A session and a private key in it. Neither is given back: the process ends soon.
pub(crate) struct Signer {
    functions: &'static CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    mechanism: CK_MECHANISM_TYPE,
}

/// Calls a function of the list, which must succeed.
macro_rules! call {
    ($functions:expr, $name:ident ( $($argument:expr),* $(,)? )) => {{
        let function = $functions.$name.expect("the module has the function");
        // SAFETY: a function of a library that is never unloaded; every pointer among the
        // arguments is to a live local of the length beside it.
        let rv = unsafe { function($($argument),*) };
        assert_eq!(rv, CKR_OK, stringify!($name));
    }};
}

impl Module {
    /// The function list of a module that this process has loaded already.
    pub(crate) fn open(path: &Path) -> Module {
        // SAFETY: the backend has loaded it, so no constructor runs.
        let library = unsafe { Pkcs11::new(path) };
        let library: &'static Pkcs11 = Box::leak(Box::new(library.expect("the module is loaded")));
        let get = library.C_GetFunctionList.as_ref();
        let get = get.expect("the module has a function list");
        let mut list: CK_FUNCTION_LIST_PTR = ptr::null_mut();
        // SAFETY: the function has this type in every version of the standard.
        let rv = unsafe { get(&raw mut list) };
        assert_eq!(rv, CKR_OK, "C_GetFunctionList");
        // SAFETY: after CKR_OK it points to the module's list, which lives as long as it.
        let functions = unsafe { list.as_ref() }.expect("a function list");
        let initialize = functions.C_Initialize.expect("the module has the function");
        // SAFETY: no arguments.
        let rv = unsafe { initialize(ptr::null_mut()) };
        assert_eq!(rv, CKR_CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize");
        Module(functions)
    }

    /// A session of its own with the private key of this `CKA_ID`, on the token of this label.
    pub(crate) fn signer(self, label: &str, id: &[u8], mechanism: CK_MECHANISM_TYPE) -> Signer {
        let session = self.session(self.slot(label));
        let class = CKO_PRIVATE_KEY.to_ne_bytes();
        let mut template = [attribute(CKA_CLASS, &class), attribute(CKA_ID, id)];
        let (mut found, mut count) = ([0; 2], 0);
        let len = ulong(template.len());
        call!(
            self.0,
            C_FindObjectsInit(session, template.as_mut_ptr(), len)
        );
        call!(
            self.0,
            C_FindObjects(session, found.as_mut_ptr(), 2, &raw mut count)
        );
        call!(self.0, C_FindObjectsFinal(session));
        assert_eq!(count, 1, "one key has this id");
        Signer {
            functions: self.0,
            session,
            key: found[0],
            mechanism,
        }
    }

    /// Puts `count` secret keys into the token, for others to be among.
    pub(crate) fn fill(self, label: &str, count: usize) {
        let session = self.session(self.slot(label));
        for number in 0..count {
            let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
            let value = [0x42; 32];
            let id = ulong(number).to_be_bytes();
            let mut template = [
                attribute(CKA_CLASS, &class),
                attribute(CKA_KEY_TYPE, &kind),
                attribute(CKA_TOKEN, &[CK_TRUE]),
                attribute(CKA_PRIVATE, &[CK_TRUE]),
                attribute(CKA_ID, &id),
                attribute(CKA_VALUE, &value),
            ];
            let mut object = 0;
            let len = ulong(template.len());
            call!(
                self.0,
                C_CreateObject(session, template.as_mut_ptr(), len, &raw mut object)
            );
        }
        call!(self.0, C_CloseSession(session));
    }

    fn session(self, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let mut session = 0;
        call!(
            self.0,
            C_OpenSession(slot, flags, ptr::null_mut(), None, &raw mut session)
        );
        session
    }

    fn slot(self, label: &str) -> CK_SLOT_ID {
        let mut slots = [0; 64];
        let mut count = ulong(slots.len());
        call!(
            self.0,
            C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)
        );
        let is = |slot: &CK_SLOT_ID| {
            let mut info = CK_TOKEN_INFO::default();
            call!(self.0, C_GetTokenInfo(*slot, &raw mut info));
            info.label.trim_ascii_end() == label.as_bytes()
        };
        let count = usize::try_from(count).expect("few slots");
        let slot = slots[..count].iter().find(|slot| is(slot));
        *slot.expect("the token is there")
    }
}

impl Signer {
    /// Signs into `out` and returns the length, in two calls of the module.
    pub(crate) fn sign(&mut self, data: &[u8], out: &mut [u8]) -> usize {
        let mut mechanism = CK_MECHANISM {
            mechanism: self.mechanism,
            pParameter: ptr::null_mut(),
            ulParameterLen: 0,
        };
        let mut len = ulong(out.len());
        call!(
            self.functions,
            C_SignInit(self.session, &raw mut mechanism, self.key)
        );
        call!(
            self.functions,
            C_Sign(
                self.session,
                data.as_ptr().cast_mut(),
                ulong(data.len()),
                out.as_mut_ptr(),
                &raw mut len
            )
        );
        usize::try_from(len).expect("a short signature")
    }
}

/// The value must outlive the call that the attribute is for.
fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: ulong(value.len()),
    }
}

fn ulong(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).expect("a short length")
}
