//! Members that are no columns but look like one: `outcom`, `eventTime`. An event must not lose its outcome to a typing error.

use crate::columns::Column;

/// The shortest word of which a misspelling is taken for one: `id` and `ip` differ by as much as a typing error.
const LEAST_WORD_CHARS: usize = 4;
/// No name of a column is longer by more than a misspelling adds.
const MOST_NAME_CHARS: usize = 32;

/// The column that a name was most likely meant to be, although it is none: the same words in another spelling (`eventTime`,
/// `actor-email`), or with one letter of a word missing, added, changed, or put before its neighbour (`outcom`, `actor_emial`).
///
/// Another word is another name: `event_type` and `actor_ip` are no misspellings. Columns that the lake sets are not looked for.
fn meant_column(name: &str) -> Option<Column> {
    if name.len() > MOST_NAME_CHARS || !name.is_ascii() {
        return None;
    }
    let is_set_by_lake =
        |column: &Column| matches!(column, Column::Source | Column::ReceivedTime | Column::SealTime | Column::Raw);
    let columns = || Column::ALL.iter().copied().filter(|column| !is_set_by_lake(column));
    let same_letters = columns().find(|column| letters(column.name()).eq(letters(name)));
    same_letters.or_else(|| {
        let words = words(name);
        columns().find(|column| is_misspelt(&words, column.name()))
    })
}

fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

/// What was found out about names: most events of a batch have the same members.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    known: Vec<(String, Option<Column>)>,
}

impl Meanings {
    /// No more are kept: a batch may state a new name in every event.
    const MOST: usize = 64;

    /// See [`meant_column`].
    pub fn of(&mut self, name: &str) -> Option<Column> {
        if let Some((_, column)) = self.known.iter().find(|(known, _)| known == name) {
            return *column;
        }
        let column = meant_column(name);
        if self.known.len() < Self::MOST {
            self.known.push((name.to_owned(), column));
        }
        column
    }
}

/// The words of a name, in lower case: what separators or capitals divide.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_after_small = false;
    for letter in name.chars() {
        let is_separator = !letter.is_ascii_alphanumeric();
        if (is_separator || (is_after_small && letter.is_ascii_uppercase()))
            && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        if let (false, Some(word)) = (is_separator, words.last_mut()) {
            word.push(letter.to_ascii_lowercase());
        }
        is_after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_misspelt(words: &[String], column: &str) -> bool {
    let expected = column.split('_');
    let is_same =
        |(word, expected): (&String, &str)| word == expected || is_misspelling(word.as_bytes(), expected.as_bytes());
    words.len() == expected.clone().count() && words.iter().zip(expected).all(is_same)
}

/// Whether a word differs by one letter that is missing, too much or another one, or by two neighbours in the wrong order.
fn is_misspelling(word: &[u8], expected: &[u8]) -> bool {
    if expected.len() < LEAST_WORD_CHARS {
        return false;
    }
    let same = word.iter().zip(expected).take_while(|(letter, other)| letter == other).count();
    let (word, expected) = (&word[same..], &expected[same..]);
    match (word, expected) {
        ([first, second, rest @ ..], [other_first, other_second, other_rest @ ..])
            if first == other_second && second == other_first && rest == other_rest =>
        {
            true
        }
        ([], [_]) | ([_], []) => true,
        ([_, rest @ ..], [_, other_rest @ ..]) => rest == other_rest || rest == expected || word == other_rest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_or_one_slip_is_taken_for_the_column() {
        for (name, column) in [
            ("outcom", "outcome"),
            ("outcomes", "outcome"),
            ("Outcome", "outcome"),
            ("otucome", "outcome"),
            ("actor_emial", "actor_email"),
            ("actor_mail", "actor_email"),
            ("acotr_emial", "actor_email"),
            ("eventTime", "event_time"),
            ("EventTime", "event_time"),
            ("event-time", "event_time"),
            ("eventtime", "event_time"),
            ("evntTime", "event_time"),
            ("event_tiem", "event_time"),
            ("actorEmail", "actor_email"),
            ("actorID", "actor_id"),
            ("sourceIp", "source_ip"),
            ("source_IP", "source_ip"),
            ("soruce_ip", "source_ip"),
            ("resouce_id", "resource_id"),
            ("resourceTyp", "resource_type"),
            ("organisation", "organization"),
            ("userAgent", "user_agent"),
            ("http_staus", "http_status"),
            ("HTTPStatus", "http_status"),
            ("chagnes", "changes"),
            ("metdata", "metadata"),
            ("catagory", "category"),
            ("acton", "action"),
            ("Event ID", "event_id"),
        ] {
            assert_eq!(meant_column(name).map(Column::name), Some(column), "{name}");
        }
    }

    #[test]
    fn other_words_are_other_names() {
        for name in [
            "event_type",
            "event_name",
            "event_date",
            "actor_ip",
            "actor_role",
            "source_id",
            "resource",
            "resource_tags",
            "actor",
            "actor_ids",
            "reason",
            "version",
            "session",
            "session_id",
            "request_ip",
            "requestor_id",
            "user",
            "user_id",
            "ticket",
            "message",
            "timestamp",
            "severity",
            "outcome_reason",
            "http_version",
            "host",
            "path",
            "method",
            "status",
            "id",
            "ip",
            "email",
            "name",
            "type",
            "scope",
            "service",
            "error",
            "received",
            "seal",
            "raws",
            "occurred_at",
            "targets",
            "crud",
            "sources",
            "",
            "_",
            "täter",
            "actor_name_of_the_person_who_did_it_long",
        ] {
            assert_eq!(meant_column(name), None, "{name}");
        }
    }
}
