//! The known word that was meant by one that is not known.

/// Edits from one word to another: a letter put in, taken out or replaced, or two neighbours exchanged.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut least = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            let are_exchanged =
                row > 0 && column > 0 && left[row - 1] == *other && right[column - 1] == *letter && letter != other;
            if are_exchanged {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

/// Whether two words share their first letters, three at least and half of the longer one, or one begins with the other.
fn begins_alike(left: &str, right: &str) -> bool {
    let shared = left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count();
    let longest = left.chars().count().max(right.chars().count());
    shared >= 3 && (shared * 2 >= longest || right.starts_with(left) || left.starts_with(right))
}

/// The known word nearest to `word`: a beginning of it or one with few other letters. `None` if nothing is near.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let most = match lower.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    // What begins alike needs no more letters to be meant.
    let near = |known: &'k str| match distance(&lower, known) {
        edits if edits <= most => Some((edits, known)),
        _ if begins_alike(&lower, known) || known.split(['.', '_']).any(|part| part == lower) => Some((most, known)),
        _ => None,
    };
    let best = known.into_iter().filter_map(near).min_by_key(|(edits, _)| *edits);
    best.map(|(_, known)| known)
}

/// The end of a message: the known word that was meant, if one is near.
pub fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

/// The rule that a value must be one of a fixed set, with the one that was meant.
pub fn one_of<'k>(value: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    format!("must be one of {}{}", known.join(", "), meant(value, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_is_told_from_another_word() {
        let known = ["action", "actor", "actor_email", "outcome", "denied", "q", "source_ip"];
        for (word, expected) in [
            ("actoin", Some("action")),
            ("Action", Some("action")),
            ("acter", Some("actor")),
            ("actoremail", Some("actor_email")),
            ("outcom", Some("outcome")),
            ("deny", Some("denied")),
            ("den", Some("denied")),
            ("sourceip", Some("source_ip")),
            ("email", Some("actor_email")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
