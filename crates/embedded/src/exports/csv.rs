//! Events as CSV (RFC 4180): a header line, CRLF, every text that needs it quoted. No value is an empty field, an empty text is
//! `""`. Times are UTC in ISO 8601. What a spreadsheet takes for a formula is guarded, see
//! [`is_guarded`].

use std::io::Write as _;

use auditlake_event::{Column, Event};
use auditlake_query::export::{FORMULA_STARTS, is_guarded};

const LINE_END: &[u8] = b"\r\n";

/// Appends the header line.
pub(super) fn write_header(columns: &[Column], out: &mut Vec<u8>) {
    for (position, column) in columns.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(column.name().as_bytes());
    }
    out.extend_from_slice(LINE_END);
}

/// Appends an event as one record.
pub(super) fn write_record(event: &Event<'_>, columns: &[Column], out: &mut Vec<u8>) {
    for (position, column) in columns.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        match column {
            Column::EventTime => write_shown(&event.event_time, out),
            Column::ReceivedTime => write_shown(&event.received_time, out),
            Column::EventTimeNanos => event.event_time_nanos.iter().for_each(|number| write_shown(number, out)),
            Column::HttpStatus => event.http_status.iter().for_each(|number| write_shown(number, out)),
            _ => event.text(*column).into_iter().for_each(|text| write_text(text, is_guarded(*column), out)),
        }
    }
    out.extend_from_slice(LINE_END);
}

fn write_shown(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    if write!(out, "{value}").is_err() {
        tracing::error!("a value cannot be written to memory");
    }
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
        write_header(&columns, &mut out);
        write_record(&event, &columns, &mut out);
        let expected = "event_id,event_time,event_time_nanos,actor_name,outcome,http_status\r\n\
                        '=id,2026-03-01T12:00:00.500Z,,\"O'Hara, \"\"Jo\"\"\",unknown,403\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
