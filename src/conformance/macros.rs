//! The list of checks, and what is made from it: tests, and [`CHECKS`](super::CHECKS).

/// Makes a module with a `#[test]` for each check: `suite!(name, fixture)`.
///
/// The fixture is an expression, evaluated when the first test runs and shared by all.
/// See the [module](crate::conformance).
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_suite {
    ($name:ident, $fixture:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            static SUBJECT: ::std::sync::LazyLock<$crate::conformance::Subject> =
                ::std::sync::LazyLock::new(|| $crate::conformance::Subject::new($fixture));

            $crate::conformance::__checks!($crate::conformance::__tests);
        }
    };
}

/// The one list of checks, given to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_checks {
    ($($then:tt)*) => {
        $($then)*! {
            basics the_backend_is_up,
            basics randomness_fills_and_differs,
            signing signatures_verify,
            signing digests_are_signed_like_their_messages,
            signing signatures_repeat_where_they_must,
            signing altered_signatures_are_refused,
            signing signatures_of_another_key_are_refused,
            signing signatures_of_another_algorithm_are_refused,
            signing large_messages_are_signed,
            signing digests_of_another_hash_are_refused,
            wrapping wrapped_keys_unwrap,
            wrapping keys_wrapped_in_software_unwrap,
            wrapping wrappings_repeat_where_they_must,
            wrapping altered_wrapped_keys_are_refused,
            wrapping material_of_other_lengths_is_refused,
            encryption ciphertexts_decrypt,
            encryption software_ciphertexts_decrypt,
            encryption ciphertexts_repeat_where_they_must,
            encryption altered_ciphertexts_are_refused,
            encryption failed_decryptions_have_one_face,
            encryption rsa1_5_rejects_implicitly,
            encryption in_place_agrees,
            encryption large_plaintexts_come_back,
            known known_signatures,
            known known_wrappings,
            known known_ciphertexts,
            refusals the_table_is_sound,
            refusals what_is_not_offered_is_refused_by_name,
            refusals what_does_not_fit_is_refused_at_the_gate,
            refusals keys_that_cannot_be_made_are_refused,
            refusals imports_of_another_kind_are_refused,
            handles generated_keys_are_what_was_asked_for,
            handles generated_keys_differ,
            handles keys_are_found_by_their_id,
            handles handles_of_another_provider_are_not_found,
            handles forged_blobs_never_work,
            handles forged_handles_never_work,
            handles destroyed_keys_are_gone,
            batches a_batch_is_a_loop,
            batches failures_in_a_batch_stay_in_their_place,
            batches threads_share_keys,
            coverage every_offer_is_kept,
        }
    };
}

/// A test for each check of the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($($topic:ident $check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                let name = ::std::stringify!($check);
                let run = $crate::conformance::$topic::$check;
                SUBJECT.perform(&$crate::conformance::Check::new(name, run));
            }
        )*
    };
}
