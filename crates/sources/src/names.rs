//! Names that members of a record may have.

/// Names, to be looked for in any ASCII case. Every member's name is, so one that is none of them must fail at once.
#[derive(Debug)]
pub(crate) struct Names {
    names: &'static [&'static str],
    /// Which lengths they have, by the first letter: one bit each.
    lengths: [u64; 256],
}

impl Names {
    /// These names, whose first letters are in lower case, each shorter than 64 bytes and not empty.
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        let mut lengths = [0; 256];
        let mut index = 0;
        while index < names.len() {
            let name = names[index].as_bytes();
            lengths[name[0] as usize] |= 1 << name.len();
            index += 1;
        }
        Self { names, lengths }
    }

    /// The names as they are listed.
    #[cfg(test)]
    pub(crate) fn as_slice(&self) -> &'static [&'static str] {
        self.names
    }

    /// The listed name that is this one, whatever its ASCII case.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<&'static str> {
        let first = name.bytes().next()?.to_ascii_lowercase();
        let may_be = name.len() < 64 && self.lengths[usize::from(first)] >> name.len() & 1 == 1;
        if !may_be {
            return None;
        }
        self.names.iter().find(|listed| listed.len() == name.len() && listed.eq_ignore_ascii_case(name)).copied()
    }

    /// Whether this is one of the names, whatever its ASCII case.
    #[inline]
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NAMES: Names = Names::new(&["accessToken", "token", "x-a", "éa"]);

    #[test]
    fn names_are_found_in_any_case_and_only_whole() {
        for (name, expected) in [
            ("token", Some("token")),
            ("TOKEN", Some("token")),
            ("accesstoken", Some("accessToken")),
            ("X-A", Some("x-a")),
            ("éA", Some("éa")),
            ("tokens", None),
            ("taken", None),
            ("", None),
        ] {
            assert_eq!(NAMES.find(name), expected, "{name}");
        }
        assert!(!NAMES.contains(&"t".repeat(5 + 64)), "a shift by more than 63 bits");
    }
}
