//! A statement and how values get into it.

use auditlake_event::Timestamp;
use auditlake_query::{QueryError, QueryErrorKind};

/// Longest SQL text that Athena takes, in bytes (Athena's quota on the query string, 262,144).
pub const MAX_STATEMENT_BYTES: usize = 262_144;

/// Longest execution parameter that is made, in UTF-16 code units with its quotes; Athena takes 1,024 characters.
const MAX_PARAMETER_UNITS: usize = 1_000;

/// SQL text and the values of its `?` in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL text. Nothing a caller chose stands in it but times and numbers.
    pub text: String,
    /// The execution parameters: SQL string literals, quoted, embedded quotes doubled, 1–1,000 characters each.
    pub parameters: Vec<String>,
}

/// Writes a statement: text and parameters in one pass, so that their order agrees.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
    parameters: Vec<String>,
}

impl Writer {
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A value as one parameter, or as the concatenation of several if it is long.
    pub(crate) fn value(&mut self, value: &str) -> &mut Self {
        let literals = literals(value);
        match literals.len() {
            1 => self.push("?"),
            count => {
                let placeholders = vec!["?"; count].join(", ");
                self.push("concat(").push(&placeholders).push(")")
            }
        };
        self.parameters.extend(literals);
        self
    }

    /// A point in time as a literal: it is made of integers.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.push(&time_literal(time))
    }

    /// The statement; an error if it is longer than Athena takes.
    pub(crate) fn finish(self) -> Result<Statement, QueryError> {
        if self.text.len() > MAX_STATEMENT_BYTES {
            return Err(QueryError::new(
                QueryErrorKind::Invalid,
                format!(
                    "the query has too many conditions: its SQL takes more than {MAX_STATEMENT_BYTES} bytes, ask for fewer values"
                ),
            ));
        }
        Ok(Statement { text: self.text, parameters: self.parameters })
    }
}

/// `TIMESTAMP 'YYYY-MM-DD HH:MM:SS.mmm'`.
pub(crate) fn time_literal(time: Timestamp) -> String {
    let civil = time.civil();
    format!(
        "TIMESTAMP '{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}'",
        civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second, civil.millisecond
    )
}

/// A text of ours as one SQL string literal: quoted, embedded quotes doubled.
pub(crate) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value as one or more SQL string literals whose contents follow each other.
fn literals(value: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut literal = String::from("'");
    let mut units = 2;
    for character in value.chars() {
        let needed = if character == '\'' { 2 } else { character.len_utf16() };
        if units + needed > MAX_PARAMETER_UNITS {
            literal.push('\'');
            literals.push(std::mem::replace(&mut literal, String::from("'")));
            units = 2;
        }
        literal.push(character);
        if character == '\'' {
            literal.push('\'');
        }
        units += needed;
    }
    literal.push('\'');
    literals.push(literal);
    literals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a SQL parser makes of a string literal: ISO 9075, quotes doubled, nothing else escaped.
    fn parse_literal(literal: &str) -> Option<String> {
        let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
        let mut text = String::new();
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            if character == '\'' && characters.next() != Some('\'') {
                return None;
            }
            text.push(character);
        }
        Some(text)
    }

    #[test]
    fn a_value_is_quoted_and_its_quotes_are_doubled() {
        assert_eq!(literals("O'Hara"), ["'O''Hara'"]);
        assert_eq!(literals(""), ["''"]);
        assert_eq!(literals("' OR 1=1 --"), ["''' OR 1=1 --'"]);
    }

    #[test]
    fn a_long_value_is_split_and_put_together_by_concat() {
        let mut writer = Writer::default();
        writer.value(&"x".repeat(2_000));
        let statement = writer.finish().unwrap();
        assert_eq!(statement.text, "concat(?, ?, ?)");
        assert_eq!(statement.parameters.iter().map(String::len).collect::<Vec<_>>(), [1_000, 1_000, 6]);
    }

    #[test]
    fn a_statement_longer_than_athena_takes_is_refused() {
        let mut writer = Writer::default();
        writer.push(&" ".repeat(MAX_STATEMENT_BYTES + 1));
        assert_eq!(writer.finish().unwrap_err().kind, QueryErrorKind::Invalid);
    }

    proptest! {
        #[test]
        fn literals_stand_for_the_value_and_fit(value in "(\\PC|'|\u{1F600}|\n|\u{0}){0,2500}") {
            let literals = literals(&value);
            let mut together = String::new();
            for literal in &literals {
                prop_assert!(literal.encode_utf16().count() <= MAX_PARAMETER_UNITS);
                together.push_str(&parse_literal(literal).unwrap());
            }
            prop_assert_eq!(together, value);
        }
    }
}
