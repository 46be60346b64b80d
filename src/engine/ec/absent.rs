//! What stands in for the kernels on other processors: nothing that is ever called.

use super::{Curve, SignInput, VerifyInput};

pub(super) enum Table {}

pub(super) fn sign_all(_: Curve, inputs: &[SignInput<'_>]) -> Vec<Option<Vec<u8>>> {
    vec![None; inputs.len()]
}

pub(super) fn sign_one(_: Curve, _: &SignInput<'_>) -> Option<Vec<u8>> {
    None
}

pub(super) fn tables(_: Curve, _: &[(&[u8], &[u8])]) -> Vec<Table> {
    Vec::new()
}

pub(super) fn verify_all_vartime(_: Curve, _: &[VerifyInput<'_>]) -> Option<Vec<Option<bool>>> {
    None
}
