//! Who asked, in the records that an event is made from later.

use serde::{Deserialize, Serialize};

use super::read;
use crate::error::Error;
use crate::vault::access::Caller;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallerWire {
    principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl CallerWire {
    pub(super) fn of(caller: &Caller) -> Self {
        CallerWire {
            principal: caller.principal().into(),
            correlation_id: caller.correlation_id().map(Into::into),
            address: caller.address().map(Into::into),
        }
    }

    pub(super) fn read(self) -> Result<Caller, Error> {
        let mut caller = read(Caller::new(&self.principal))?;
        if let Some(id) = &self.correlation_id {
            caller = read(caller.with_correlation_id(id))?;
        }
        if let Some(address) = &self.address {
            caller = read(caller.with_address(address))?;
        }
        Ok(caller)
    }
}
