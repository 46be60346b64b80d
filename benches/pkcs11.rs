//! Signing through the PKCS #11 backend against the floor that a module sets: the same
//! key in the same module and process, by C_SignInit and C_Sign alone, in a session and
//! with an object number that are held (`pkcs11/raw.rs`).
//!
//!     cargo bench --bench pkcs11 [-- [--json FILE] [--quick] [--isolated]]
//!
//! Ours is `KeyProvider::sign` with a `SignRequest` for a digest, which is made for each
//! call: the fit, the capability, the pool, the object's number and the check of the
//! length are in it, and the vault is not. Both sides sign the same digest. The tokens are
//! SoftHSM's, with these two keys alone or with 2,000 other objects; and behind the shim of
//! `tests/shim`, which adds a millisecond to each call, as a network would.
//!
//! The same threads run rounds of each side in turn, so that whatever else the machine
//! does hits both; a row's ratio is the median of the ratios of the rounds, with their
//! quartiles. With a millisecond a call, the floor is one session's rate times the number
//! of threads. No more than the module itself reaches with as many threads can be had, and
//! that is less where the processors are too few for what SoftHSM computes (RS256 with two):
//! `raw` is that rate, and `of raw` ours in comparison with it. Isolated calls
//! (`Calls::Isolated`, which SoftHSM does not need) are in the table for information, and in
//! FILE with `--isolated`. Verdicts are printed and never a failure: times depend on the
//! machine.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "pkcs11/raw.rs"]
#[expect(unsafe_code, reason = "the floor is the module's own functions")]
mod raw;
#[path = "../tests/common/shim.rs"]
mod shim;
#[path = "../tests/common/token.rs"]
mod token;

use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use cryptoki_sys::{CK_MECHANISM_TYPE, CKM_ECDSA, CKM_RSA_PKCS};
use strongroom::fit::{SignRequest, VerifyRequest};
use strongroom::pkcs11::{Calls, Pkcs11};
use strongroom::provider::NewKey;
use strongroom::{Curve, Hash, HashValue, KeyHandle, KeyProvider, KeySpec, ProviderKeyId, SignAlg};

use raw::{Module, Signer};
use shim::Shim;
use token::Token;

const OTHER_OBJECTS: usize = 2000;

/// What the shim adds to each call, in microseconds.
const DELAY_US: u32 = 1000;

/// RFC 8017 section 9.2, note 1.
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Raw,
    Ours,
    Isolated,
}

/// What is signed with.
#[derive(Clone, Copy)]
struct Kind {
    alg: SignAlg,
    spec: KeySpec,
    mechanism: CK_MECHANISM_TYPE,
    id: [u8; 16],
}

const KINDS: [Kind; 2] = [
    Kind {
        alg: SignAlg::Es256,
        spec: KeySpec::Ec(Curve::P256),
        mechanism: CKM_ECDSA,
        id: *b"bench key, ES256",
    },
    Kind {
        alg: SignAlg::Rs256,
        spec: KeySpec::Rsa { bits: 2048 },
        mechanism: CKM_RSA_PKCS,
        id: *b"bench key, RS256",
    },
];

/// A token with both keys, open three times in one process.
struct Place {
    label: String,
    raw: Module,
    ours: Arc<Pkcs11>,
    isolated: Arc<Pkcs11>,
    objects: usize,
    delay_us: u32,
}

/// How long to measure.
struct Effort {
    rounds: usize,
    round: Duration,
}

struct Row {
    alg: &'static str,
    calls: &'static str,
    threads: u32,
    objects: usize,
    delay_us: u32,
    /// Signatures a second, all threads together.
    ops: f64,
    /// What `ops` is compared with.
    floor: f64,
    /// The module itself, with as many threads.
    raw: f64,
    /// Quartiles of the rounds' ratios to the floor.
    ratio: [f64; 3],
    /// Median of the rounds' ratios to the module itself, with as many threads.
    of_raw: f64,
    bar: Option<f64>,
}

fn main() {
    let has = |wanted: &str| env::args().any(|argument| argument == wanted);
    let times = if has("--quick") { 1 } else { 10 };
    let Some(tokens) = [(); 3]
        .into_iter()
        .map(|()| Token::softhsm())
        .collect::<Option<Vec<_>>>()
    else {
        println!("no token, so nothing is measured");
        return;
    };
    let [plain, full, far] = tokens.as_slice() else {
        unreachable!("three tokens");
    };
    let mut rows = Vec::new();
    header();
    let effort = Effort {
        rounds: 60 * times,
        // Shorter than a slice of the scheduler: most rounds are not interrupted.
        round: Duration::from_millis(3),
    };
    for (token, objects) in [(plain, 0), (full, OTHER_OBJECTS)] {
        let place = Place::new(token, objects, 0);
        for kind in KINDS {
            for threads in [1, 2] {
                measure(&place, kind, threads, &effort, &mut rows);
            }
        }
    }
    let shim = Shim::load(&Shim::build());
    shim.set("P11SHIM_MODULE", &far.module.to_string_lossy());
    let token = Token {
        module: shim.path().to_owned(),
        ..far.clone()
    };
    let place = Place::new(&token, 0, DELAY_US);
    shim.plan(&format!("*=delay:{DELAY_US}"));
    let effort = Effort {
        rounds: 4 * times,
        round: Duration::from_millis(150),
    };
    for kind in KINDS {
        measure(&place, kind, 8, &effort, &mut rows);
    }
    shim.plan("");
    let mut arguments = env::args().skip_while(|argument| argument != "--json");
    if let (Some(_), Some(file)) = (arguments.next(), arguments.next()) {
        fs::write(&file, json(&rows, has("--isolated"))).expect("the file is written");
    }
}

impl Place {
    fn new(token: &Token, objects: usize, delay_us: u32) -> Place {
        let open = |calls| {
            let builder = Pkcs11::builder()
                .module(&token.module)
                .token_label(&token.label)
                .pin_value(token.pin.as_bytes())
                .calls(calls);
            Arc::new(builder.open().expect("the token opens"))
        };
        let ours = open(Calls::Automatic);
        let place = Place {
            label: token.label.clone(),
            raw: Module::open(&token.module),
            isolated: open(Calls::Isolated),
            ours,
            objects,
            delay_us,
        };
        for kind in KINDS {
            let new = NewKey::new(ProviderKeyId::from_bytes(kind.id), kind.spec);
            let new = new.expect("a key that can be made");
            let key = place.ours.generate(&new).expect("the token makes it");
            place.check_floor(kind, &key);
        }
        place.raw.fill(&token.label, objects);
        place
    }

    fn signer(&self, kind: Kind) -> Signer {
        self.raw.signer(&self.label, &kind.id, kind.mechanism)
    }

    fn handle(&self, kind: Kind) -> KeyHandle {
        let found = self.ours.find(&ProviderKeyId::from_bytes(kind.id));
        found.expect("the token is well").expect("the key is there")
    }

    /// The floor does the same work: its signatures are good ones.
    fn check_floor(&self, kind: Kind, key: &KeyHandle) {
        let digest = digest();
        let mut out = [0; 256];
        let len = self.signer(kind).sign(&raw_input(kind, &digest), &mut out);
        let request = VerifyRequest::for_digest(key, kind.alg, digest.as_digest(), &out[..len]);
        let verified = self.ours.verify(&request.expect("a signature"));
        verified.expect("the floor signs rightly");
    }
}

fn digest() -> HashValue {
    Hash::Sha256.hash(b"what both sides sign")
}

/// The digest as the mechanism wants it: made once, so that it costs the floor nothing.
fn raw_input(kind: Kind, digest: &HashValue) -> Vec<u8> {
    match kind.spec {
        KeySpec::Rsa { .. } => [&SHA256_DIGEST_INFO, digest.as_bytes()].concat(),
        _ => digest.as_bytes().to_vec(),
    }
}

/// Runs the rounds, and adds and prints two rows: ours, and isolated.
fn measure(place: &Place, kind: Kind, threads: u32, effort: &Effort, rows: &mut Vec<Row>) {
    let team = Team::new(place, kind, threads, effort.round);
    // With a delay threads wait, and what one session does, each of them can.
    let (floor_threads, bar) = match place.delay_us {
        0 => (threads, 0.95),
        _ => (1, 0.9),
    };
    let factor = f64::from(threads) / f64::from(floor_threads);
    let (mut floors, mut raws) = (Vec::new(), Vec::new());
    let mut sides = [(Side::Ours, Vec::new()), (Side::Isolated, Vec::new())];
    let mut ratios = [Vec::new(), Vec::new()];
    let mut of_raw = [Vec::new(), Vec::new()];
    for round in 0..effort.rounds {
        // Who goes first changes from round to round.
        let floor_first = round % 2 == 0;
        let before = floor_first.then(|| team.round(Side::Raw, floor_threads));
        let rates = sides.each_ref().map(|(side, _)| team.round(*side, threads));
        let floor = before.unwrap_or_else(|| team.round(Side::Raw, floor_threads)) * factor;
        floors.push(floor);
        let raw = match factor > 1.0 {
            true => team.round(Side::Raw, threads),
            false => floor,
        };
        raws.push(raw);
        for (at, rate) in rates.into_iter().enumerate() {
            sides[at].1.push(rate);
            ratios[at].push(rate / floor);
            of_raw[at].push(rate / raw);
        }
    }
    let (floor, raw) = (quartiles(floors)[1], quartiles(raws)[1]);
    for (((side, rates), ratios), of_raw) in sides.into_iter().zip(ratios).zip(of_raw) {
        let ours = side == Side::Ours;
        let row = Row {
            alg: kind.alg.row().name,
            calls: if ours { "automatic" } else { "isolated" },
            threads,
            objects: place.objects,
            delay_us: place.delay_us,
            ops: quartiles(rates)[1],
            floor,
            raw,
            ratio: quartiles(ratios),
            of_raw: quartiles(of_raw)[1],
            bar: ours.then_some(bar),
        };
        print(&row);
        rows.push(row);
    }
}

/// Threads that sign when told, each with a session of the floor.
struct Team {
    members: Vec<Member>,
    rates: mpsc::Receiver<f64>,
}

struct Member {
    orders: Option<mpsc::Sender<(Side, Arc<Barrier>)>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Member {
    /// No thread is in the module when the process ends.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread ends well");
        }
    }
}

impl Team {
    fn new(place: &Place, kind: Kind, threads: u32, length: Duration) -> Team {
        let (report, rates) = mpsc::channel();
        let members = (0..threads).map(|_| {
            let (sender, orders) = mpsc::channel::<(Side, Arc<Barrier>)>();
            let mut worker = Worker {
                raw: place.signer(kind),
                input: raw_input(kind, &digest()),
                ours: Arc::clone(&place.ours),
                isolated: Arc::clone(&place.isolated),
                key: place.handle(kind),
                alg: kind.alg,
                digest: digest(),
            };
            let report = report.clone();
            let thread = thread::spawn(move || {
                for side in [Side::Raw, Side::Ours, Side::Isolated] {
                    worker.sign(side);
                }
                for (side, barrier) in orders {
                    barrier.wait();
                    let rate = worker.rate(side, length);
                    report.send(rate).expect("the main thread listens");
                }
            });
            Member {
                orders: Some(sender),
                thread: Some(thread),
            }
        });
        Team {
            members: members.collect(),
            rates,
        }
    }

    /// Signatures a second in one round of so many threads.
    fn round(&self, side: Side, threads: u32) -> f64 {
        let threads = usize::try_from(threads).expect("few threads");
        let barrier = Arc::new(Barrier::new(threads));
        for member in &self.members[..threads] {
            let order = (side, Arc::clone(&barrier));
            let orders = member.orders.as_ref().expect("the team is there");
            orders.send(order).expect("the thread lives");
        }
        self.rates.iter().take(threads).sum()
    }
}

struct Worker {
    raw: Signer,
    input: Vec<u8>,
    ours: Arc<Pkcs11>,
    isolated: Arc<Pkcs11>,
    key: KeyHandle,
    alg: SignAlg,
    digest: HashValue,
}

impl Worker {
    fn sign(&mut self, side: Side) {
        let provider = match side {
            Side::Raw => {
                let mut out = [0; 256];
                self.raw.sign(&self.input, &mut out);
                return;
            }
            Side::Ours => &self.ours,
            Side::Isolated => &self.isolated,
        };
        let request = SignRequest::for_digest(&self.key, self.alg, self.digest.as_digest());
        let signature = provider.sign(&request.expect("a request that fits"));
        signature.expect("the token signs");
    }

    /// Signatures a second, over this time.
    fn rate(&mut self, side: Side, length: Duration) -> f64 {
        let start = Instant::now();
        let mut count = 0.0;
        loop {
            self.sign(side);
            count += 1.0;
            let elapsed = start.elapsed();
            if elapsed >= length {
                return count / elapsed.as_secs_f64();
            }
        }
    }
}

fn quartiles(mut samples: Vec<f64>) -> [f64; 3] {
    samples.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| samples[(samples.len() - 1) * quarter / 4])
}

fn header() {
    println!(
        "{:<6} {:<9} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>6}  {:<15} {:>6}  bar",
        "alg",
        "calls",
        "threads",
        "objects",
        "delay_us",
        "ops/s",
        "floor",
        "raw",
        "ratio",
        "quartiles",
        "of raw"
    );
}

fn print(row: &Row) {
    let [low, ratio, high] = row.ratio;
    let verdict = row.bar.map_or_else(String::new, |bar| {
        let verdict = if ratio >= bar { "met" } else { "MISSED" };
        format!("{bar:.2} {verdict}")
    });
    println!(
        "{:<6} {:<9} {:>7} {:>7} {:>8} {:>9.0} {:>9.0} {:>9.0} {:>6.3}  {:<15} {:>6.3}  {verdict}",
        row.alg,
        row.calls,
        row.threads,
        row.objects,
        row.delay_us,
        row.ops,
        row.floor,
        row.raw,
        ratio,
        format!("{low:.3} .. {high:.3}"),
        row.of_raw,
    );
}

fn json(rows: &[Row], isolated: bool) -> String {
    let rows = rows
        .iter()
        .filter(|row| isolated || row.calls != "isolated");
    let rows: Vec<_> = rows
        .map(|row| {
            serde_json::json!({
                "alg": row.alg,
                "calls": row.calls,
                "threads": row.threads,
                "objects": row.objects,
                "delay_us": row.delay_us,
                "ops_per_s": row.ops,
                "raw_ops_per_s": row.raw,
                "ratio_to_raw": row.ratio[1],
                "ratio_to_raw_with_as_many_threads": row.of_raw,
                "ratio_quartiles": [row.ratio[0], row.ratio[2]],
            })
        })
        .collect();
    serde_json::Value::from(rows).to_string()
}
