//! What all runs came to, as a table for people.

use squall_reports::{
    terminal::{Look, paint},
    verdict::Verdict,
    words,
};

/// A line of the table at the end.
pub(super) struct Row {
    pub(super) verdict: Verdict,
    pub(super) scenario: String,
    pub(super) seed: u64,
    pub(super) requests: usize,
    pub(super) lasted_ms: u64,
    pub(super) wall_ms: u128,
    pub(super) digest: String,
}

/// The digits of a digest that tell runs apart where there is no room for all.
const DIGEST_SHORT: usize = 8;

/// The table, with a line that counts the verdicts.
pub(super) fn table(rows: &[Row], look: Look) -> String {
    let width = |text: fn(&Row) -> String, title: &str| {
        let widths = rows.iter().map(|row| text(row).len());
        widths.max().unwrap_or(0).max(title.len())
    };
    let scenario = width(|row| row.scenario.clone(), "scenario");
    let seed = width(|row| row.seed.to_string(), "seed");
    let lasted = width(|row| format!("{} ms", row.lasted_ms), "lasted");
    let took = width(|row| format!("{} ms", row.wall_ms), "took");
    let head = format!(
        "{:<8} {:<scenario$} {:>seed$} {:>9} {:>lasted$} {:>took$}  ",
        "verdict", "scenario", "seed", "requests", "lasted", "took"
    );
    let room = look.columns.saturating_sub(head.len());
    let mut text = format!("{head}digest\n");
    for row in rows {
        let digits = if row.digest.len() <= room { row.digest.len() } else { DIGEST_SHORT };
        text.push_str(&format!(
            "{} {:<scenario$} {:>seed$} {:>9} {:>lasted$} {:>took$}  {:.digits$}\n",
            paint(row.verdict, &format!("{:<8}", row.verdict.name()), look.colour),
            row.scenario,
            row.seed,
            row.requests,
            format!("{} ms", row.lasted_ms),
            format!("{} ms", row.wall_ms),
            row.digest
        ));
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    text.push_str(&format!(
        "\n{}: {} pass, {} fail, {} inconclusive\n",
        words::counted(rows.len() as u64, "run"),
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::NoData)
    ));
    text
}

#[cfg(test)]
mod tests {
    use squall_reports::{
        terminal::{Colour, Look},
        verdict::Verdict,
    };

    use super::{Row, table};

    fn row(verdict: Verdict, seed: u64) -> Row {
        Row {
            verdict,
            scenario: "recommendations-crash-loop".to_owned(),
            seed,
            requests: 6_000,
            lasted_ms: 9_000,
            wall_ms: 1_234,
            digest: "0123456789abcdef0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn one_run_is_one_run() {
        let one = table(&[row(Verdict::Pass, 1)], Look::PLAIN);
        assert!(one.ends_with("\n1 run: 1 pass, 0 fail, 0 inconclusive\n"), "{one}");
        let two = table(&[row(Verdict::Pass, 1), row(Verdict::Fail, 2)], Look::PLAIN);
        assert!(two.ends_with("\n2 runs: 1 pass, 1 fail, 0 inconclusive\n"), "{two}");
    }

    #[test]
    fn the_table_fits_and_its_columns_stay_in_line() {
        for seed in [1, u64::MAX] {
            for (columns, digest) in [(96, 8), (140, 32)] {
                let look = Look { columns, ..Look::PLAIN };
                let text = table(&[row(Verdict::Fail, seed), row(Verdict::NoData, 7)], look);
                assert!(text.lines().all(|line| line.len() <= columns), "{columns}: {text}");
                let (head, row) = text.split_once('\n').expect("two lines");
                let at = head.find("digest").expect("a column");
                let found = row.lines().next().map_or("", |line| &line[at..]);
                assert_eq!(found.len(), digest, "{text}");
            }
        }
        let look = Look { colour: Colour::Always, ..Look::PLAIN };
        let red = table(&[row(Verdict::Fail, 1)], look);
        assert!(red.contains("\u{1b}[31mFAIL    \u{1b}[0m recommendations"), "{red:?}");
    }
}
