//! Rows as CSV (RFC 4180), for every CSV that is written: a header line, CRLF, every text that needs it quoted. No value is an empty
//! field, an empty text is `""`. Times are UTC in ISO 8601. What a spreadsheet takes for a formula is guarded, see [`is_guarded`].

use auditlake_event::{Column, Event};

use crate::export::{FORMULA_STARTS, is_guarded};

const LINE_END: &[u8] = b"\r\n";

/// One field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field<'t> {
    /// No value.
    Nothing,
    /// A text of our own making: a time, a number, a word of a fixed set.
    Own(String),
    /// A text that came from outside.
    Text(&'t str),
}

impl<'t> Field<'t> {
    /// The value of a column.
    pub fn of(event: &'t Event<'_>, column: Column) -> Self {
        let own = |text: Option<String>| text.map_or(Field::Nothing, Field::Own);
        match column {
            Column::EventTime => Field::Own(event.event_time.to_string()),
            Column::ReceivedTime => Field::Own(event.received_time.to_string()),
            Column::EventTimeNanos => own(event.event_time_nanos.map(|nanos| nanos.to_string())),
            Column::HttpStatus => own(event.http_status.map(|status| status.to_string())),
            other => match event.text(other) {
                Some(text) if is_guarded(other) => Field::Text(text),
                text => own(text.map(str::to_owned)),
            },
        }
    }
}

/// Appends the header line.
pub fn write_header<'n>(names: impl IntoIterator<Item = &'n str>, out: &mut Vec<u8>) {
    for (position, name) in names.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(LINE_END);
}

/// Appends a row.
pub fn write_row<'t>(fields: impl IntoIterator<Item = Field<'t>>, out: &mut Vec<u8>) {
    for (position, field) in fields.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        match field {
            Field::Nothing => {}
            Field::Own(text) => write_text(&text, false, out),
            Field::Text(text) => write_text(text, true, out),
        }
    }
    out.extend_from_slice(LINE_END);
}

/// Appends an event as one row.
pub fn write_event(event: &Event<'_>, columns: &[Column], out: &mut Vec<u8>) {
    write_row(columns.iter().map(|column| Field::of(event, *column)), out);
}

fn write_text(text: &str, guarded: bool, out: &mut Vec<u8>) {
    let guard: &[u8] = if guarded && text.starts_with(FORMULA_STARTS) { b"'" } else { b"" };
    let is_plain = !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    let is_framed = text.is_empty() || text.starts_with(' ') || text.ends_with(' ');
    if is_plain && !is_framed {
        out.extend_from_slice(guard);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(guard);
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use auditlake_event::Timestamp;

    use super::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        write_text(text, true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_quoted_where_rfc_4180_says_so() {
        assert_eq!(text("plain"), "plain");
        assert_eq!(text(""), "\"\"");
        assert_eq!(text("a,b"), "\"a,b\"");
        assert_eq!(text("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(text("two\r\nlines"), "\"two\r\nlines\"");
        assert_eq!(text(" framed "), "\" framed \"");
    }

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_is_guarded_and_can_be_told() {
        for (plain, guarded) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("'=1", "''=1"),
            ("\t=1", "'\t=1"),
            ("\n=1", "\"'\n=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ] {
            assert_eq!(text(plain), guarded);
        }
        let mut out = Vec::new();
        write_text("-own", false, &mut out);
        assert_eq!(out, b"-own");
    }

    #[test]
    fn a_record_has_a_field_for_each_column() {
        let time = Timestamp::parse("2026-03-01T12:00:00.5Z").unwrap();
        let event = Event {
            event_id: "=id".into(),
            event_time: time,
            received_time: time,
            http_status: Some(403),
            actor_name: Some("O'Hara, \"Jo\"".into()),
            ..Event::default()
        };
        let columns = [
            Column::EventId,
            Column::EventTime,
            Column::EventTimeNanos,
            Column::ActorName,
            Column::Outcome,
            Column::HttpStatus,
        ];
        let mut out = Vec::new();
        write_header(columns.iter().map(|column| column.name()), &mut out);
        write_event(&event, &columns, &mut out);
        let expected = "event_id,event_time,event_time_nanos,actor_name,outcome,http_status\r\n\
                        '=id,2026-03-01T12:00:00.500Z,,\"O'Hara, \"\"Jo\"\"\",unknown,403\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
