//! Who asks.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Rule};

/// Who asks, as whoever authenticated them says: a principal's identifier, and what the record
/// is to say of the request.
///
/// ```
/// use strongroom::vault::access::Caller;
/// let caller = Caller::new("4d259b1e-1fda-4b3a-9b3e-0d3f2c7e8a10")?
///     .with_correlation_id("a1d7")?
///     .with_address("10.0.0.7")?;
/// assert_eq!(caller.address(), Some("10.0.0.7"));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    principal: Arc<str>,
    correlation_id: Option<Arc<str>>,
    address: Option<Arc<str>>,
}

impl Caller {
    /// The most bytes in each of the three.
    pub const MAX_LEN: usize = 256;

    /// # Errors
    /// [`Rule::Empty`] or [`Rule::TooLong`] for `caller`.
    pub fn new(principal: &str) -> Result<Self, Error> {
        Ok(Caller {
            principal: text("caller", principal)?,
            correlation_id: None,
            address: None,
        })
    }

    /// With the identifier that the client gave the request.
    ///
    /// # Errors
    /// [`Rule::Empty`] or [`Rule::TooLong`] for `correlationId`.
    pub fn with_correlation_id(mut self, id: &str) -> Result<Self, Error> {
        self.correlation_id = Some(text("correlationId", id)?);
        Ok(self)
    }

    /// With the address that the request came from.
    ///
    /// # Errors
    /// [`Rule::Empty`] or [`Rule::TooLong`] for `callerIpAddress`.
    pub fn with_address(mut self, address: &str) -> Result<Self, Error> {
        self.address = Some(text("callerIpAddress", address)?);
        Ok(self)
    }

    /// The principal, to which roles are assigned. Compared as it is spelled.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The identifier of the request.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_deref()
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Escaped: it is somebody else's text.
        write!(f, "Caller({:?})", self.principal)
    }
}

fn text(field: &'static str, text: &str) -> Result<Arc<str>, Error> {
    if text.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if text.len() > Caller::MAX_LEN {
        return Err(Error::invalid(field, Rule::TooLong(Caller::MAX_LEN)));
    }
    Ok(text.into())
}
