//! Tables in a Markdown document, between markers: written, and read again.

use std::fmt::Write as _;

use squall::BoxError;

use crate::{side::Side, workload::Workload};

/// One table with what it was measured on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// What the rows of Linux were measured on.
    pub(crate) linux: Option<String>,
    /// What the rows of Squall were made by.
    pub(crate) squall: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Vec<String>,
    pub(crate) side: Side,
    pub(crate) values: Vec<String>,
}

const LINUX: &str = "Linux: ";
const SQUALL: &str = "Squall: ";
const END: &str = "<!-- oracle: end -->";

fn begin(workload: Workload) -> String {
    format!("<!-- oracle: {} -->", workload.name())
}

/// Where the block of a workload is in a document, without its markers.
fn place(text: &str, workload: Workload) -> Result<(usize, usize), BoxError> {
    let marker = begin(workload);
    let missing = |marker: &str| format!("expected {marker} in the document");
    let at = text.find(&marker).ok_or_else(|| missing(&marker))? + marker.len();
    let end = text[at..].find(END).ok_or_else(|| missing(END))?;
    Ok((at, at + end))
}

/// The table of a workload in a document.
///
/// # Errors
///
/// When the markers are missing, or a row is not one that this program writes.
pub(crate) fn read(text: &str, workload: Workload) -> Result<Table, BoxError> {
    let (from, to) = place(text, workload)?;
    let mut table = Table::default();
    let keys = workload.keys().len();
    for line in text[from..to].lines() {
        if let Some(linux) = line.strip_prefix(LINUX) {
            table.linux = Some(linux.to_owned());
        } else if let Some(squall) = line.strip_prefix(SQUALL) {
            table.squall = Some(squall.to_owned());
        }
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        let mut cells = cells.split(" | ").map(str::to_owned);
        let key: Vec<String> = cells.by_ref().take(keys).collect();
        // The headings and the line under them are no rows.
        let Some(side) = cells.next().and_then(|name| Side::named(&name)) else { continue };
        let values: Vec<String> = cells.collect();
        if values.len() != workload.values().len() {
            return Err(format!("expected {} figures in {line}", workload.values().len()).into());
        }
        table.rows.push(Row { key, side, values });
    }
    Ok(table)
}

/// The document with another table of a workload.
///
/// # Errors
///
/// When the markers are missing.
pub(crate) fn write(text: &str, workload: Workload, table: &Table) -> Result<String, BoxError> {
    let (from, to) = place(text, workload)?;
    Ok(format!("{}\n{}{}", &text[..from], render(workload, table), &text[to..]))
}

/// The table in Markdown.
pub(crate) fn render(workload: Workload, table: &Table) -> String {
    let headings: Vec<&str> =
        workload.keys().iter().chain(&["side"]).chain(workload.values()).copied().collect();
    let mut text = format!("| {} |\n", headings.join(" | "));
    let line = headings.iter().map(|_| "---").collect::<Vec<_>>().join(" | ");
    text += &format!("| {line} |\n");
    for row in &table.rows {
        let cells = row.key.iter().map(String::as_str).chain([row.side.name()]);
        let cells: Vec<&str> = cells.chain(row.values.iter().map(String::as_str)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let captions = [(LINUX, &table.linux), (SQUALL, &table.squall)];
    let captions = captions.into_iter().filter_map(|(who, caption)| Some((who, caption.as_ref()?)));
    for (who, caption) in captions {
        let _ = write!(text, "\n{who}{caption}\n");
    }
    text
}

impl Table {
    /// Drops the rows of these sides.
    pub(crate) fn forget(&mut self, sides: &[Side]) {
        self.rows.retain(|row| !sides.contains(&row.side));
    }

    /// Takes rows from `new` in place of those with the same key and side. Rows with one key stand
    /// together, in the order in which the keys came.
    pub(crate) fn merge(&mut self, new: Self) {
        let replaced =
            |row: &Row| new.rows.iter().any(|it| (&it.key, it.side) == (&row.key, row.side));
        let keys: Vec<Vec<String>> =
            self.rows.iter().chain(&new.rows).map(|row| row.key.clone()).collect();
        self.rows.retain(|row| !replaced(row));
        self.rows.extend(new.rows);
        let place = |key: &Vec<String>| keys.iter().position(|other| other == key);
        let rank = |side: Side| Side::ALL.iter().position(|other| *other == side);
        self.rows.sort_by_key(|row| (place(&row.key), rank(row.side)));
        self.linux = new.linux.or_else(|| self.linux.take());
        self.squall = new.squall.or_else(|| self.squall.take());
    }
}

#[cfg(test)]
mod tests;
