//! One rule by which names of people are compared without regard to case, the same in both engines.
//!
//! A letter is folded to its lower case (Unicode's simple mapping, letter by letter) and, where a letter has a second small form, to the
//! usual one: `ς` to `σ`, `ſ` to `s` (the mappings of Unicode's `CaseFolding.txt`, status C and S, that are no lower-casing). So `Σ`, `σ`
//! and `ς` are one letter, `ẞ` and `ß` too. A text keeps its number of letters: `ß` is not `ss`, and accents count. SQL says the
//! same by `translate(lower(…), …)`.

use std::borrow::Cow;

/// Small letters that are a second form of another one, and that one.
pub const SECOND_FORMS: [(char, char); 24] = [
    ('\u{b5}', '\u{3bc}'),
    ('\u{17f}', 's'),
    ('\u{345}', '\u{3b9}'),
    ('\u{3c2}', '\u{3c3}'),
    ('\u{3d0}', '\u{3b2}'),
    ('\u{3d1}', '\u{3b8}'),
    ('\u{3d5}', '\u{3c6}'),
    ('\u{3d6}', '\u{3c0}'),
    ('\u{3f0}', '\u{3ba}'),
    ('\u{3f1}', '\u{3c1}'),
    ('\u{3f5}', '\u{3b5}'),
    ('\u{1c80}', '\u{432}'),
    ('\u{1c81}', '\u{434}'),
    ('\u{1c82}', '\u{43e}'),
    ('\u{1c83}', '\u{441}'),
    ('\u{1c84}', '\u{442}'),
    ('\u{1c85}', '\u{442}'),
    ('\u{1c86}', '\u{44a}'),
    ('\u{1c87}', '\u{463}'),
    ('\u{1c88}', '\u{a64b}'),
    ('\u{1e9b}', '\u{1e61}'),
    ('\u{1fbe}', '\u{3b9}'),
    ('\u{1fd3}', '\u{390}'),
    ('\u{1fe3}', '\u{3b0}'),
];

/// A letter's folded form.
pub fn fold_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    // The one letter whose lower case is two, `İ`, has `i` as its simple mapping: the first of the two.
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    let found = SECOND_FORMS.binary_search_by_key(&lower, |(form, _)| *form);
    found.map_or(lower, |index| SECOND_FORMS[index].1)
}

/// A text in its folded form.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| fold_char(letter) == letter) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// Whether two texts are the same without regard to case.
pub fn equal(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().map(fold_char).eq(right.chars().map(fold_char))
}

/// Whether a text is an e-mail address as far as comparing it goes: it names a person whatever the case of its letters.
pub fn is_address(text: &str) -> bool {
    text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_letter_are_equal_and_other_letters_are_not() {
        for (left, right) in [
            ("Bob@Acme.example", "BOB@ACME.EXAMPLE"),
            ("Zoë.Müller@acme.example", "ZOË.MÜLLER@ACME.EXAMPLE"),
            ("ΝΊΚΟΣ", "νίκος"),
            ("νίκοσ", "νίκος"),
            ("STRAẞE", "straße"),
            ("ſtraße", "Straße"),
            ("\u{212a}elvin", "kelvin"),
            ("\u{212b}ngström", "ÅNGSTRÖM"),
            ("µ", "Μ"),
            ("ǅ", "ǆ"),
            ("ᾼ", "ᾳ"),
            ("ИВАН", "иван"),
            ("Ꭰ", "ꭰ"),
            ("İ", "i"),
        ] {
            assert!(equal(left, right), "{left} {right}");
            assert_eq!(fold(left), fold(right));
        }
        for (left, right) in [("ß", "ss"), ("é", "e"), ("ı", "i"), ("a", "b"), ("ﬁ", "fi"), ("a", "aa"), ("é", "e\u{301}")]
        {
            assert!(!equal(left, right), "{left} {right}");
            assert_ne!(fold(left), fold(right));
        }
    }

    #[test]
    fn second_forms_are_in_order_and_folding_twice_changes_nothing() {
        assert!(SECOND_FORMS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for letter in '\0'..=char::MAX {
            let folded = fold_char(letter);
            assert_eq!(fold_char(folded), folded, "{letter:?}");
            assert!(letter.is_ascii() || !folded.is_ascii() || "\u{17f}\u{212a}\u{130}".contains(letter), "{letter:?}");
        }
    }
}
