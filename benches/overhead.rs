//! What the vault adds to its provider: `Key::sign` (ES256, HS256) and `Key::encrypt`
//! (A256GCM of 16 bytes and 1 KiB) on `MemoryStore` with `NoAudit`, against the same call
//! of the provider, request and all.
//!
//!     cargo bench --bench overhead [-- --json FILE]
//!
//! Time: rounds of both sides in turn, so that whatever else the machine does hits both;
//! the median of the rounds, and the distance between their quartiles. Where the
//! operation itself varies by more than the overhead (ES256), the difference of medians
//! is noise, and the instructions are what counts. Instructions: under valgrind's
//! callgrind, if it is there. The verdict of each row is printed and never a failure:
//! times depend on the machine. `tests/overhead.rs` holds the instructions to a limit.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../tests/instructions/mod.rs"]
mod instructions;
#[path = "../tests/overhead/pairs.rs"]
mod pairs;

use std::hint::black_box;
use std::time::Instant;
use std::{env, fs};

use instructions::{NoCounts, Probe, count, least};
use pairs::Pairs;

/// What the vault may add to one call, in nanoseconds.
const BAR_NS: f64 = 100.0;

/// Rounds of each side.
const ROUNDS: usize = 8001;

/// About how long one round of one side takes, in nanoseconds.
const ROUND_NS: f64 = 100_000.0;

struct Row {
    name: &'static str,
    direct: Times,
    vault: Times,
    /// Of the differences, round by round.
    added: Times,
    instructions: Option<(u64, u64)>,
}

/// Nanoseconds a call.
struct Times {
    median: f64,
    /// Between the first and the third quartile.
    spread: f64,
}

fn main() {
    let pairs = Pairs::new();
    if let Some(probe) = Probe::in_child() {
        return child(&probe, &pairs);
    }
    let instructions = match count(&[]) {
        Ok(counts) => Some(counts),
        Err(NoCounts::NoValgrind) => {
            println!("valgrind is not installed: no instructions are counted");
            None
        }
        Err(NoCounts::Failed(why)) => {
            println!("no instructions are counted: {why}");
            None
        }
    };
    let rows: Vec<Row> = Pairs::NAMES
        .into_iter()
        .map(|name| {
            let (direct, vault, added) = time(&pairs, name);
            let instructions = instructions.as_ref().map(|counts| {
                let of = |side| least(counts, &format!("{name} {side}"));
                (of("direct"), of("vault"))
            });
            Row {
                name,
                direct,
                vault,
                added,
                instructions,
            }
        })
        .collect();
    print(&rows);
    let mut arguments = env::args().skip_while(|argument| argument != "--json");
    if let (Some(_), Some(file)) = (arguments.next(), arguments.next()) {
        fs::write(&file, json(&rows)).expect("the file is written");
    }
}

fn child(probe: &Probe, pairs: &Pairs) {
    for name in Pairs::NAMES {
        for _ in 0..3 {
            pairs.direct(name);
            pairs.vault(name);
        }
        for _ in 0..9 {
            probe.run(&format!("{name} direct"), || pairs.direct(name));
            probe.run(&format!("{name} vault"), || pairs.vault(name));
        }
    }
}

fn time(pairs: &Pairs, name: &str) -> (Times, Times, Times) {
    let direct = || {
        black_box(pairs.direct(name));
    };
    let vault = || {
        black_box(pairs.vault(name));
    };
    let once = round(200, &vault);
    let calls = (ROUND_NS / once).clamp(16.0, 20_000.0);
    #[allow(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let calls = calls as u32;
    let (mut a, mut b, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..ROUNDS {
        // Who goes first changes from round to round.
        let (x, y) = if at % 2 == 0 {
            let x = round(calls, &direct);
            (x, round(calls, &vault))
        } else {
            let y = round(calls, &vault);
            (round(calls, &direct), y)
        };
        a.push(x);
        b.push(y);
        added.push(y - x);
    }
    (times(a), times(b), times(added))
}

/// Nanoseconds a call, over this many.
fn round(calls: u32, work: &impl Fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn times(mut samples: Vec<f64>) -> Times {
    samples.sort_by(f64::total_cmp);
    let at = |quarter: usize| samples[(samples.len() - 1) * quarter / 4];
    Times {
        median: at(2),
        spread: at(3) - at(1),
    }
}

fn print(rows: &[Row]) {
    println!(
        "\n{:<14} {:>18} {:>18} {:>18} {:>26}  verdict (under {BAR_NS} ns)",
        "", "direct, ns", "vault, ns", "added, ns", "instructions added"
    );
    let cell = |times: &Times| format!("{:.0} +-{:.0}", times.median, times.spread / 2.0);
    for row in rows {
        let instructions = match row.instructions {
            Some((direct, vault)) => {
                format!("{vault} - {direct} = {}", signed(vault) - signed(direct))
            }
            None => "-".into(),
        };
        // What is left of the noise in the median: 1.25 s / sqrt(n), and s is the
        // distance of the quartiles / 1.35; twice that.
        #[allow(clippy::as_conversions)]
        let noise = 2.0 * 1.25 * row.added.spread / 1.35 / (ROUNDS as f64).sqrt();
        let verdict = match (row.added.median < BAR_NS, noise < BAR_NS) {
            (_, false) => "lost in noise: see the instructions",
            (true, true) => "met",
            (false, true) => "MISSED",
        };
        println!(
            "{:<14} {:>18} {:>18} {:>18} {:>26}  {verdict}",
            row.name,
            cell(&row.direct),
            cell(&row.vault),
            cell(&row.added),
            instructions,
        );
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).expect("a small number")
}

fn json(rows: &[Row]) -> String {
    let times = |times: &Times| serde_json::json!({ "median_ns": times.median, "quartile_distance_ns": times.spread });
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.name,
                "direct": times(&row.direct),
                "vault": times(&row.vault),
                "added": times(&row.added),
                "direct_instructions": row.instructions.map(|counts| counts.0),
                "vault_instructions": row.instructions.map(|counts| counts.1),
            })
        })
        .collect();
    serde_json::json!({ "bar_ns": BAR_NS, "rows": rows }).to_string()
}
