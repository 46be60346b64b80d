//! Everything that can go wrong between this crate and a token, brought about on purpose:
//! by the module of `tests/shim` in front of SoftHSM, by moving a token's files, and by
//! killing the server behind p11-kit's client.
//!
//! Each test has a process to itself: a module's state is its process's, and what goes
//! wrong here may crash or hang.
//!
//! What modules do, and which test brings it about:
//!
//! | event | test |
//! |---|---|
//! | a session closed behind our back | `lost::each_loss_..` (`close`), `lost::a_lost_anchor_..` |
//! | all sessions closed | `lost::each_loss_..` (`closeall`) |
//! | a logout elsewhere | `lost::each_loss_..` (`logout`), `pin::one_login_for_all` |
//! | a logout between `C_SignInit` and `C_Sign` | `lost::each_loss_..` (`C_Sign@1=logout`) |
//! | finalised by somebody else | `lost::each_loss_..` (`finalize`), `lost::stale_sessions_..` |
//! | an object destroyed, here or by another process | `lost::a_key_that_another_..` |
//! | a wrong PIN, and the last try | `pin::a_refused_pin_..`, `pin::the_last_try_..` |
//! | a login again | `pin::a_login_that_somebody_made_..` |
//! | a fork | `fork::a_forked_child_signs` |
//! | a token's files moved away, and back | `away::a_token_whose_files_are_away_..` |
//! | a token initialised by another process | `away::a_token_that_another_emptied_..` |
//! | a token deleted and made anew | `away::a_token_made_anew_..` |
//! | a device that fails until initialised | `lost::each_loss_..` (`down`) |
//! | a device taken out, and put back | `away::a_token_that_is_taken_out_..`, `away::while_a_token_is_away_..` |
//! | the HSM's process killed, and restarted | `away::a_server_that_was_killed_..` |
//! | no room for a session | `sessions` |
//! | one session in many threads | the counts that `Rig::sound` looks at, in every test |
//! | many threads that make keys | `writes::threads_that_make_keys_..` |
//! | "failed" although it was done | `create` |
//! | codes that bad input has | `input` |
//! | calls that do not return | `hang`, `writes::a_write_that_hangs_..` |
//! | the process's end | `end` |
//! | all of it at once | `soak` |
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "common/own_process.rs"]
mod own_process;
#[path = "common/shim.rs"]
mod shim;
#[path = "common/token.rs"]
mod token;

#[path = "pkcs11_faults/away.rs"]
mod away;
#[path = "pkcs11_faults/create.rs"]
mod create;
#[path = "pkcs11_faults/end.rs"]
mod end;
#[path = "pkcs11_faults/fork.rs"]
mod fork;
#[path = "pkcs11_faults/hang.rs"]
mod hang;
#[path = "pkcs11_faults/input.rs"]
mod input;
#[path = "pkcs11_faults/lost.rs"]
mod lost;
#[path = "pkcs11_faults/pin.rs"]
mod pin;
#[path = "pkcs11_faults/rig.rs"]
mod rig;
#[path = "pkcs11_faults/sessions.rs"]
mod sessions;
#[path = "pkcs11_faults/soak.rs"]
mod soak;
#[path = "pkcs11_faults/writes.rs"]
mod writes;
