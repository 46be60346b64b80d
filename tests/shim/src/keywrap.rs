//! P11SHIM_RSA_AES: CKM_RSA_AES_KEY_WRAP (PKCS#11 v2.40 mechanisms, section 2.1.21)
//! as two steps of the real module. An AES key of the moment goes under the RSA key
//! by OAEP, the target under the AES key by RFC 5649; the two are concatenated.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::emulate::{attribute, fill, real};
use crate::state::state;

type Real = CK_FUNCTION_LIST;

pub(crate) unsafe fn wrap(
    real: &Real,
    h: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    by: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    out: *mut CK_BYTE,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    if !is_emulated(mechanism) {
        return real!(real.C_WrapKey(h, mechanism, by, key, out, out_len));
    }
    let steps = || {
        let mut steps = Steps::new(real, h, mechanism)?;
        let aes = steps.generate()?;
        let mut wrapped = steps.wrap_step(true, by, aes.handle)?;
        wrapped.extend(steps.wrap_step(false, aes.handle, key)?);
        Ok(wrapped)
    };
    match steps() {
        Ok(wrapped) => fill(&wrapped, out, out_len),
        Err(rv) => rv,
    }
}

#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn unwrap(
    real: &Real,
    h: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    by: CK_OBJECT_HANDLE,
    wrapped: *mut CK_BYTE,
    wrapped_len: CK_ULONG,
    template: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
    new: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    if !is_emulated(mechanism) {
        return real!(real.C_UnwrapKey(h, mechanism, by, wrapped, wrapped_len, template, len, new));
    }
    let steps = || {
        let mut steps = Steps::new(real, h, mechanism)?;
        let modulus = steps.len_of(by, CKA_MODULUS)?;
        if wrapped.is_null() || wrapped_len <= modulus {
            return Err(CKR_WRAPPED_KEY_LEN_RANGE);
        }
        let aes = steps.unwrap_aes(by, wrapped, modulus)?;
        let (rest, rest_len) = (wrapped.add(modulus as usize), wrapped_len - modulus);
        let kwp = &raw mut steps.kwp;
        ok(real!(real.C_UnwrapKey(
            h, kwp, aes.handle, rest, rest_len, template, len, new
        )))
    };
    steps().err().unwrap_or(CKR_OK)
}

unsafe fn is_emulated(mechanism: *const CK_MECHANISM) -> bool {
    let kind = mechanism.as_ref().map(|mechanism| mechanism.mechanism);
    kind == Some(CKM_RSA_AES_KEY_WRAP) && state().settings.rsa_aes
}

fn ok(rv: CK_RV) -> Result<(), CK_RV> {
    if rv == CKR_OK { Ok(()) } else { Err(rv) }
}

struct Steps<'a> {
    real: &'a Real,
    h: CK_SESSION_HANDLE,
    aes_bits: CK_ULONG,
    oaep: CK_MECHANISM,
    kwp: CK_MECHANISM,
}

/// The AES key of the moment, which does not outlive the call.
struct Aes<'a> {
    real: &'a Real,
    h: CK_SESSION_HANDLE,
    handle: CK_OBJECT_HANDLE,
}

impl<'a> Steps<'a> {
    unsafe fn new(
        real: &'a Real,
        h: CK_SESSION_HANDLE,
        mechanism: *const CK_MECHANISM,
    ) -> Result<Self, CK_RV> {
        let given = &*mechanism;
        let params = given.pParameter.cast::<CK_RSA_AES_KEY_WRAP_PARAMS>();
        let len = size_of::<CK_RSA_AES_KEY_WRAP_PARAMS>() as CK_ULONG;
        let params = params.as_ref().filter(|_| given.ulParameterLen == len);
        let params = params.ok_or(CKR_MECHANISM_PARAM_INVALID)?;
        if !matches!(params.ulAESKeyBits, 128 | 192 | 256) || params.pOAEPParams.is_null() {
            return Err(CKR_MECHANISM_PARAM_INVALID);
        }
        // Where a module has 0x210B, its 0x210A may be an older, other thing.
        let slot = state().slot_of(h).ok_or(CKR_SESSION_HANDLE_INVALID)?;
        let mut info = CK_MECHANISM_INFO::default();
        let rv = real!(real.C_GetMechanismInfo(slot, CKM_AES_KEY_WRAP_KWP, &raw mut info));
        let kwp = if rv == CKR_OK {
            CKM_AES_KEY_WRAP_KWP
        } else {
            CKM_AES_KEY_WRAP_PAD
        };
        Ok(Steps {
            real,
            h,
            aes_bits: params.ulAESKeyBits,
            oaep: CK_MECHANISM {
                mechanism: CKM_RSA_PKCS_OAEP,
                pParameter: params.pOAEPParams.cast(),
                ulParameterLen: size_of::<CK_RSA_PKCS_OAEP_PARAMS>() as CK_ULONG,
            },
            kwp: CK_MECHANISM {
                mechanism: kwp,
                pParameter: null_mut(),
                ulParameterLen: 0,
            },
        })
    }

    unsafe fn generate(&mut self) -> Result<Aes<'a>, CK_RV> {
        let real = self.real;
        let (mut yes, mut no, mut octets) = (CK_TRUE, CK_FALSE, self.aes_bits / 8);
        let mut template = [
            attribute(CKA_TOKEN, &raw mut no),
            attribute(CKA_VALUE_LEN, &raw mut octets),
            attribute(CKA_WRAP, &raw mut yes),
            attribute(CKA_EXTRACTABLE, &raw mut yes),
        ];
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_KEY_GEN,
            ..self.kwp
        };
        let (m, template, len) = (&raw mut mechanism, template.as_mut_ptr(), template.len());
        let mut handle = 0;
        let new = &raw mut handle;
        ok(real!(real.C_GenerateKey(
            self.h,
            m,
            template,
            len as CK_ULONG,
            new
        )))?;
        Ok(self.aes(handle))
    }

    unsafe fn unwrap_aes(
        &mut self,
        by: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        wrapped_len: CK_ULONG,
    ) -> Result<Aes<'a>, CK_RV> {
        let real = self.real;
        let (mut class, mut kind) = (CKO_SECRET_KEY, CKK_AES);
        let (mut yes, mut no) = (CK_TRUE, CK_FALSE);
        // Without CKA_VALUE_LEN, which SoftHSM refuses here.
        let mut template = [
            attribute(CKA_CLASS, &raw mut class),
            attribute(CKA_KEY_TYPE, &raw mut kind),
            attribute(CKA_TOKEN, &raw mut no),
            attribute(CKA_UNWRAP, &raw mut yes),
            attribute(CKA_EXTRACTABLE, &raw mut yes),
            attribute(CKA_SENSITIVE, &raw mut no),
        ];
        let (template, len) = (template.as_mut_ptr(), template.len() as CK_ULONG);
        let mut handle = 0;
        let (m, new) = (&raw mut self.oaep, &raw mut handle);
        ok(real!(real.C_UnwrapKey(
            self.h,
            m,
            by,
            wrapped,
            wrapped_len,
            template,
            len,
            new
        )))?;
        let aes = self.aes(handle);
        // Its length only. SoftHSM says 0 for the CKA_VALUE_LEN of an unwrapped key.
        if self.len_of(handle, CKA_VALUE)? * 8 != self.aes_bits {
            return Err(CKR_WRAPPED_KEY_INVALID);
        }
        Ok(aes)
    }

    /// One C_WrapKey: by OAEP, or by RFC 5649.
    unsafe fn wrap_step(
        &mut self,
        by_oaep: bool,
        by: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Vec<u8>, CK_RV> {
        let real = self.real;
        let mechanism = if by_oaep {
            &raw mut self.oaep
        } else {
            &raw mut self.kwp
        };
        // Larger than any key here; the real module's length queries are not to be trusted.
        let mut out = vec![0; 16384];
        let mut len = out.len() as CK_ULONG;
        let octets = out.as_mut_ptr();
        ok(real!(real.C_WrapKey(
            self.h,
            mechanism,
            by,
            key,
            octets,
            &raw mut len
        )))?;
        out.truncate(len as usize);
        Ok(out)
    }

    unsafe fn len_of(
        &self,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<CK_ULONG, CK_RV> {
        let real = self.real;
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: null_mut(),
            ulValueLen: 0,
        };
        match real!(real.C_GetAttributeValue(self.h, object, &raw mut attribute, 1)) {
            CKR_OK => Ok(attribute.ulValueLen),
            CKR_ATTRIBUTE_TYPE_INVALID => Err(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
            rv => Err(rv),
        }
    }

    fn aes(&self, handle: CK_OBJECT_HANDLE) -> Aes<'a> {
        Aes {
            real: self.real,
            h: self.h,
            handle,
        }
    }
}

impl Drop for Aes<'_> {
    fn drop(&mut self) {
        let real = self.real;
        // SAFETY: the function of the module that made the key.
        unsafe { real!(real.C_DestroyObject(self.h, self.handle)) };
    }
}
