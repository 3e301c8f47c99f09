//! The cursor: where the next page of an answer begins, as an opaque text that only we can make.
//!
//! It holds the place of the last row given out and the hash of the query it belongs to. It is made of rows alone, so the same page has
//! the same cursor whenever it is asked for. It is signed (HMAC-SHA-256) and always shorter than 2 KB. It holds no condition's
//! value, so nothing that was asked for leaks through it.

use auditlake_event::Timestamp;

use crate::question::{Order, Position};
use crate::signed::{self, Unverified};
use crate::typed::Query;

/// First byte of every cursor. Version 1 did not tell apart what happened in one millisecond.
const VERSION: u8 = 2;
/// Length of the hash.
const HASH_BYTES: usize = 32;
/// A key that also signs other things must not let one stand for the other.
const DOMAIN: &str = "auditlake cursor";
/// Longest cursor, in characters.
pub const MAX_CURSOR_CHARS: usize = 2_000;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The place of the last row that was given out.
    pub after: Position,
    /// The order of the list.
    pub order: Order,
}

/// Why a cursor cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It is no cursor.
    #[error("the cursor is malformed: pass `next_cursor` of the previous page unchanged")]
    Malformed,
    /// It was made by another version of this software.
    #[error("the cursor was made by another version of the server: ask for the first page again, without a cursor")]
    OtherVersion,
    /// It was not made by this installation, or was changed.
    #[error("the cursor's signature does not fit: pass `next_cursor` of the previous page unchanged")]
    WrongSignature,
    /// It belongs to another query.
    #[error("the cursor belongs to another query: keep every filter as it was on the first page, or leave the cursor out")]
    OtherQuery,
    /// Names so long that the cursor would not fit.
    #[error("the last row's id is too long for a cursor: narrow the time range instead")]
    TooLong,
}

impl Cursor {
    /// The signed text of this cursor for `query`, the query as it was asked (without the bound of this cursor).
    /// Fails with [`CursorError::TooLong`] if id, source and region together exceed some 1,300 bytes, which no door accepts.
    pub fn encode(&self, query: &Query, key: &[u8]) -> Result<String, CursorError> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&query.filter_hash());
        bytes.push(order_byte(self.order));
        bytes.extend_from_slice(&self.after.event_time.millis().to_be_bytes());
        bytes.extend_from_slice(&self.after.nanos.to_be_bytes());
        for text in [&self.after.event_id, &self.after.source, &self.after.region] {
            let length = u16::try_from(text.len()).map_err(|_| CursorError::TooLong)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let text = signed::sign(DOMAIN, &bytes, key);
        if text.len() > MAX_CURSOR_CHARS { Err(CursorError::TooLong) } else { Ok(text) }
    }

    /// Reads a cursor of `query` in this order. The signature is checked first, in constant time, then that it belongs to the query.
    pub fn decode(text: &str, query: &Query, order: Order, key: &[u8]) -> Result<Self, CursorError> {
        if text.len() > MAX_CURSOR_CHARS {
            return Err(CursorError::Malformed);
        }
        let unverified = Unverified::parse(text).ok_or(CursorError::Malformed)?;
        if !matches!(unverified.claimed().first(), Some(1..=VERSION)) {
            return Err(CursorError::Malformed);
        }
        let signed = unverified.verify(DOMAIN, key).ok_or(CursorError::WrongSignature)?;
        if signed.first() != Some(&VERSION) {
            return Err(CursorError::OtherVersion);
        }
        let mut rest = Reader(&signed[1..]);
        if rest.take(HASH_BYTES)? != query.filter_hash() {
            return Err(CursorError::OtherQuery);
        }
        if rest.take(1)? != [order_byte(order)] {
            return Err(CursorError::OtherQuery);
        }
        let (event_time, nanos) = (rest.time()?, rest.nanos()?);
        let after = Position { event_time, nanos, event_id: rest.text()?, source: rest.text()?, region: rest.text()? };
        if !rest.0.is_empty() {
            return Err(CursorError::Malformed);
        }
        Ok(Self { after, order })
    }
}

const fn order_byte(order: Order) -> u8 {
    match order {
        Order::NewestFirst => 0,
        Order::OldestFirst => 1,
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CursorError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CursorError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn time(&mut self) -> Result<Timestamp, CursorError> {
        let bytes: [u8; 8] = self.take(8)?.try_into().map_err(|_| CursorError::Malformed)?;
        Ok(Timestamp::from_millis(i64::from_be_bytes(bytes)))
    }

    fn nanos(&mut self) -> Result<i32, CursorError> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| CursorError::Malformed)?;
        Ok(i32::from_be_bytes(bytes))
    }

    fn text(&mut self) -> Result<String, CursorError> {
        let length: [u8; 2] = self.take(2)?.try_into().map_err(|_| CursorError::Malformed)?;
        let bytes = self.take(usize::from(u16::from_be_bytes(length)))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| CursorError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use auditlake_event::Organization;
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"a key of the test";

    fn query() -> Query {
        Query::from_parameters(Organization::parse("acme").unwrap(), [("action", "role_assign")]).unwrap()
    }

    fn cursor(event_id: &str) -> Cursor {
        let event_time = Timestamp::from_millis(1_772_366_400_123);
        let (source, region) = ("api".to_owned(), "us-east-1".to_owned());
        Cursor {
            after: Position { event_time, nanos: 456_789, event_id: event_id.to_owned(), source, region },
            order: Order::NewestFirst,
        }
    }

    #[test]
    fn another_key_another_query_and_another_text_are_told_apart() {
        let text = cursor("id").encode(&query(), KEY).unwrap();
        assert_eq!(Cursor::decode(&text, &query(), Order::NewestFirst, KEY), Ok(cursor("id")));
        // Cursors outlive a deployment, so their domain may not change.
        assert!(signed::verify("auditlake cursor", &text, KEY).is_some());
        assert_eq!(Cursor::decode(&text, &query(), Order::NewestFirst, b"other"), Err(CursorError::WrongSignature));
        assert_eq!(Cursor::decode(&text, &query(), Order::OldestFirst, KEY), Err(CursorError::OtherQuery));
        let other = Query::all(Organization::parse("acme").unwrap());
        assert_eq!(Cursor::decode(&text, &other, Order::NewestFirst, KEY), Err(CursorError::OtherQuery));
        let other_tenant = Query { organization: Organization::parse("globex").unwrap(), ..query() };
        assert_eq!(Cursor::decode(&text, &other_tenant, Order::NewestFirst, KEY), Err(CursorError::OtherQuery));
        for malformed in ["", "AQ", "not base64!", &text[1..], &"A".repeat(3_000)] {
            assert_eq!(
                Cursor::decode(malformed, &query(), Order::NewestFirst, KEY),
                Err(CursorError::Malformed),
                "{malformed}"
            );
        }
    }

    #[test]
    fn a_cursor_of_an_earlier_version_says_what_to_do() {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&query().filter_hash());
        bytes.extend_from_slice(&[0; 22]);
        let old = signed::sign(DOMAIN, &bytes, KEY);
        let error = Cursor::decode(&old, &query(), Order::NewestFirst, KEY).unwrap_err();
        assert_eq!(error, CursorError::OtherVersion);
        assert!(error.to_string().contains("ask for the first page again"), "{error}");
        assert_eq!(Cursor::decode(&old, &query(), Order::NewestFirst, b"other"), Err(CursorError::WrongSignature));
    }

    #[test]
    fn the_longest_id_of_a_client_fits_and_an_absurd_one_is_refused() {
        assert!(cursor(&"x".repeat(128)).encode(&query(), KEY).unwrap().len() < 400);
        assert!(cursor(&"x".repeat(1_300)).encode(&query(), KEY).unwrap().len() <= MAX_CURSOR_CHARS);
        assert_eq!(cursor(&"x".repeat(1_500)).encode(&query(), KEY), Err(CursorError::TooLong));
        assert_eq!(cursor(&"x".repeat(70_000)).encode(&query(), KEY), Err(CursorError::TooLong));
    }

    proptest! {
        #[test]
        fn a_cursor_with_any_character_changed_is_refused(id in ".{0,40}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let text = cursor(&id).encode(&query(), KEY).unwrap();
            prop_assert_eq!(Cursor::decode(&text, &query(), Order::NewestFirst, KEY), Ok(cursor(&id)));
            let at = at.index(text.len());
            let changed = format!("{}{}{}", &text[..at], to, &text[at + 1..]);
            prop_assert!(changed == text || Cursor::decode(&changed, &query(), Order::NewestFirst, KEY).is_err());
        }
    }
}
