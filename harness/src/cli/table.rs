//! What all runs came to, as a table for people.

use squall_reports::verdict::Verdict;

/// A line of the table at the end.
pub(super) struct Row {
    pub(super) verdict: Verdict,
    pub(super) scenario: String,
    pub(super) seed: u64,
    pub(super) requests: usize,
    pub(super) simulated_ms: u64,
    pub(super) wall_ms: u128,
    pub(super) digest: String,
}

/// The table, with a line that counts the verdicts.
pub(super) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.scenario.len()).max().unwrap_or(0).max(8);
    let mut text = format!(
        "{:<8} {:<width$} {:>6} {:>9} {:>10} {:>8}  digest\n",
        "verdict", "scenario", "seed", "requests", "simulated", "took"
    );
    for row in rows {
        text.push_str(&format!(
            "{:<8} {:<width$} {:>6} {:>9} {:>7} ms {:>5} ms  {}\n",
            row.verdict.name(),
            row.scenario,
            row.seed,
            row.requests,
            row.simulated_ms,
            row.wall_ms,
            row.digest
        ));
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    text.push_str(&format!(
        "\n{} runs: {} pass, {} fail, {} inconclusive\n",
        rows.len(),
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::NoData)
    ));
    text
}
