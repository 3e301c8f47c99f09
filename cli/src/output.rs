//! How results are shown: tables for people, numbers readable.

use std::io::{IsTerminal, Write};

use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::failure::Failure;

/// A table with a header: drawn to the width of a terminal, plain columns elsewhere.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.set_header(header.iter().copied());
    if std::io::stdout().is_terminal() {
        table.load_style(UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// Aligns columns of numbers to the right.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes a table to standard output.
pub fn print_table(table: &Table) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for line in table.lines() {
        let line = line.trim_end();
        // Columns are set apart by a space on both sides; without lines the first one is of no use.
        let shown = if std::io::stdout().is_terminal() { line } else { line.strip_prefix(' ').unwrap_or(line) };
        writeln!(out, "{shown}")?;
    }
    Ok(())
}

/// A text that a terminal can show: control characters, which could move its cursor or colour it, are replaced.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// A whole number with its digits grouped by thousands: `432,720`.
pub fn number(value: impl std::fmt::Display) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of things, whose plural ends in `s`: `1 event`, `432,720 events`.
pub fn counted(count: impl std::fmt::Display, one: &str) -> String {
    let number = number(count);
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// A number of bytes in the largest unit that keeps it above one.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let (mut tenths, mut unit) = (count / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).unwrap_or(&"TB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_readable_and_control_characters_harmless() {
        assert_eq!([0, 1, 999, 1_000, 432_720, 1_000_000].map(number), ["0", "1", "999", "1,000", "432,720", "1,000,000"]);
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(
            [0, 1, 2, 1_001].map(|count| counted(count, "event")),
            ["0 events", "1 event", "2 events", "1,001 events"]
        );
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234), "1.2 kB");
        assert_eq!(bytes(1_000_000), "1.0 MB");
        assert_eq!(bytes(5_432_100_000), "5.4 GB");
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
