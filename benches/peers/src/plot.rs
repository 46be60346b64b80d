//! The ratios as bars, on a logarithmic axis.

use std::fmt::Write;

use crate::contender::Batch;
use crate::report::Row;

const BATCH: Batch = Batch::OneKey(64);

/// Where the bars begin and end, and how far.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 860.0;
const LEAST: f64 = 0.125;
const MOST: f64 = 16.0;

const TOP: f64 = 92.0;
const BAR: f64 = 9.0;

const AHEAD: &str = "#1f6feb";
const BEHIND: &str = "#9db4d0";
const BATCHED: &str = "#e8863a";

/// A chart of the rows on one thread: the ratio to the fastest other library, one by one and
/// in batches of 64.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut body = String::new();
    let mut y = TOP;
    for row in rows.iter().filter(|row| row.plan.threads == 1) {
        let Some(single) = row.ratio(Batch::Single) else {
            continue;
        };
        let batch = row.ratio(BATCH);
        let height = if batch.is_some() { 2.0 * BAR } else { BAR };
        let middle = y + height / 2.0 + 4.0;
        text(&mut body, LEFT - 34.0, middle, "end", &row.plan.name());
        bar(
            &mut body,
            y,
            single,
            if single < 1.0 { BEHIND } else { AHEAD },
        );
        if let Some(batch) = batch {
            bar(&mut body, y + BAR, batch, BATCHED);
        }
        y += height + 7.0;
    }
    let mut out = String::new();
    let (width, height) = (RIGHT + 60.0, y + 16.0);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#24292f\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"bold\">strongroom against the \
         fastest other library, times as fast</text>\n"
    );
    legend(&mut out);
    axis(&mut out, y);
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String) {
    let keys = [
        (AHEAD, "one by one, ahead"),
        (BEHIND, "one by one, behind"),
        (BATCHED, "in batches of 64"),
    ];
    let mut x = LEFT;
    for (colour, meaning) in keys {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"40\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"
        );
        text(out, x + 18.0, 50.0, "start", meaning);
        x += 150.0;
    }
}

fn axis(out: &mut String, bottom: f64) {
    for ratio in [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0] {
        let (x, top) = (at(ratio), TOP - 8.0);
        let (colour, width) = if ratio == 1.0 {
            ("#24292f", 1.5)
        } else {
            ("#d0d7de", 1.0)
        };
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{colour}\" \
             stroke-width=\"{width}\"/>"
        );
        text(out, x, TOP - 14.0, "middle", &format!("{ratio}"));
    }
}

/// From 1 to the ratio, with the number at its end.
fn bar(out: &mut String, y: f64, ratio: f64, colour: &str) {
    let (from, to) = (at(ratio.min(1.0)), at(ratio.max(1.0)));
    let _ = writeln!(
        out,
        "<rect x=\"{from:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>",
        (to - from).max(1.0),
        BAR - 1.0,
    );
    let number = format!("{ratio:.2}");
    let y = y + BAR - 1.0;
    match ratio < 1.0 {
        true => text(out, from - 4.0, y, "end", &number),
        false => text(out, to + 4.0, y, "start", &number),
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>"
    );
}

fn at(ratio: f64) -> f64 {
    let part = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LEFT + part * (RIGHT - LEFT)
}
