//! Names that become parts of object keys: they are parsed once and trusted from then on.

use crate::limits::MAX_NAME_CHARS;

/// Why a text is no valid region or organization name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must match [a-z0-9][a-z0-9_-]{{0,62}}")]
pub struct InvalidName;

fn is_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return false };
    bytes.len() <= MAX_NAME_CHARS
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses a name. Fails unless it matches `[a-z0-9][a-z0-9_-]{0,62}`.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                Self::validate(text)?;
                Ok(Self(text.to_owned()))
            }

            /// Checks a name without keeping it.
            pub fn validate(text: &str) -> Result<(), InvalidName> {
                if is_valid(text) { Ok(()) } else { Err(InvalidName) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The tenant an event belongs to. In a path it is `organization=org-<name>`, in a column the bare name.
    Organization
);
name_type!(
    /// The installation region an event belongs to.
    Region
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_path_are_refused() {
        for bad in ["", "-a", "_a", "A", "a/b", "a b", "a.b", "..", "a=b", "é", &"a".repeat(64)] {
            assert_eq!(Organization::parse(bad), Err(InvalidName), "{bad:?}");
        }
        for good in ["a", "0", "acme-00", "a_b", &"a".repeat(63)] {
            assert!(Organization::parse(good).is_ok(), "{good:?}");
        }
    }
}
