//! Times strongroom beside the RustCrypto crates, aws-lc-rs, OpenSSL, ring and graviola, on
//! the same keys and data, in turns in one process.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [--quick] [--only TEXT]
//!     [--json FILE] [--plot DIR]
//! ```
//!
//! * `--quick`: two minutes instead of a quarter of an hour, and without batches of 512.
//! * `--only TEXT`: the rows in whose name this stands, such as `HS256` or `RS256 sign 2048`.
//! * `--json FILE`: an object for each row and contender. `median_ns` is for one item, and
//!   `ratio_to_best_peer` is there for strongroom: the time of the fastest other contender,
//!   the RustCrypto crates among them, by its own; above 1 strongroom is ahead.
//! * `--plot DIR`: writes the ratios as `speed.svg`.
//!
//! strongroom's work goes through `vault::Key` with every check on and a key that has been
//! parsed, as everyone's has where their interface allows it. Signatures are over messages of
//! 32 bytes, hashing included, since ring and graviola take no digests. Batches are
//! strongroom's alone: the others are compared with what they take for one item.
//!
//! The paths for other processors are compared, on one that has AVX-512, by a build with
//! `RUSTFLAGS="--cfg strongroom_without_avx512"` and a run with
//! `OPENSSL_ia32cap=:~0xd0230000`, which OpenSSL and aws-lc heed and ring has no need of.
//! RustCrypto's AES and graviola go on using it.
//!
//! Needs a C compiler, perl and make, for OpenSSL is built from source.

mod contender;
mod keys;
mod measure;
mod ours;
mod peers;
mod plot;
mod report;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use openssl::asn1::Asn1Time;

use crate::contender::Batch;
use crate::keys::Keys;
use crate::measure::{Effort, Times, race};
use crate::ours::Ours;
use crate::report::Row;
use crate::rows::{Plan, Shared};

const USAGE: &str = "usage: peers [--quick] [--only TEXT] [--json FILE] [--plot DIR]";

/// What is asked for on the command line.
#[derive(Default)]
struct Arguments {
    quick: bool,
    only: String,
    json: Option<PathBuf>,
    plot: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::read(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let only = arguments.only.to_lowercase();
    let mut plans = rows::all();
    plans.retain(|plan| plan.name().to_lowercase().contains(&only));
    if plans.is_empty() {
        eprintln!("no row has {:?} in its name; {USAGE}", arguments.only);
        return ExitCode::FAILURE;
    }
    let effort = if arguments.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let shared = Shared {
        ours: Ours::new(),
        keys: Keys::default(),
        batches: batches(arguments.quick),
    };
    print_header(&shared, effort);
    let rows: Vec<Row> = plans
        .into_iter()
        .map(|plan| {
            let row = run(plan, &shared, effort);
            row.print();
            row
        })
        .collect();
    if let Some(file) = arguments.json {
        fs::write(file, report::json(&rows)).expect("the file is written");
    }
    if let Some(folder) = arguments.plot {
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("speed.svg");
        fs::write(file, plot::svg(&rows)).expect("the file is written");
    }
    ExitCode::SUCCESS
}

impl Arguments {
    fn read(mut from: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Arguments::default();
        while let Some(argument) = from.next() {
            match argument.as_str() {
                "--quick" => arguments.quick = true,
                "--only" => arguments.only = from.next()?,
                "--json" => arguments.json = Some(from.next()?.into()),
                "--plot" => arguments.plot = Some(from.next()?.into()),
                _ => return None,
            }
        }
        Some(arguments)
    }
}

fn batches(quick: bool) -> Vec<Batch> {
    let items: &[u16] = if quick { &[8, 64] } else { &[8, 64, 512] };
    let both = items
        .iter()
        .map(|items| [Batch::OneKey(*items), Batch::ManyKeys(*items)]);
    both.flatten().collect()
}

fn run(plan: Plan, shared: &Shared, effort: Effort) -> Row {
    let mut line_ups = plan.line_ups(shared);
    let samples = race(&mut line_ups, effort);
    Row::new(plan, &line_ups[0], samples)
}

/// The machine, who takes part in which version, and how far apart the same work comes out
/// when it is measured twice.
fn print_header(shared: &Shared, effort: Effort) {
    let now = Asn1Time::days_from_now(0).expect("the time");
    println!("{}", &*now);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| Some(line.split_once(": ")?.1));
    println!(
        "{}, {}",
        model.unwrap_or("processor unknown"),
        env::consts::ARCH
    );
    println!("{}", features());
    for package in [
        "strongroom",
        "aws-lc-rs",
        "aws-lc-sys",
        "ring",
        "graviola",
        "rsa",
        "p256",
        "p384",
        "p521",
        "k256",
        "aes-gcm",
        "hmac",
        "cbc",
        "aes-kw",
    ] {
        print!("{package} {}, ", version(package));
    }
    println!("{}", openssl::version::version());
    println!("noise: {}", noise(shared, effort));
}

/// What of the processor the contenders use where they find it.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("ADX", is_x86_feature_detected!("adx")),
        ("SHA", is_x86_feature_detected!("sha")),
        ("VAES", is_x86_feature_detected!("vaes")),
        ("AVX-512 F", is_x86_feature_detected!("avx512f")),
        ("AVX-512 IFMA", is_x86_feature_detected!("avx512ifma")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let features = [("", false)];
    let mut there: Vec<_> = features
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect();
    if cfg!(strongroom_portable) {
        there.push("but strongroom's fast paths are switched off");
    }
    there.join(", ")
}

/// As Cargo.lock has it.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split("[[package]]").find_map(|entry| {
        let rest = entry.strip_prefix(&format!("\nname = \"{package}\"\nversion = \""))?;
        rest.split('"').next()
    });
    entry.unwrap_or("unknown")
}

/// The same contender twice, as if it were two.
fn noise(shared: &Shared, effort: Effort) -> String {
    let plans = rows::all();
    let plan = plans
        .iter()
        .find(|plan| plan.op == "verify" && plan.alg == "ES256");
    let plan = plan.expect("a row");
    let peer = || {
        let [line_up] = plan
            .line_ups(shared)
            .try_into()
            .unwrap_or_else(|_| panic!("one thread"));
        let mut line_up: Vec<_> = line_up;
        line_up.pop().expect("a peer")
    };
    let mut same = [vec![peer(), peer()]];
    let who = same[0][0].who;
    let samples = race(&mut same, effort);
    let ratios = samples[0].iter().zip(&samples[1]).map(|(a, b)| a / b);
    let ratios = Times::of(ratios.collect());
    format!(
        "{who} twice in {} has a ratio of {:.3} +- {:.3}",
        plan.name(),
        ratios.median(),
        ratios.spread() * ratios.median(),
    )
}
