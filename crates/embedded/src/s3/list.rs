//! Lists in byte order of keys, without walking more of the tree than the answer needs.
//!
//! In each folder, entries are sorted by their name, a folder's with the slash that follows it in keys: so the order of the walk
//! is the order of keys. A folder is opened only if keys below it can begin with the prefix and lie after the start. Of a large folder
//! only as many names are kept and sorted as the page can take: a page costs one pass over its names, whatever their number.

use std::collections::BinaryHeap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::files::Stamp;
use super::key::check_part;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Only keys after this one.
    pub after: Option<String>,
    /// No keys that begin with this: a common prefix that an earlier page ended with.
    pub skip: Option<String>,
    /// Keys that share what lies between the prefix and this text's first occurrence after it are one entry.
    pub delimiter: Option<String>,
    /// Most entries.
    pub limit: usize,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// An object.
    Object(String, Stamp),
    /// What several keys begin with.
    CommonPrefix(String),
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// In ascending order.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub is_truncated: bool,
}

/// Lists what lies below `root`. Symbolic links, names that are no part of a key, and empty folders are not shown.
pub(super) fn list(root: &Path, listing: &Listing) -> io::Result<Page> {
    let mut walk = Walk { listing, page: Page::default() };
    if listing.limit == 0 {
        return Ok(walk.page);
    }
    // The folder that holds every key with the prefix; where there is none, nor is there any key.
    let folder = listing.prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !folder.is_empty() && folder.split('/').any(|part| check_part(part).is_err()) {
        return Ok(walk.page);
    }
    let (path, key) =
        if folder.is_empty() { (root.to_owned(), String::new()) } else { (root.join(folder), format!("{folder}/")) };
    // All is said by the page, however the walk ended.
    let (ControlFlow::Continue(()) | ControlFlow::Break(())) = walk.folder(&path, &key)?;
    Ok(walk.page)
}

struct Walk<'a> {
    listing: &'a Listing,
    page: Page,
}

impl Walk<'_> {
    /// Walks a folder whose keys begin with `folder_key`, which is empty or ends in `/`.
    fn folder(&mut self, path: &Path, folder_key: &str) -> io::Result<ControlFlow<()>> {
        let mut after: Option<String> = None;
        loop {
            // One more than fits tells that there are more. A name is a folder without objects, or part of a common prefix, at times.
            let most = (self.listing.limit - self.page.entries.len()).saturating_add(1);
            let names = self.names(path, folder_key, after.as_deref(), most)?;
            for name in &names {
                let key = format!("{folder_key}{name}");
                let flow = if key.ends_with('/') {
                    // What was found in it meanwhile may have become a common prefix.
                    if self.is_past(&key) {
                        ControlFlow::Continue(())
                    } else {
                        self.folder(&path.join(name.trim_end_matches('/')), &key)?
                    }
                } else {
                    self.object(key, &path.join(name))?
                };
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            if names.len() < most {
                return Ok(ControlFlow::Continue(()));
            }
            after = names.into_iter().next_back();
        }
    }

    /// The first `most` names of a folder after `after` that can matter, in key order; a folder's ends in a slash.
    fn names(&self, path: &Path, folder_key: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut first: BinaryHeap<String> = BinaryHeap::new();
        for entry in entries {
            let entry = entry?;
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                name.push('/');
            } else if !kind.is_file() {
                continue;
            }
            let is_beyond = first.len() >= most && first.peek().is_some_and(|last| name >= *last);
            if is_beyond || after.is_some_and(|after| name.as_str() <= after) {
                continue;
            }
            if check_part(name.trim_end_matches('/')).is_err() || !self.can_matter(folder_key, &name) {
                continue;
            }
            first.push(name);
            if first.len() > most {
                first.pop();
            }
        }
        Ok(first.into_sorted_vec())
    }

    fn can_matter(&self, folder_key: &str, name: &str) -> bool {
        let Listing { prefix, after, skip, .. } = self.listing;
        let is_folder = name.ends_with('/');
        let key_is = |text: &str, compare: fn(&[u8], &[u8]) -> bool| compare_joined(folder_key, name, text, compare);
        let key_begins_with = |text: &str| key_is(text, <[u8]>::starts_with);
        let begins_with_key = |text: &str| key_is(text, |key, text| text.starts_with(key));
        let can_have_prefix = key_begins_with(prefix) || (is_folder && begins_with_key(prefix));
        if !can_have_prefix {
            return false;
        }
        if skip.as_deref().is_some_and(key_begins_with) {
            return false;
        }
        let Some(after) = after else { return true };
        key_is(after, |key, after| key > after) || (is_folder && begins_with_key(after))
    }

    /// Whether everything below the folder `key` is part of the last common prefix.
    fn is_past(&self, key: &str) -> bool {
        matches!(self.page.entries.last(), Some(Entry::CommonPrefix(common)) if key.starts_with(common.as_str()))
    }

    fn object(&mut self, key: String, path: &Path) -> io::Result<ControlFlow<()>> {
        if self.is_past(&key) {
            return Ok(ControlFlow::Continue(()));
        }
        let entry = match self.common_prefix(&key) {
            Some(common) => Entry::CommonPrefix(common),
            None => match path.symlink_metadata() {
                Ok(metadata) => Entry::Object(key, Stamp::of(&metadata)?),
                // Deleted since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error),
            },
        };
        if self.page.entries.len() == self.listing.limit {
            self.page.is_truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        self.page.entries.push(entry);
        Ok(ControlFlow::Continue(()))
    }

    fn common_prefix(&self, key: &str) -> Option<String> {
        let delimiter = self.listing.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
        let start = self.listing.prefix.len();
        let at = key.get(start..)?.find(delimiter)?;
        Some(key[..start + at + delimiter.len()].to_owned())
    }
}

/// Compares `folder_key` + `name` with `text`.
fn compare_joined(folder_key: &str, name: &str, text: &str, compare: fn(&[u8], &[u8]) -> bool) -> bool {
    match text.as_bytes().strip_prefix(folder_key.as_bytes()) {
        // All three comparisons are of what follows a common beginning.
        Some(rest) => compare(name.as_bytes(), rest),
        None => {
            let key = [folder_key.as_bytes(), name.as_bytes()].concat();
            compare(&key, text.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What S3's documentation says of lists, over a plain sorted set.
    fn model(keys: &BTreeSet<String>, listing: &Listing) -> (Vec<String>, bool) {
        let mut found: Vec<String> = Vec::new();
        for key in keys.iter().filter(|key| key.starts_with(&listing.prefix)) {
            if listing.after.as_ref().is_some_and(|after| key <= after) {
                continue;
            }
            if listing.skip.as_ref().is_some_and(|skip| key.starts_with(skip)) {
                continue;
            }
            let rest = &key[listing.prefix.len()..];
            let entry = match listing.delimiter.as_ref().and_then(|delimiter| Some((rest.find(delimiter)?, delimiter.len())))
            {
                Some((at, length)) => format!("{}{}", listing.prefix, &rest[..at + length]),
                None => key.clone(),
            };
            if found.last() != Some(&entry) {
                found.push(entry);
            }
        }
        let is_truncated = found.len() > listing.limit;
        found.truncate(listing.limit);
        (found, is_truncated)
    }

    fn names(page: &Page) -> Vec<String> {
        let name = |entry: &Entry| match entry {
            Entry::Object(key, _) | Entry::CommonPrefix(key) => key.clone(),
        };
        page.entries.iter().map(name).collect()
    }

    fn key_text() -> impl Strategy<Value = String> {
        // Characters on both sides of the slash in byte order, so that the order of folders and files is put to the test.
        proptest::collection::vec("[-.0ab]{1,3}", 1..4).prop_map(|parts| parts.join("/"))
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![key_text(), "[-.0ab/]{0,4}".prop_map(|text| text), Just(String::new())]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
        #[test]
        fn a_list_of_files_is_the_list_of_a_sorted_set(
            keys in proptest::collection::btree_set(key_text(), 0..30),
            listings in proptest::collection::vec(
                (text(), proptest::option::of(text()), proptest::option::of(text()),
                 proptest::option::of(prop_oneof![Just("/"), Just("a"), Just("./")]), 1_usize..12),
                1..20,
            ),
        ) {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join(".auditlake/temp")).unwrap();
            std::fs::write(dir.path().join(".auditlake/temp/x"), b"").unwrap();
            std::fs::create_dir_all(dir.path().join("b-empty/b/c")).unwrap();
            let mut stored = BTreeSet::new();
            for key in keys {
                let path = dir.path().join(&key);
                if key.split('/').any(|part| check_part(part).is_err()) || path.is_dir() {
                    continue;
                }
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && std::fs::write(&path, b"x").is_ok() {
                    stored.insert(key);
                }
            }
            for (prefix, after, skip, delimiter, limit) in listings {
                let skip = skip.filter(|skip| !skip.is_empty());
                let listing = Listing { prefix, after, skip, delimiter: delimiter.map(str::to_owned), limit };
                let page = list(dir.path(), &listing).unwrap();
                let (expected, is_truncated) = model(&stored, &listing);
                prop_assert_eq!(names(&page), expected, "{:?}", listing);
                prop_assert_eq!(page.is_truncated, is_truncated, "{:?}", listing);
            }
        }
    }

    #[test]
    fn pages_of_a_large_folder_are_its_names_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let name = |number: usize| format!("{:05}", (number * 7_919) % 5_003);
        (0..5_003).for_each(|number| std::fs::write(dir.path().join(name(number)), b"x").unwrap());
        // Folders without objects, of which more than a page lie in a row.
        (0..300).for_each(|number| std::fs::create_dir(dir.path().join(format!("02500-{number}"))).unwrap());
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = list(dir.path(), &Listing { after, limit: 100, ..Listing::default() }).unwrap();
            seen.extend(names(&page));
            after = seen.last().cloned();
            if !page.is_truncated {
                break;
            }
            assert_eq!(page.entries.len(), 100);
        }
        assert_eq!(seen, (0..5_003).map(|number| format!("{number:05}")).collect::<Vec<_>>());
    }

    #[test]
    fn symbolic_links_and_names_that_are_no_keys_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), b"x").unwrap();
        std::fs::write(dir.path().join("b\\c"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        let page = list(dir.path(), &Listing { limit: 9, ..Listing::default() }).unwrap();
        assert_eq!(names(&page), ["a"]);
    }
}
