//! A table that fits a terminal: columns are as wide as what is in them, and share what room there is.

use super::{Look, paint, wrap::in_width};
use crate::{plain, verdict::Verdict};

/// What stands left of a table.
const INDENT: usize = 2;

/// What is between two columns.
const GAP: usize = 2;

/// A column is not made narrower than this if its text is wider.
const WIDTH_MIN: usize = 12;

/// A cell of a table.
pub(super) struct Cell {
    text: String,
    verdict: Option<Verdict>,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self { text: plain::line(text), verdict: None }
    }

    pub(super) fn verdict(verdict: Verdict) -> Self {
        Self { text: verdict.name().to_owned(), verdict: Some(verdict) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// `rows` as lines of at most the columns of `look`, unless that is too few for any table.
pub(super) fn grid<const N: usize>(rows: &[[Cell; N]], look: Look) -> String {
    let natural: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let between = INDENT + GAP * N.saturating_sub(1);
    let widths = fitted(natural, look.columns.saturating_sub(between));
    let mut text = String::new();
    for row in rows {
        let cells: [Vec<String>; N] =
            std::array::from_fn(|column| in_width(&row[column].text, widths[column]));
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut line = " ".repeat(INDENT);
            for (column, cell) in cells.iter().enumerate() {
                let part = cell.get(number).map_or("", String::as_str);
                let padding = widths[column] - part.chars().count() + GAP;
                match row[column].verdict {
                    Some(verdict) => line.push_str(&paint(verdict, part, look.colour)),
                    None => line.push_str(part),
                }
                line.extend(std::iter::repeat_n(' ', padding));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// The widths of columns that want `natural` and have `room` together: the widest give way, each
/// as far as the others.
fn fitted<const N: usize>(natural: [usize; N], room: usize) -> [usize; N] {
    let at_most = |most: usize| natural.map(|width| width.min(most.max(WIDTH_MIN)));
    let mut most = natural.into_iter().max().unwrap_or(0);
    while most > WIDTH_MIN && at_most(most).iter().sum::<usize>() > room {
        most -= 1;
    }
    at_most(most)
}

#[cfg(test)]
mod tests {
    use super::{Cell, Look, fitted, grid};
    use crate::{terminal::Colour, verdict::Verdict};

    #[test]
    fn the_widest_columns_give_way() {
        assert_eq!(fitted([7, 8, 20], 100), [7, 8, 20]);
        assert_eq!(fitted([7, 60, 90], 100), [7, 46, 46]);
        assert_eq!(fitted([7, 20, 90], 100), [7, 20, 73]);
        assert_eq!(fitted([7, 60, 90], 0), [7, 12, 12]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "a span \"call\" dependency=inventory that goes on and on ".repeat(5);
        let rows = [
            [Cell::verdict(Verdict::Fail), Cell::text(&long), Cell::text(&long)],
            [Cell::verdict(Verdict::Pass), Cell::text("short"), Cell::text("")],
        ];
        for columns in [40, 80, 100, 200] {
            let text = grid(&rows, Look { columns, ..Look::PLAIN });
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= columns), "{columns}: {text}");
            // In the narrowest, words are cut.
            assert!(columns < 80 || text.matches("inventory").count() == 10, "{text}");
        }
        let red = grid(&rows, Look { colour: Colour::Always, columns: 80, ..Look::PLAIN });
        assert!(red.starts_with("  \u{1b}[1m\u{1b}[31mFAIL\u{1b}[0m"), "{red:?}");
    }
}
