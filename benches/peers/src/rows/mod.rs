//! The rows: which operation, with which key, on how much data, and who can do it.

mod ec;
mod oct;
mod rsa;

use crate::contender::{Batch, Contender};
use crate::keys::Keys;
use crate::ours::Ours;

/// What rows are built from.
pub(crate) struct Shared {
    pub(crate) ours: Ours,
    pub(crate) keys: Keys,
    /// Those that are run where there are batches.
    pub(crate) batches: Vec<Batch>,
}

/// A row before it is built, which takes keys, and some of them take seconds.
pub(crate) struct Plan {
    pub(crate) alg: String,
    pub(crate) op: &'static str,
    /// Bits of an asymmetric key, bytes of what a symmetric one works on.
    pub(crate) size: usize,
    pub(crate) threads: usize,
    line_up: LineUp,
}

type LineUp = Box<dyn Fn(&Shared) -> Vec<Contender>>;

impl Plan {
    fn new(
        alg: impl ToString,
        op: &'static str,
        size: usize,
        line_up: impl Fn(&Shared) -> Vec<Contender> + 'static,
    ) -> Self {
        Plan {
            alg: alg.to_string(),
            op,
            size,
            threads: 1,
            line_up: Box::new(line_up),
        }
    }

    /// The same work on two threads at once.
    fn on_two_threads(mut self) -> Self {
        self.threads = 2;
        self
    }

    /// Everyone who takes part, once for each thread.
    pub(crate) fn line_ups(&self, shared: &Shared) -> Vec<Vec<Contender>> {
        (0..self.threads).map(|_| (self.line_up)(shared)).collect()
    }

    pub(crate) fn name(&self) -> String {
        let threads = match self.threads {
            1 => String::new(),
            threads => format!(", {threads} threads"),
        };
        format!("{} {}{}{threads}", self.alg, self.op, size(self.size))
    }
}

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Plan> {
    let families = [rsa::plans(), ec::plans(), oct::plans()];
    families.into_iter().flatten().collect()
}

fn size(size: usize) -> String {
    match size {
        0x10_0000.. => format!(" {} MiB", size >> 20),
        0x400 | 0x4000 => format!(" {} KiB", size >> 10),
        // Curves: the algorithm says it.
        256 | 384 | 521 => String::new(),
        _ => format!(" {size}"),
    }
}
