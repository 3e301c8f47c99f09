//! What is said about a member in members before it: long names (GNU) and extended headers (POSIX `pax`).

/// What was said about the member to come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    /// Its whole name.
    pub name: Option<Vec<u8>>,
    /// Its size, where that does not fit into the header.
    pub size: Option<u64>,
    /// Whether its content is a map of holes and what lies between them.
    pub is_sparse: bool,
    /// Why what was said cannot be relied on.
    pub broken: Option<&'static str>,
}

impl Extended {
    /// Takes in the records of an extended header: `<length> <keyword>=<value>\n`, the length that of the record, in bytes.
    pub(super) fn add(&mut self, mut records: &[u8]) {
        while !records.is_empty() {
            let Some((keyword, value, rest)) = record(records) else {
                self.broken = Some("the extended header of the member is broken");
                return;
            };
            match keyword {
                b"path" if !self.is_sparse => self.name = Some(value.to_vec()),
                b"GNU.sparse.name" => self.name = Some(value.to_vec()),
                b"size" => {
                    match std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()?.try_into().ok()) {
                        Some(size) => self.size = Some(size),
                        None => self.broken = Some("the extended header of the member is broken"),
                    }
                }
                _ => {}
            }
            self.is_sparse |= keyword.starts_with(b"GNU.sparse.");
            records = rest;
        }
    }
}

/// The first record, and what follows it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(records.get(..blank)?).ok()?.parse().ok()?;
    let whole = records.get(..length)?.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = whole.iter().position(|byte| *byte == b'=')?;
    Some((whole.get(..equals)?, whole.get(equals + 1..)?, records.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records with their lengths in front.
    fn records(pairs: &[&str]) -> Vec<u8> {
        let mut all = Vec::new();
        for pair in pairs {
            let digits = (1..4).find(|digits| (pair.len() + 2 + digits).to_string().len() == *digits).unwrap();
            all.extend_from_slice(format!("{} {pair}\n", pair.len() + 2 + digits).as_bytes());
        }
        all
    }

    #[test]
    fn the_records_that_matter_are_taken() {
        let mut extended = Extended::default();
        extended.add(&records(&["path=a/b", "comment=x=y\nz", "size=10000000000", "mtime=1.5"]));
        let expected = Extended { name: Some(b"a/b".to_vec()), size: Some(10_000_000_000), ..Extended::default() };
        assert_eq!(extended, expected);
        extended.add(&records(&["GNU.sparse.major=1", "GNU.sparse.name=c", "path=GNUSparseFile.1/c"]));
        assert_eq!((extended.name.as_deref(), extended.is_sparse), (Some(&b"c"[..]), true));
    }

    #[test]
    fn broken_records_never_panic() {
        for records in
            [&b"0 "[..], b"1 x", b"99999999999999999999 a=b\n", b"5 a=b", b"3 =\n", b" a=b\n", b"6 size=\n", b"-3 a=b\n"]
        {
            let mut extended = Extended::default();
            extended.add(records);
            assert!(extended.broken.is_some(), "{records:?}");
        }
    }
}
