//! A vault in a durable store, small and large: `cargo bench --bench store`.
//!
//! Two stores are filled with keys of three versions each, one key in ten of P-256 and the
//! others of HMAC, and measured by a process of its own that does nothing else: how long
//! opening takes, what memory it needs, and how long a key takes to be read and used.
//! `STRONGROOM_BENCH_KEYS` sets the larger number of keys, which is 100,000.
//!
//! The records are made by a vault over a store in memory, and copied a thousand a commit;
//! what is in the file is what the vault would have written there one by one.
#![allow(clippy::as_conversions, clippy::indexing_slicing, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use strongroom::seal::SealingKey;
use strongroom::software::Software;
use strongroom::store::{MemoryStore, RedbStore};
use strongroom::vault::{Change, KeyOptions, NoAudit, Store, Vault};
use strongroom::{Curve, KeySpec, SignAlg};

const VERSIONS: usize = 3;
const SMALL: usize = 1000;
const ROUNDS: usize = 5000;
const COMMITS: usize = 100;
/// Says to the process that it is to measure, and which store.
const MEASURE: &str = "STRONGROOM_BENCH_STORE";

fn main() {
    if let Ok(path) = std::env::var(MEASURE) {
        return measure(Path::new(&path));
    }
    // `cargo test --benches` runs this too; it is not for that.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let keys = std::env::var("STRONGROOM_BENCH_KEYS").map_or(100_000, |n| n.parse().unwrap());
    let directory = std::env::temp_dir().join(format!("strongroom-bench-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let columns: Vec<(usize, Vec<(String, String)>)> = [SMALL, keys]
        .map(|keys| {
            let path = directory.join(keys.to_string());
            let start = Instant::now();
            fill(&path, keys);
            println!("{keys} keys made in {:.0?}", start.elapsed());
            (keys, measured_by_child(&path))
        })
        .into();
    fs::remove_dir_all(&directory).unwrap();
    let heads: Vec<String> = columns
        .iter()
        .map(|(keys, _)| format!("{keys} keys"))
        .collect();
    println!("\n| {VERSIONS} versions each | {} |", heads.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len()));
    for (row, (name, _)) in columns[0].1.iter().enumerate() {
        let values: Vec<&str> = columns.iter().map(|(_, rows)| &*rows[row].1).collect();
        println!("| {name} | {} |", values.join(" | "));
    }
}

fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn vault(store: Arc<dyn Store>) -> Vault {
    Vault::builder()
        .provider(Arc::new(Software::new(key()).unwrap()))
        .store(store)
        .audit(Arc::new(NoAudit))
        .build()
        .unwrap()
}

fn name(at: usize) -> String {
    format!("key-{at:07}")
}

/// One in ten is of another kind, which takes longer to make.
fn spec(at: usize) -> KeySpec {
    if at.is_multiple_of(10) {
        return KeySpec::Ec(Curve::P256);
    }
    KeySpec::Hmac { bits: 256 }
}

fn fill(path: &Path, keys: usize) {
    let memory = Arc::new(MemoryStore::new());
    let vault = vault(memory.clone());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for thread in 0..threads {
            let vault = &vault;
            scope.spawn(move || {
                for at in (thread..keys).step_by(threads) {
                    for _ in 0..VERSIONS {
                        let options = KeyOptions::new();
                        vault.create(&name(at), spec(at), &options).unwrap();
                    }
                }
            });
        }
    });
    let store = RedbStore::create(path, &key()).unwrap();
    let mut after: Option<String> = None;
    loop {
        let page = memory.scan("", after.as_deref(), 1000).unwrap();
        let Some((last, _)) = page.last() else {
            return;
        };
        after = Some(last.clone());
        let copied = page.into_iter();
        let copied = copied.map(|(key, record)| Change::insert(key, record.value.to_vec()));
        store.commit(&copied.collect::<Vec<_>>()).unwrap();
    }
}

fn measured_by_child(path: &Path) -> Vec<(String, String)> {
    let output = Command::new(std::env::current_exe().unwrap())
        .env(MEASURE, path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let rows = said.lines().filter_map(|line| line.split_once('\t'));
    rows.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn measure(path: &Path) {
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let bytes = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
    row("size of the file", &megabytes(bytes));
    let empty = memory();

    let start = Instant::now();
    let store = Arc::new(RedbStore::open(path, &key()).unwrap());
    let opened = start.elapsed();
    let vault = vault(store.clone());
    let built = start.elapsed();
    row("opening the store", &format!("{opened:.1?}"));
    row("opening store and vault", &format!("{built:.1?}"));
    row("memory for it", &megabytes(memory() - empty));

    let keys = count(&vault);
    let mut numbers = Numbers(1);
    times("reading a key, any", ROUNDS, || {
        vault.latest(&name(numbers.next(keys))).unwrap();
    });
    times("reading any key and signing, HS256", ROUNDS, || {
        let at = numbers.next(keys / 10) * 10 + 1 + numbers.next(9);
        let key = vault.latest(&name(at)).unwrap();
        key.sign(SignAlg::Hs256, b"message").unwrap();
    });
    times("reading any key and signing, ES256", ROUNDS, || {
        let key = vault.latest(&name(numbers.next(keys / 10) * 10)).unwrap();
        key.sign(SignAlg::Es256, b"message").unwrap();
    });
    for (at, alg) in [(1, SignAlg::Hs256), (0, SignAlg::Es256)] {
        let key = vault.latest(&name(at)).unwrap();
        times(
            &format!("signing again with one key, {alg}"),
            ROUNDS,
            || {
                key.sign(alg, b"message").unwrap();
            },
        );
    }
    row("memory after these", &megabytes(memory() - empty));
    let mut made = 0;
    times("making a key (one durable commit)", COMMITS, || {
        let options = KeyOptions::new();
        vault
            .create(&format!("new-{made}"), Curve::P256, &options)
            .unwrap();
        made += 1;
    });
    times("a durable commit alone", COMMITS, || {
        made += 1;
        let change = Change::insert(format!("zz-bench/{made}"), vec![7; 700]);
        store.commit(&[change]).unwrap();
    });
    let start = Instant::now();
    vault.verify_store().unwrap();
    row("verifying the store", &format!("{:.1?}", start.elapsed()));
    let start = Instant::now();
    store.compact().unwrap();
    row("compacting it", &format!("{:.1?}", start.elapsed()));
    row("memory at the end", &megabytes(memory() - empty));
}

fn row(name: &str, value: &str) {
    println!("{name}\t{value}");
}

/// Median and 99th percentile.
fn times(name: &str, rounds: usize, mut run: impl FnMut()) {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, most) = (times[rounds / 2], times[rounds * 99 / 100]);
    row(name, &format!("{median:.1?} (99 %: {most:.1?})"));
}

/// Resident bytes of this process.
fn memory() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages.map_or(0, |pages| pages.parse::<usize>().unwrap() * 4096)
}

/// How many keys there are: their names count up.
fn count(vault: &Vault) -> usize {
    let mut count = 1;
    while vault.latest(&name(count)).is_ok() {
        count *= 2;
    }
    let mut low = count / 2;
    while low + 1 < count {
        let middle = low.midpoint(count);
        if vault.latest(&name(middle)).is_ok() {
            low = middle;
        } else {
            count = middle;
        }
    }
    low + 1
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}
