//! The backend itself: its name, its health, its randomness.

use std::collections::BTreeSet;

use super::subject::{Subject, must};
use crate::provider::Health;

/// The name stays the same, and the backend says that it works.
pub fn the_backend_is_up(subject: &Subject) {
    let provider = subject.provider();
    assert!(provider.id() == provider.id(), "the name changed");
    assert!(
        provider.health() == Health::Up,
        "its health is {:?}",
        provider.health()
    );
    let (one, two) = (provider.capabilities(), provider.capabilities());
    assert!(one == two, "what it offers changed while nothing happened");
    assert!(!one.rows().is_empty(), "it offers nothing");
    let debug = format!("{provider:?}");
    assert!(!debug.is_empty(), "its Debug form is empty");
}

/// Randomness fills the whole buffer and does not repeat itself.
pub fn randomness_fills_and_differs(subject: &Subject) {
    let provider = subject.provider();
    must("no randomness", "random", provider.random(&mut []));
    for len in [1, 7, 12, 16, 32, 33, 255, 4096, 100_000] {
        // A byte that stays zero in eight draws of even odds was not written to.
        let mut written = vec![0; len];
        let mut buffer = vec![0; len];
        for _ in 0..8 {
            buffer.fill(0);
            must("random", len, provider.random(&mut buffer));
            for (written, byte) in written.iter_mut().zip(&buffer) {
                *written |= *byte;
            }
        }
        let untouched = written.iter().filter(|byte| **byte == 0).count();
        assert!(
            untouched == 0,
            "{untouched} of {len} bytes were never written"
        );
    }
    let draws: BTreeSet<[u8; 16]> = (0..1000)
        .map(|_| {
            let mut draw = [0; 16];
            must("random", "16 bytes", provider.random(&mut draw));
            draw
        })
        .collect();
    assert!(draws.len() == 1000, "randomness repeated itself");
}
