//! Return codes (PKCS #11 v3.1 section 5.1), and what they say about where a fault lies.
//!
//! Codes do not tell a sick token from bad input: for a ciphertext that was altered one
//! module answers `CKR_GENERAL_ERROR`, another `CKR_DEVICE_ERROR`. So nothing is reset
//! because of a code alone; the few classes below only say what to look at first.

use std::error::Error as StdError;
use std::fmt;

use cryptoki_sys::*;

/// A module's answer other than `CKR_OK`, and the function that gave it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) function: &'static str,
    pub(super) rv: CK_RV,
}

impl Failure {
    /// What this crate itself finds wrong with a module's answer: a length that cannot be,
    /// a function that is absent.
    pub(super) const fn nonsense(function: &'static str) -> Self {
        Failure {
            function,
            rv: CKR_GENERAL_ERROR,
        }
    }

    /// The session is gone, and nothing is known about anything else.
    pub(super) fn is_session(self) -> bool {
        matches!(
            self.rv,
            CKR_SESSION_HANDLE_INVALID | CKR_SESSION_CLOSED | CKR_OPERATION_NOT_INITIALIZED
        )
    }

    /// The object may be another one now, or none.
    pub(super) fn is_handle(self) -> bool {
        matches!(
            self.rv,
            CKR_KEY_HANDLE_INVALID
                | CKR_OBJECT_HANDLE_INVALID
                | CKR_UNWRAPPING_KEY_HANDLE_INVALID
                | CKR_WRAPPING_KEY_HANDLE_INVALID
        )
    }

    /// The caller's input can be at fault: it was said by the operation itself, and of nothing
    /// that the input has no part in.
    pub(super) fn is_of_input(self) -> bool {
        let operation = matches!(
            self.function,
            "C_DecryptInit" | "C_Decrypt" | "C_UnwrapKey" | "C_Verify"
        );
        let elsewhere = matches!(
            self.rv,
            CKR_OPERATION_ACTIVE
                | CKR_SESSION_COUNT
                | CKR_FUNCTION_CANCELED
                | CKR_USER_NOT_LOGGED_IN
                | CKR_CRYPTOKI_NOT_INITIALIZED
                | CKR_DEVICE_REMOVED
                | CKR_TOKEN_NOT_PRESENT
        );
        operation && !elsewhere && !self.is_session() && !self.is_handle()
    }

    /// The PIN was refused, or cannot be used: never to be tried again unasked.
    pub(super) fn is_pin(self) -> bool {
        matches!(
            self.rv,
            CKR_PIN_INCORRECT
                | CKR_PIN_INVALID
                | CKR_PIN_LEN_RANGE
                | CKR_PIN_EXPIRED
                | CKR_PIN_LOCKED
                | CKR_USER_PIN_NOT_INITIALIZED
        )
    }

    /// The token has no room for another session.
    pub(super) fn is_session_count(self) -> bool {
        self.rv == CKR_SESSION_COUNT
    }

    /// The module does not do this at all, with any input.
    pub(super) fn is_unsupported(self) -> bool {
        matches!(
            self.rv,
            CKR_MECHANISM_INVALID | CKR_FUNCTION_NOT_SUPPORTED | CKR_MECHANISM_PARAM_INVALID
        )
    }

    /// The token does not make objects like this: a FIPS token that takes no key in the
    /// clear, a curve or a size that it does not know.
    pub(super) fn is_template(self) -> bool {
        self.is_unsupported()
            || matches!(
                self.rv,
                CKR_ATTRIBUTE_READ_ONLY
                    | CKR_ATTRIBUTE_TYPE_INVALID
                    | CKR_ATTRIBUTE_VALUE_INVALID
                    | CKR_TEMPLATE_INCOMPLETE
                    | CKR_TEMPLATE_INCONSISTENT
                    | CKR_CURVE_NOT_SUPPORTED
                    | CKR_DOMAIN_PARAMS_INVALID
                    | CKR_KEY_SIZE_RANGE
                    | CKR_ACTION_PROHIBITED
            )
    }

    /// The key's own attributes forbid it.
    pub(super) fn is_forbidden(self) -> bool {
        matches!(
            self.rv,
            CKR_KEY_FUNCTION_NOT_PERMITTED
                | CKR_KEY_UNEXTRACTABLE
                | CKR_KEY_NOT_WRAPPABLE
                | CKR_ATTRIBUTE_SENSITIVE
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.rv) {
            Some(name) => write!(f, "{name} from {}", self.function),
            None => write!(f, "code {:#x} from {}", self.rv, self.function),
        }
    }
}

impl fmt::Debug for Failure {
    /// With the code's name, as errors are shown this way in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Failure {}

/// The code's name. Those of functions that this crate never calls are left out.
fn name(rv: CK_RV) -> Option<&'static str> {
    macro_rules! names {
        ($($code:ident)*) => {
            match rv { $($code => Some(stringify!($code)),)* _ => None }
        };
    }
    names! {
        CKR_ACTION_PROHIBITED CKR_ARGUMENTS_BAD CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE
        CKR_ATTRIBUTE_TYPE_INVALID CKR_ATTRIBUTE_VALUE_INVALID CKR_BUFFER_TOO_SMALL
        CKR_CANT_LOCK CKR_CRYPTOKI_ALREADY_INITIALIZED CKR_CRYPTOKI_NOT_INITIALIZED
        CKR_CURVE_NOT_SUPPORTED CKR_DATA_INVALID CKR_DATA_LEN_RANGE CKR_DEVICE_ERROR
        CKR_DEVICE_MEMORY CKR_DEVICE_REMOVED CKR_DOMAIN_PARAMS_INVALID
        CKR_ENCRYPTED_DATA_INVALID CKR_ENCRYPTED_DATA_LEN_RANGE CKR_FUNCTION_CANCELED
        CKR_FUNCTION_FAILED CKR_FUNCTION_NOT_SUPPORTED CKR_FUNCTION_REJECTED
        CKR_GENERAL_ERROR CKR_HOST_MEMORY CKR_KEY_FUNCTION_NOT_PERMITTED
        CKR_KEY_HANDLE_INVALID CKR_KEY_NOT_WRAPPABLE CKR_KEY_SIZE_RANGE
        CKR_KEY_TYPE_INCONSISTENT CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_INVALID
        CKR_MECHANISM_PARAM_INVALID CKR_NEED_TO_CREATE_THREADS CKR_OBJECT_HANDLE_INVALID
        CKR_OPERATION_ACTIVE CKR_OPERATION_NOT_INITIALIZED CKR_PIN_EXPIRED CKR_PIN_INCORRECT
        CKR_PIN_INVALID CKR_PIN_LEN_RANGE CKR_PIN_LOCKED CKR_RANDOM_NO_RNG
        CKR_SESSION_CLOSED CKR_SESSION_COUNT CKR_SESSION_HANDLE_INVALID CKR_SESSION_READ_ONLY
        CKR_SIGNATURE_INVALID CKR_SIGNATURE_LEN_RANGE CKR_SLOT_ID_INVALID
        CKR_TEMPLATE_INCOMPLETE CKR_TEMPLATE_INCONSISTENT CKR_TOKEN_NOT_PRESENT
        CKR_TOKEN_NOT_RECOGNIZED CKR_TOKEN_WRITE_PROTECTED CKR_UNWRAPPING_KEY_HANDLE_INVALID
        CKR_USER_ALREADY_LOGGED_IN CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_USER_NOT_LOGGED_IN
        CKR_USER_PIN_NOT_INITIALIZED CKR_USER_TOO_MANY_TYPES CKR_WRAPPED_KEY_INVALID
        CKR_WRAPPED_KEY_LEN_RANGE CKR_WRAPPING_KEY_HANDLE_INVALID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_code_and_function() {
        let text = |rv| {
            Failure {
                function: "C_Sign",
                rv,
            }
            .to_string()
        };
        assert_eq!(text(CKR_DEVICE_ERROR), "CKR_DEVICE_ERROR from C_Sign");
        assert_eq!(text(0xCE53_4352), "code 0xce534352 from C_Sign");
    }
}
