//! Names of databases and tables: they come from configuration, are checked once and are then part of SQL text.

/// Why a text is no name of a database or table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must match [a-z_][a-z0-9_]{{0,127}}")]
pub struct InvalidIdentifier;

/// The name of a database or table: `[a-z_][a-z0-9_]{0,127}`, what Glue, Athena and Trino spell alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier(pub(crate) String);

impl Identifier {
    /// Parses a name. Fails unless it matches `[a-z_][a-z0-9_]{0,127}`.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let bytes = text.as_bytes();
        let Some(first) = bytes.first() else { return Err(InvalidIdentifier) };
        let first_fits = first.is_ascii_lowercase() || *first == b'_';
        let rest_fits = bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_');
        if bytes.len() > 128 || !first_fits || !rest_fits {
            return Err(InvalidIdentifier);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Identifier {
    type Err = InvalidIdentifier;
    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::parse(text)
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_quotes_are_refused() {
        for bad in ["", "1a", "A", "a b", "a\"", "a.b", "a-b", "é", &"a".repeat(129)] {
            assert_eq!(Identifier::parse(bad), Err(InvalidIdentifier), "{bad:?}");
        }
        for good in ["a", "_a", "audit_lake_1", &"a".repeat(128)] {
            assert!(Identifier::parse(good).is_ok(), "{good:?}");
        }
    }
}
