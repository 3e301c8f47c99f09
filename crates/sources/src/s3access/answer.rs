//! The fields between the request's first line and the referer: how S3 answered.

use super::head::stated;

/// Longest field of an answer, in bytes; the longest error code that S3 documents has half of it.
const MAX_FIELD_BYTES: usize = 96;
/// Most digits of a number: what 64 bits hold. Objects are smaller than 10^15 bytes.
const MAX_DIGITS: usize = 18;

/// How S3 answered; `None` where the line has `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Answer<'l> {
    pub http_status: Option<i32>,
    pub error_code: Option<&'l str>,
    /// Of the body. S3 writes `-` for zero too.
    pub bytes_sent: Option<i64>,
    /// Of the object, in bytes.
    pub object_size: Option<i64>,
    /// From the request's arrival to the answer's last byte, in milliseconds.
    pub total_time_ms: Option<i64>,
    /// From the request's last byte to the answer's first, in milliseconds.
    pub turnaround_ms: Option<i64>,
}

/// Reads ` <status> <error code> <n> <n> <n> <n> ` at the beginning of `text`, with exactly one space each; and the length
/// of it. Looks at no more than a few hundred bytes.
pub(super) fn parse(text: &str) -> Option<(Answer<'_>, usize)> {
    let mut rest = text.strip_prefix(' ')?;
    let mut field = || {
        let end = rest.bytes().take(MAX_FIELD_BYTES + 1).position(|byte| byte == b' ')?;
        let (field, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..)?;
        Some(field)
    };
    let status = field().filter(|status| is_status(status))?;
    let error_code = field().filter(|code| is_error_code(code))?;
    let mut number = || field().filter(|number| is_number(number)).map(stated_number);
    let answer = Answer {
        http_status: stated(status).and_then(|status| status.parse().ok()),
        error_code: stated(error_code),
        bytes_sent: number()?,
        object_size: number()?,
        total_time_ms: number()?,
        turnaround_ms: number()?,
    };
    Some((answer, text.len() - rest.len()))
}

fn is_status(text: &str) -> bool {
    text == "-" || (text.len() == 3 && matches!(text.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']))
}

fn is_error_code(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_word = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    text == "-" || is_word
}

fn is_number(text: &str) -> bool {
    text == "-" || (!text.is_empty() && text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn stated_number(text: &str) -> Option<i64> {
    stated(text)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_fields_are_read_and_their_length_known() {
        let text = " 404 NoSuchKey 272 - 9 - \"-\"";
        let (answer, length) = parse(text).unwrap();
        let expected = Answer {
            http_status: Some(404),
            error_code: Some("NoSuchKey"),
            bytes_sent: Some(272),
            total_time_ms: Some(9),
            ..Answer::default()
        };
        assert_eq!((answer, text.get(length..)), (expected, Some("\"-\"")));
        let (answer, _) = parse(" - - - 351400 - - ").unwrap();
        assert_eq!(answer, Answer { object_size: Some(351_400), ..Answer::default() });
    }

    #[test]
    fn other_texts_are_no_answer() {
        for text in [
            "200 - 1 1 1 1 ",
            " 200 - 1 1 1 1",
            " 200 - 1 1 1 ",
            " 200  - 1 1 1 1 ",
            " 20 - 1 1 1 1 ",
            " 999 - 1 1 1 1 ",
            " 200 4xx 1 1 1 1 ",
            " 200 - 1 -1 1 1 ",
            " 200 - 1 1 1 1234567890123456789 ",
            " 200 é 1 1 1 1 ",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!(" 200 {} 1 1 1 1 ", "A".repeat(MAX_FIELD_BYTES + 1))), None);
    }
}
