//! What a text says nothing by: the words that systems write where they have no value.
//!
//! A column that is null means "not known". A program that had nothing to write often writes something all the same: the
//! `-` of line formats, the printed null of its language (`null`, `None`, `<nil>`, `undefined`), or `unknown`. Taken for
//! values, they make a person called `null` whose acts are those of many, and addresses that no filter expects. So they are
//! absence, in every source alike; and absence is no statement: a record without a user does not say that nobody signed in, so
//! no actor is `anonymous` because of it.
//!
//! The rule is for what a system fills in: actors, addresses, ids, error codes, user agents. It is not for names that people
//! choose freely (an object's key, a branch, a file) nor for ids in which such a word has a meaning: S3 calls the version of an
//! object in a bucket without versioning `null`.

/// The words, in lower case; counted without white space and one pair of `<>`, `()`, `[]` around them.
const ABSENT: [&str; 16] = [
    "",
    "-",
    "--",
    "n/a",
    "nan",
    "nil",
    "none",
    "not available",
    "not set",
    "null",
    "undefined",
    "unknown",
    "unset",
    "unspecified",
    // How Hive and MySQL write null into text files.
    "\\n",
    "\"\"",
];

/// A text that states something, without the white space around it; `None` where it is empty or one of the words that
/// stand for nothing, in any case.
pub fn stated(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_absent = |word: &str| ABSENT.iter().any(|absent| absent.eq_ignore_ascii_case(word));
    let in_brackets = [('<', '>'), ('(', ')'), ('[', ']')]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
        .map(str::trim);
    (!is_absent(text) && !in_brackets.is_some_and(is_absent)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_nothing_states_nothing() {
        for text in [
            "",
            " ",
            "\t\n",
            "-",
            " - ",
            "--",
            "null",
            "NULL",
            "Null",
            "(null)",
            "<null>",
            "[null]",
            "none",
            "None",
            "<none>",
            "nil",
            "<nil>",
            "(nil)",
            "undefined",
            "unknown",
            "Unknown",
            "UNKNOWN",
            "<unknown>",
            "n/a",
            "N/A",
            "NaN",
            "\\N",
            "not available",
            "()",
            "[]",
            "< >",
            "(unknown)",
            "\"\"",
            "unset",
            "(not set)",
        ] {
            assert_eq!(stated(text), None, "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_stated_and_trimmed() {
        for (text, expected) in [
            (" ada ", "ada"),
            ("0", "0"),
            ("false", "false"),
            ("na", "na"),
            ("noname", "noname"),
            ("nullable", "nullable"),
            ("unknown-service", "unknown-service"),
            ("Unknown user", "Unknown user"),
            ("anonymous", "anonymous"),
            ("<root>", "<root>"),
            ("(null", "(null"),
            ("<(null)>", "<(null)>"),
            ("é", "é"),
            ("<", "<"),
        ] {
            assert_eq!(stated(text), Some(expected), "{text:?}");
        }
    }
}
