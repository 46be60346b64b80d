//! Results, as a table and as JSON.

use serde_json::{Value, json};

use crate::contender::{Batch, Contender, OURS};
use crate::measure::Times;
use crate::rows::Plan;

/// One of those of a row that are compared: what strongroom does one by one or as a batch,
/// and what the others do one by one.
pub(crate) struct Entry {
    pub(crate) who: &'static str,
    pub(crate) batch: Batch,
    pub(crate) times: Times,
    /// The median of the fastest other contender, by that of this one; of strongroom alone.
    pub(crate) ratio: Option<f64>,
}

/// A row, measured.
pub(crate) struct Row {
    pub(crate) plan: Plan,
    pub(crate) entries: Vec<Entry>,
    /// The fastest that is not strongroom.
    pub(crate) best: &'static str,
}

impl Row {
    pub(crate) fn new(plan: Plan, line_up: &[Contender], samples: Vec<Vec<f64>>) -> Self {
        let times: Vec<_> = samples.into_iter().map(Times::of).collect();
        let all = || line_up.iter().zip(&times);
        let others = all().filter(|(contender, _)| contender.who != OURS);
        let best = others.min_by(|a, b| a.1.median().total_cmp(&b.1.median()));
        let (best, best_times) = best.expect("another contender");
        let entries = all().map(|(contender, times)| Entry {
            who: contender.who,
            batch: contender.batch,
            times: *times,
            ratio: (contender.who == OURS).then(|| best_times.median() / times.median()),
        });
        Row {
            best: best.who,
            entries: entries.collect(),
            plan,
        }
    }

    /// The ratio of this batch, if there is one.
    pub(crate) fn ratio(&self, batch: Batch) -> Option<f64> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.batch == batch)?.ratio
    }

    pub(crate) fn print(&self) {
        println!("\n{}", self.plan.name());
        for entry in &self.entries {
            let batch = match entry.batch {
                Batch::Single => String::new(),
                Batch::OneKey(items) => format!("{items} at once"),
                Batch::ManyKeys(items) => format!("{items}, many keys"),
            };
            let verdict = match entry.ratio {
                Some(ratio) => format!("{ratio:.2} of {}", self.best),
                None => String::new(),
            };
            println!(
                "  {:<11} {batch:<15} {:>12} +-{:>3.0} %  {verdict}",
                entry.who,
                time(entry.times.median()),
                100.0 * entry.times.spread(),
            );
        }
    }

    /// An object for each contender; in those of a batch the others are there again with what
    /// they take for one item, since none of them has batches.
    fn objects(&self) -> Vec<Value> {
        let others = || self.entries.iter().filter(|entry| entry.who != OURS);
        let ours = self.entries.iter().filter(|entry| entry.who == OURS);
        let rows = ours.map(|entry| [entry].into_iter().chain(others()));
        rows.flat_map(|mut row| {
            let batch = row.next().into_iter();
            let batch: Vec<_> = batch.chain(row).collect();
            let at = batch.first().map_or(Batch::Single, |entry| entry.batch);
            let objects = batch.into_iter().map(move |entry| self.object(entry, at));
            objects.collect::<Vec<_>>()
        })
        .collect()
    }

    fn object(&self, entry: &Entry, batch: Batch) -> Value {
        let [first, median, third] = entry.times.quartiles;
        json!({
            "alg": self.plan.alg,
            "op": self.plan.op,
            "size": self.plan.size,
            "batch": batch.items(),
            "keys": if matches!(batch, Batch::ManyKeys(_)) { "different" } else { "same" },
            "threads": self.plan.threads,
            "who": entry.who,
            "median_ns": median,
            "quartiles_ns": [first, third],
            "ratio_to_best_peer": entry.ratio,
        })
    }
}

pub(crate) fn json(rows: &[Row]) -> String {
    let objects = rows.iter().flat_map(Row::objects).collect();
    format!("{:#}\n", Value::Array(objects))
}

fn time(ns: f64) -> String {
    match ns {
        ..1e4 => format!("{ns:.0} ns"),
        ..1e7 => format!("{:.1} us", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}
