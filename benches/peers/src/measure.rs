//! Times contenders in rounds, all of them in turn in each round, so that whatever else the
//! machine does hits everyone.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::contender::Contender;

/// How long is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// About how long a contender runs in one round, in nanoseconds; one call at least.
    pub(crate) round_ns: f64,
    /// About how long a row takes, in nanoseconds.
    pub(crate) row_ns: f64,
    pub(crate) least_rounds: usize,
    pub(crate) most_rounds: usize,
}

impl Effort {
    pub(crate) const FULL: Effort = Effort {
        round_ns: 4e6,
        row_ns: 10e9,
        least_rounds: 9,
        most_rounds: 201,
    };

    pub(crate) const QUICK: Effort = Effort {
        round_ns: 1e6,
        row_ns: 1e9,
        least_rounds: 3,
        most_rounds: 101,
    };
}

/// Nanoseconds an item, over the rounds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) quartiles: [f64; 3],
}

impl Times {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |quarter: usize| samples[(samples.len() - 1) * quarter / 4];
        Times {
            quartiles: [1, 2, 3].map(at),
        }
    }

    pub(crate) fn median(self) -> f64 {
        self.quartiles[1]
    }

    /// How far the quartiles are from the median, as a part of it.
    pub(crate) fn spread(self) -> f64 {
        (self.quartiles[2] - self.quartiles[0]) / 2.0 / self.median()
    }
}

/// Times everyone in these line-ups, one for each thread, in the same order; gives the
/// samples, a round each.
pub(crate) fn race(line_ups: &mut [Vec<Contender>], effort: Effort) -> Vec<Vec<f64>> {
    let contenders = line_ups[0].len();
    let calls: Vec<u32> = (0..contenders)
        .map(|at| calls(&mut line_ups[0][at], effort.round_ns))
        .collect();
    // Once through: it warms up, and tells how long a round takes.
    let start = Instant::now();
    for (at, calls) in calls.iter().enumerate() {
        turn(line_ups, at, *calls);
    }
    let round_ns = start.elapsed().as_secs_f64() * 1e9;
    let rounds = count(effort.row_ns / round_ns);
    let rounds = rounds.clamp(effort.least_rounds, effort.most_rounds);
    let mut samples = vec![Vec::with_capacity(rounds); contenders];
    for round in 0..rounds {
        // Who goes first changes from round to round.
        for at in (0..contenders).map(|at| (at + round) % contenders) {
            samples[at].push(turn(line_ups, at, calls[at]));
        }
    }
    samples
}

/// So many calls that they take about a round.
fn calls(contender: &mut Contender, round_ns: f64) -> u32 {
    // Doubled until it is long enough to be told from the clock's own time.
    let mut calls = 1;
    loop {
        let took = contender.run(calls).as_secs_f64() * 1e9;
        if took > 1e5 || took > round_ns / 4.0 {
            let wanted = count(f64::from(calls) * round_ns / took).clamp(1, 1 << 20);
            return u32::try_from(wanted).expect("at most a million");
        }
        calls *= 2;
    }
}

/// Nanoseconds an item; on more than one thread those until the last is through, for the
/// items of all.
fn turn(line_ups: &mut [Vec<Contender>], at: usize, calls: u32) -> f64 {
    let items = f64::from(line_ups[0][at].batch.items()) * f64::from(calls);
    if let [alone] = line_ups {
        return alone[at].run(calls).as_secs_f64() * 1e9 / items;
    }
    let barrier = Barrier::new(line_ups.len());
    let spans: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let threads: Vec<_> = line_ups
            .iter_mut()
            .map(|line_up| {
                let (contender, barrier) = (&mut line_up[at], &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let start = Instant::now();
                    contender.run(calls);
                    (start, Instant::now())
                })
            })
            .collect();
        let spans = threads.into_iter().map(|thread| thread.join());
        spans.map(|span| span.expect("no panic")).collect()
    });
    let first = spans.iter().map(|span| span.0).min();
    let last = spans.iter().map(|span| span.1).max();
    let took = first.zip(last).map(|(first, last)| last - first);
    let threads = f64::from(u16::try_from(spans.len()).expect("a few threads"));
    took.expect("a thread").as_secs_f64() * 1e9 / (items * threads)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn count(number: f64) -> usize {
    number as usize
}
