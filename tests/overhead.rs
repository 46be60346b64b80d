//! What the vault adds to a primitive, in instructions: `Key::sign` and `Key::encrypt`
//! minus the same primitive called directly, on `MemoryStore` with `NoAudit`.
//!
//! The ceilings are generous: they are there to notice that somebody put a copy of the
//! record, a second hash or an allocation per tag into the path of every operation.
//! `benches/overhead.rs` has the times. Unoptimised code is not measured.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "overhead/pairs.rs"]
mod pairs;

mod instructions;

use instructions::{Probe, count_or_skip, least};
use pairs::Pairs;

/// The most instructions that the vault may add to one operation.
///
/// 400 ns are some 1,400 cycles, and this code runs more than one instruction a cycle.
const CEILING: u64 = 1_600;

/// The same for ES256, whose 900,000 instructions the compiler arranges a little
/// differently on the two sides.
const CEILING_ES256: u64 = 4_000;

#[test]
fn the_vault_adds_little() {
    let test = "the_vault_adds_little";
    if let Some(probe) = Probe::in_child() {
        return measure(&probe);
    }
    let Some(counts) = count_or_skip("overhead", test) else {
        return;
    };
    for name in Pairs::NAMES {
        let direct = least(&counts, &format!("{name} direct"));
        let vault = least(&counts, &format!("{name} vault"));
        let added = vault.saturating_sub(direct);
        println!("{name:<18} direct {direct:>8}  vault {vault:>8}  added {added:>6}");
        let ceiling = if name == "ES256 sign" {
            CEILING_ES256
        } else {
            CEILING
        };
        assert!(
            added < ceiling,
            "{name}: the vault adds {added} instructions, more than {ceiling}"
        );
    }
}

fn measure(probe: &Probe) {
    let pairs = Pairs::new();
    for name in Pairs::NAMES {
        // The first calls fill caches.
        for _ in 0..3 {
            pairs.direct(name);
            pairs.vault(name);
        }
        for _ in 0..5 {
            probe.run(&format!("{name} direct"), || pairs.direct(name));
            probe.run(&format!("{name} vault"), || pairs.vault(name));
        }
    }
}
