//! Where the request's first line, the referer and the user agent begin and end: the three fields that a client writes
//! freely, between quotes that nothing escapes.
//!
//! # All splits, in linear time
//!
//! A split is *consistent* if every field between and behind the three has its form: status, error code and four numbers
//! between the first line and the referer ([`answer`]), the fields from the version id on behind the user agent ([`tail`]).
//! Each of the three fields is either `-` or something between quotes; the user agent is `-` only where the referer is, else
//! a field of the tail that is `-` could be taken for it. A line that S3 wrote has at least one consistent split, the true
//! one, and more only if a client wrote texts into its request that look like fields of the log.
//!
//! The splits are counted without going through them: quotes are visited once, from right to left, and for each one it is
//! noted how many ways there are to go on behind it. So a line of nothing but quotes costs no more than any other of its
//! length, although its splits may be cubic in number. Counting saturates.
//!
//! # Which one counts
//!
//! 1. The first line is `-` or ends with an HTTP version, if there is a split in which it does.
//! 2. The first line is as short as can be, then the referer is. Headers may hold whatever a client likes; a request's target
//!    can hardly hold the spaces that a forged answer needs.
//! 3. The tail says how the request was authenticated, if there is a split in which it does (lines of 18 fields do not).
//! 4. The user agent is as long as can be: what AWS writes stands behind the last quote.
//!
//! Forged headers are never believed so. Forged fields in the request's target are, if S3 takes a target with spaces at all;
//! but whoever forges makes the line ambiguous, which its event says. Bucket, time, address, requester, request id, operation
//! and key stand before all that and cannot be touched.

use super::answer::{self, Answer};
use super::tail::{self, Tail};

const WRONG_TAIL: &str = "the fields behind the user agent are not those of the format";

/// The fields from the request's first line on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split<'l> {
    /// The request's first line without its quotes, or `-`.
    pub request_line: &'l str,
    pub answer: Answer<'l>,
    /// Without its quotes, or `-`.
    pub referer: &'l str,
    /// Without its quotes, or `-`.
    pub user_agent: &'l str,
    pub tail: Tail<'l>,
    /// How many consistent splits there are; 1 if there is no doubt.
    pub count: u64,
}

/// What is known of the quotes from one on to the end of the line.
#[derive(Debug, Clone, Copy, Default)]
struct Behind {
    /// How many of them may close the user agent.
    closers: u64,
    /// In how many ways one of them may close the referer, with a user agent and a tail behind it.
    referer_ends: u64,
    /// Where the user agent begins behind the first of those.
    user_agent: Option<usize>,
}

/// A way to read the line, up to the beginning of the user agent.
#[derive(Debug, Clone, Copy)]
struct Reading<'l> {
    request_line: &'l str,
    answer: Answer<'l>,
    referer_start: usize,
    user_agent_start: usize,
}

/// Splits what follows the key; fails with what is not where the format has it.
pub(super) fn split(text: &str) -> Result<Split<'_>, &'static str> {
    let bytes = text.as_bytes();
    let is_quoted = bytes.first() == Some(&b'"');
    // While a quote is looked at, `next` tells of the quotes behind it and `second` of those but the first: two fields that
    // follow each other have two quotes between them.
    let (mut next, mut second) = (Behind::default(), Behind::default());
    let mut tails = TailStarts::default();
    let mut count = 0_u64;
    let mut has_answer = false;
    let (mut with_version, mut without_version) = (None, None);
    let mut end_request_line = |request_line_end: usize, answer_start: usize, second: &Behind| {
        let request_line = text.get(usize::from(is_quoted)..request_line_end).unwrap_or_default();
        let Some((answer, length)) = answer::parse(text.get(answer_start..).unwrap_or_default()) else { return };
        has_answer = true;
        let referer_start = answer_start + length;
        let (ways, user_agent_start) = match field_at(bytes, referer_start) {
            Some(Field::Quoted) => (second.referer_ends, second.user_agent),
            Some(Field::Missing) => (user_agent_ways(text, referer_start + 2, second), Some(referer_start + 2)),
            None => return,
        };
        if let (1.., Some(user_agent_start)) = (ways, user_agent_start) {
            count = count.saturating_add(ways);
            let reading = Reading { request_line, answer, referer_start, user_agent_start };
            // Later ones lie further left.
            *(if ends_as_request_line(request_line) { &mut with_version } else { &mut without_version }) = Some(reading);
        }
    };
    for quote in memchr::memrchr_iter(b'"', bytes) {
        if is_quoted && quote > 0 {
            end_request_line(quote, quote + 1, &second);
        }
        let mut here = next;
        if bytes.get(quote + 1) == Some(&b' ') {
            if bytes.get(quote + 2) == Some(&b'"') && second.closers > 0 {
                here.referer_ends = here.referer_ends.saturating_add(second.closers);
                here.user_agent = Some(quote + 2);
            }
            if let Some(tail) = tail_at(text, quote + 2) {
                here.closers += 1;
                let last = if tail.has_authentication { &mut tails.last } else { &mut tails.last_short };
                last.get_or_insert(quote + 2);
            }
        }
        (next, second) = (here, next);
    }
    if !is_quoted && bytes.first() == Some(&b'-') {
        end_request_line(1, 1, &second);
    }
    let Some(reading) = with_version.or(without_version) else {
        return Err(if !has_answer {
            "status, error code and four numbers do not follow the request's first line"
        } else if tails.last.or(tails.last_short).is_some() {
            "referer and user agent do not follow the answer's numbers"
        } else {
            WRONG_TAIL
        });
    };
    finish(text, reading, &tails, count).ok_or(WRONG_TAIL)
}

fn finish<'l>(text: &'l str, reading: Reading<'l>, tails: &TailStarts, count: u64) -> Option<Split<'l>> {
    let Reading { request_line, answer, referer_start, user_agent_start } = reading;
    let tail_start = match field_at(text.as_bytes(), user_agent_start)? {
        // Two quotes and a space at least lie between.
        Field::Quoted => tails.last.filter(|start| *start >= user_agent_start + 3).or(tails.last_short)?,
        Field::Missing => user_agent_start + 2,
    };
    let referer = text.get(referer_start..user_agent_start)?.trim_end();
    let user_agent = text.get(user_agent_start..tail_start)?.trim_end();
    let unquoted = |field: &'l str| field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field);
    Some(Split {
        request_line,
        answer,
        referer: unquoted(referer),
        user_agent: unquoted(user_agent),
        tail: tail::parse(text.get(tail_start..)?)?,
        count,
    })
}

/// Where the tails behind the last quotes begin that may close the user agent.
#[derive(Debug, Clone, Copy, Default)]
struct TailStarts {
    /// The last tail that says how the request was authenticated.
    last: Option<usize>,
    /// The last tail of a line of 18 fields.
    last_short: Option<usize>,
}

/// How a field of a client's begins.
enum Field {
    Quoted,
    /// `-` and a space.
    Missing,
}

fn field_at(bytes: &[u8], start: usize) -> Option<Field> {
    match bytes.get(start..)? {
        [b'"', ..] => Some(Field::Quoted),
        [b'-', b' ', ..] => Some(Field::Missing),
        _ => None,
    }
}

/// In how many ways a user agent may go on from `start`, behind a missing referer; `second` is told of the quotes but the next.
fn user_agent_ways(text: &str, start: usize, second: &Behind) -> u64 {
    match field_at(text.as_bytes(), start) {
        Some(Field::Quoted) => second.closers,
        Some(Field::Missing) => u64::from(tail_at(text, start + 2).is_some()),
        None => 0,
    }
}

fn tail_at(text: &str, start: usize) -> Option<Tail<'_>> {
    text.get(start..).and_then(tail::parse)
}

/// Whether a text is `-` or ends with ` HTTP/<digit>.<digit>`.
fn ends_as_request_line(text: &str) -> bool {
    let is_version = |end: &[u8]| matches!(end, [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']);
    text == "-" || text.as_bytes().last_chunk::<9>().is_some_and(|end| is_version(end))
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
