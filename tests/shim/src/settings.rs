//! What is emulated: the variables of the environment, which can be set at run
//! time too. README.md has the list.

use std::env;
use std::ffi::CString;

use cryptoki_sys::*;

#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The real module.
    pub(crate) module: String,
    /// For `pReserved` of C_Initialize.
    pub(crate) reserved: Option<CString>,
    pub(crate) rsa_aes: bool,
    pub(crate) hidden: Vec<CK_MECHANISM_TYPE>,
    pub(crate) always_auth: bool,
    /// What context-specific logins are compared with.
    pub(crate) pin: String,
    pub(crate) no_import: bool,
    /// Added to what C_GetTokenInfo says.
    pub(crate) token_flags: CK_FLAGS,
}

const NAMES: [&str; 8] = [
    "P11SHIM_MODULE",
    "P11SHIM_RESERVED",
    "P11SHIM_RSA_AES",
    "P11SHIM_HIDE",
    "P11SHIM_ALWAYS_AUTH",
    "P11SHIM_PIN",
    "P11SHIM_NO_IMPORT",
    "P11SHIM_PIN_FLAGS",
];

impl Settings {
    pub(crate) fn from_env() -> Result<Settings, String> {
        let mut settings = Settings::default();
        for name in NAMES {
            if let Ok(value) = env::var(name) {
                settings.set(name, &value)?;
            }
        }
        Ok(settings)
    }

    /// Sets one by its name; an empty value is what it is without.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "P11SHIM_MODULE" => self.module = value.to_owned(),
            "P11SHIM_RESERVED" if value.is_empty() => self.reserved = None,
            "P11SHIM_RESERVED" => {
                let value = CString::new(value).map_err(|_| format!("{name}: a zero octet"))?;
                self.reserved = Some(value);
            }
            "P11SHIM_RSA_AES" => self.rsa_aes = switch(name, value)?,
            "P11SHIM_HIDE" => {
                let parts = value.split(',').map(str::trim).filter(|p| !p.is_empty());
                self.hidden = parts.map(mechanism).collect::<Result<_, _>>()?;
            }
            "P11SHIM_ALWAYS_AUTH" => self.always_auth = switch(name, value)?,
            "P11SHIM_PIN" => self.pin = value.to_owned(),
            "P11SHIM_NO_IMPORT" => self.no_import = switch(name, value)?,
            "P11SHIM_PIN_FLAGS" => {
                let parts = value.split(',').map(str::trim).filter(|p| !p.is_empty());
                let mut flags = parts.map(|part| match part {
                    "low" => Ok(CKF_USER_PIN_COUNT_LOW),
                    "final" => Ok(CKF_USER_PIN_FINAL_TRY),
                    "locked" => Ok(CKF_USER_PIN_LOCKED),
                    _ => Err(format!("{name}: `{part}` is none of low, final, locked")),
                });
                self.token_flags = flags.try_fold(0, |all, flag| Ok::<_, String>(all | flag?))?;
            }
            _ => return Err(format!("no setting `{name}`")),
        }
        Ok(())
    }
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" => Ok(true),
        "0" | "" => Ok(false),
        _ => Err(format!("{name}: `{value}` is neither 0 nor 1")),
    }
}

fn mechanism(text: &str) -> Result<CK_MECHANISM_TYPE, String> {
    let digits = text.strip_prefix("0x");
    let number = digits.and_then(|digits| CK_MECHANISM_TYPE::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| format!("P11SHIM_HIDE: `{text}` is no 0xNUMBER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_set_and_unset() {
        let mut settings = Settings::default();
        settings.set("P11SHIM_HIDE", "0x250, 0x1087,").unwrap();
        assert_eq!(settings.hidden, [CKM_SHA256, CKM_AES_GCM]);
        settings.set("P11SHIM_HIDE", "").unwrap();
        assert_eq!(settings.hidden, [0; 0]);
        settings.set("P11SHIM_PIN_FLAGS", "final,low").unwrap();
        assert_eq!(
            settings.token_flags,
            CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW
        );
        settings.set("P11SHIM_RSA_AES", "1").unwrap();
        assert!(settings.rsa_aes);
        settings.set("P11SHIM_RSA_AES", "").unwrap();
        assert!(!settings.rsa_aes);
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let mut settings = Settings::default();
        for (name, value) in [
            ("P11SHIM_NOTHING", "1"),
            ("P11SHIM_RSA_AES", "yes"),
            ("P11SHIM_HIDE", "250"),
            ("P11SHIM_HIDE", "0x250;0x251"),
            ("P11SHIM_PIN_FLAGS", "lost"),
        ] {
            assert!(settings.set(name, value).is_err(), "{name}={value}");
        }
    }
}
