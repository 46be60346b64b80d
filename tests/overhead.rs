//! What the vault adds to its provider, in instructions: `Key::sign` and `Key::encrypt`
//! minus the same call of the provider, on `MemoryStore` with `NoAudit`.
//!
//! The ceilings leave room: they are there to notice that somebody put a copy of the
//! record, a second hash or an allocation per tag into the path of every operation.
//! `benches/overhead.rs` has the times. Unoptimised code is not measured.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "overhead/pairs.rs"]
mod pairs;

mod instructions;

use instructions::{Probe, count_or_skip, least};
use pairs::Pairs;

/// The most instructions that the vault may add to one operation: 230 to 310 were measured.
const CEILING: u64 = 700;

#[test]
fn the_vault_adds_little() {
    if let Some(probe) = Probe::in_child() {
        return measure(&probe);
    }
    let Some(counts) = count_or_skip() else {
        return;
    };
    for name in Pairs::NAMES {
        let direct = least(&counts, &format!("{name} direct"));
        let vault = least(&counts, &format!("{name} vault"));
        // The provider's call is in the vault's: who adds nothing was not measured.
        let added = vault.checked_sub(direct).filter(|added| *added > 0);
        let added = added.unwrap_or_else(|| {
            panic!("{name}: {direct} instructions in the provider, {vault} through the vault")
        });
        println!("{name:<18} direct {direct:>8}  vault {vault:>8}  added {added:>6}");
        assert!(
            added < CEILING,
            "{name}: the vault adds {added} instructions, more than {CEILING}"
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
