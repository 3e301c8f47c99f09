//! Rows of the tables that AWS describes for Athena: of CloudTrail's logs and of S3's access logs.
//!
//! Such a table has its columns in lower case. An export as CSV, or the API's answer, has every value as text: structures as
//! Athena prints them (`{type=IAMUser, principalid=AIDA…}`), which is no JSON. A row is made the record it was read from again, with
//! the names that CloudTrail writes; of an access log, the line.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::json::{Json, Members, Parser, write_text, write_whole};

use crate::cloudtrail::MEMBERS;

use super::payload::Payload;

/// Members that are columns besides those that are known of a record.
const MORE_COLUMNS: [&str; 1] = ["eventContext"];
/// Columns that are structures of members with known names.
const STRUCTURES: [&str; 4] = ["addendum", "resources", "tlsDetails", "userIdentity"];
/// Columns that are true or false.
const FLAGS: [&str; 2] = ["managementEvent", "readOnly"];
/// Columns that hold JSON, which the table keeps as text.
const JSON_TEXTS: [&str; 5] =
    ["additionalEventData", "eventContext", "requestParameters", "responseElements", "serviceEventDetails"];

/// Names inside the structures.
const INNER_NAMES: [&str; 36] = [
    "accessKeyId",
    "accountId",
    "arn",
    "attributes",
    "cipherSuite",
    "clientProvidedHostHeader",
    "creationDate",
    "credentialId",
    "credentialsIssuedTo",
    "ec2RoleDelivery",
    "federatedProvider",
    "identityProvider",
    "identityStoreArn",
    "inScopeOf",
    "invokedBy",
    "issuerType",
    "keyExchange",
    "mfaAuthenticated",
    "onBehalfOf",
    "originalEventID",
    "originalRequestID",
    "principalId",
    "reason",
    "sessionContext",
    "sessionIssuer",
    "sourceAccount",
    "sourceArn",
    "sourceIdentity",
    "tlsVersion",
    "type",
    "updatedFields",
    "userId",
    "userName",
    "webIdFederationData",
    "assumedRoot",
    "identityArn",
];

/// The fields of an access log's line in their order, as the documented table names them.
const S3_FIELDS: [&str; 26] = [
    "bucketowner",
    "bucket_name",
    "requestdatetime",
    "remoteip",
    "requester",
    "requestid",
    "operation",
    "key",
    "request_uri",
    "httpstatus",
    "errorcode",
    "bytessent",
    "objectsize",
    "totaltime",
    "turnaroundtime",
    "referrer",
    "useragent",
    "versionid",
    "hostid",
    "sigv",
    "ciphersuite",
    "authtype",
    "endpoint",
    "tlsversion",
    "accesspointarn",
    "aclrequired",
];
/// Those that stand in quotes.
const QUOTED: [&str; 3] = ["referrer", "request_uri", "useragent"];
/// Lines before 2018 end with the user agent and the version.
const OLDEST_FIELDS: usize = 18;

/// The records of an answer of the API or of one row; `None` if an object is neither.
pub(super) fn payloads<'v>(members: &'v Members<'v>) -> Option<Vec<Payload<'v>>> {
    if let Some(rows) = members.get("ResultSet").and_then(|set| set.get("Rows")) {
        return result_set(rows.elements());
    }
    let row: Vec<(&str, &Json<'v>)> = members.iter().collect();
    let record = cloudtrail_record(&row).or_else(|| s3_line(&row))?;
    Some(vec![Payload::Text(Cow::Owned(record))])
}

/// The rows of an answer of `GetQueryResults`, the first of which holds the names of the columns.
fn result_set<'v>(rows: &'v [Json<'v>]) -> Option<Vec<Payload<'v>>> {
    let cells = |row: &'v Json<'v>| row.get("Data").map(Json::elements).unwrap_or_default();
    let (header, rows) = rows.split_first()?;
    let names: Vec<&str> = cells(header).iter().map(|cell| cell.text_at("VarCharValue").unwrap_or_default()).collect();
    let record = |row: &'v Json<'v>| {
        let values = cells(row).iter().map(|cell| cell.get("VarCharValue").unwrap_or(&Json::Null));
        let row: Vec<_> = names.iter().copied().zip(values).collect();
        let record = cloudtrail_record(&row).or_else(|| s3_line(&row));
        record.map_or(Payload::Text(Cow::Owned(plain_row(&row))), |record| Payload::Text(Cow::Owned(record)))
    };
    Some(rows.iter().map(record).collect())
}

fn plain_row(row: &[(&str, &Json<'_>)]) -> String {
    let mut out = String::from("{");
    for (name, value) in row {
        put_name(name, &mut out);
        write_whole(value, &mut out);
    }
    out.push('}');
    out
}

fn put_name(name: &str, out: &mut String) {
    out.push_str(if out.ends_with('{') { "" } else { "," });
    write_text(name, out);
    out.push(':');
}

fn get<'v>(row: &[(&str, &'v Json<'v>)], name: &str) -> Option<&'v Json<'v>> {
    let found = row.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    found.filter(|value| !value.is_vacant())
}

fn known_column(name: &str) -> Option<&'static str> {
    MEMBERS.iter().chain(&MORE_COLUMNS).find(|known| known.eq_ignore_ascii_case(name)).copied()
}

/// The record of CloudTrail that a row was read from. `None` if it is no such row, or has CloudTrail's own names already.
fn cloudtrail_record(row: &[(&str, &Json<'_>)]) -> Option<String> {
    let needed = ["eventname", "eventsource", "eventtime"];
    let is_row = needed.iter().all(|name| get(row, name).is_some()) && row.iter().any(|(name, _)| *name == "eventname");
    if !is_row {
        return None;
    }
    let mut out = String::from("{");
    for (name, value) in row.iter().filter(|(_, value)| !value.is_vacant()) {
        let column = known_column(name);
        put_name(column.unwrap_or(name), &mut out);
        match (column, value) {
            (Some(column), Json::Text(text)) => put_text_column(column, text, &mut out),
            (Some(column), value) if STRUCTURES.contains(&column) => write_renamed(value, column == "resources", &mut out),
            (_, value) => write_whole(value, &mut out),
        }
    }
    out.push('}');
    Some(out)
}

/// A column that is text in the row: what CloudTrail had in its place.
fn put_text_column(column: &str, text: &str, out: &mut String) {
    let trimmed = text.trim();
    if FLAGS.contains(&column) && matches!(trimmed, "true" | "false") {
        out.push_str(trimmed);
    } else if column == "eventTime" {
        write_text(&rfc3339(trimmed), out);
    } else if JSON_TEXTS.contains(&column) || STRUCTURES.contains(&column) {
        let is_structure = STRUCTURES.contains(&column);
        match parsed(trimmed) {
            Some(value) if is_structure => write_renamed(&value, column == "resources", out),
            Some(value) => write_whole(&value, out),
            None if trimmed == "null" => out.push_str("null"),
            None if is_structure => match printed(trimmed, column == "resources") {
                Some(json) => out.push_str(&json),
                None => write_text(text, out),
            },
            None => write_text(text, out),
        }
    } else {
        write_text(text, out);
    }
}

fn parsed(text: &str) -> Option<Json<'_>> {
    let mut parser = Parser::new(text.as_bytes());
    let value = parser.value(0).ok().filter(|_| parser.position() == text.len())?;
    matches!(value, Json::Object(_) | Json::Array(_)).then_some(value)
}

/// A time as Athena prints a timestamp, as CloudTrail writes it.
fn rfc3339(text: &str) -> Cow<'_, str> {
    let is_printed = text.as_bytes().get(10) == Some(&b' ');
    let is_zoned = text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    if !is_printed {
        return Cow::Borrowed(text);
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text).replacen(' ', "T", 1);
    let text = text.strip_suffix(".000").unwrap_or(&text);
    Cow::Owned(if is_zoned { text.to_owned() } else { format!("{text}Z") })
}

/// CloudTrail's spelling of a name inside a structure; in `resources` an ARN is written in capitals.
fn inner_name(name: &str, in_resources: bool) -> &str {
    if in_resources && name.eq_ignore_ascii_case("arn") {
        return "ARN";
    }
    INNER_NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// Appends a structure with CloudTrail's names, without what is null.
fn write_renamed(value: &Json<'_>, in_resources: bool, out: &mut String) {
    match value {
        Json::Object(members) => {
            out.push('{');
            for (name, value) in members.iter().filter(|(_, value)| !matches!(value, Json::Null)) {
                put_name(inner_name(name, in_resources), out);
                write_renamed(value, in_resources, out);
            }
            out.push('}');
        }
        Json::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_renamed(element, in_resources, out);
            }
            out.push(']');
        }
        other => write_whole(other, out),
    }
}

/// A structure as Athena prints it, as JSON: `{a=1, b={c=2}}`, `[{a=1}, {a=2}]`. Nothing is quoted there, so a comma counts only
/// where a known name and `=` follow.
fn printed(text: &str, in_resources: bool) -> Option<String> {
    let mut out = String::new();
    put_printed(text, in_resources, 0, &mut out)?;
    Some(out)
}

/// How deep structures lie in each other at most: `userIdentity` has four levels.
const MAX_PRINTED_DEPTH: usize = 8;

fn put_printed(text: &str, in_resources: bool, depth: usize, out: &mut String) -> Option<()> {
    let within = |open: char, close: char| text.strip_prefix(open)?.strip_suffix(close);
    if depth >= MAX_PRINTED_DEPTH {
        return None;
    }
    if let Some(inner) = within('[', ']') {
        out.push('[');
        for (index, element) in split_printed(inner, |rest| rest.starts_with('{')).into_iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            put_printed(element, in_resources, depth + 1, out)?;
        }
        out.push(']');
        return Some(());
    }
    let inner = within('{', '}')?;
    out.push('{');
    for member in split_printed(inner, begins_member) {
        let (name, value) = member.split_once('=')?;
        if matches!(value, "null" | "") {
            continue;
        }
        put_name(inner_name(name, in_resources), out);
        if value.starts_with(['{', '[']) {
            put_printed(value, in_resources, depth + 1, out)?;
        } else {
            write_text(value, out);
        }
    }
    out.push('}');
    Some(())
}

/// Whether a member of a structure begins here.
fn begins_member(text: &str) -> bool {
    let name = text.split_once('=').map_or("", |(name, _)| name);
    INNER_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The parts of a printed structure, which `, ` separates where the next one begins outside of any brackets.
fn split_printed(text: &str, begins: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 && text.get(at + 1..).and_then(|rest| rest.strip_prefix(' ')).is_some_and(&begins) => {
                parts.extend(text.get(start..at));
                start = at + 2;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

/// The line of an access log that a row was read from; `None` if it is no such row.
fn s3_line(row: &[(&str, &Json<'_>)]) -> Option<String> {
    let has = |name: &str| row.iter().any(|(column, _)| column.eq_ignore_ascii_case(name));
    if !["bucketowner", "requestdatetime", "requester", "operation", "request_uri"].iter().all(|name| has(name)) {
        return None;
    }
    let value = |field: &str| {
        let value = get(row, field).or_else(|| if field == "bucket_name" { get(row, "bucket") } else { None });
        value.and_then(Json::text).map(str::trim).filter(|text| !text.is_empty())
    };
    let fields = S3_FIELDS.iter().rposition(|field| value(field).is_some()).map_or(0, |last| last + 1);
    let mut line = String::new();
    for field in S3_FIELDS.iter().take(fields.max(OLDEST_FIELDS)) {
        let text = value(field).unwrap_or("-");
        line.push_str(if line.is_empty() { "" } else { " " });
        let written = match *field {
            "requestdatetime" => write!(line, "[{}]", text.trim_start_matches('[').trim_end_matches(']')),
            field if QUOTED.contains(&field) && text != "-" && !text.starts_with('"') => write!(line, "\"{text}\""),
            _ => write!(line, "{text}"),
        };
        // Writing to a string cannot fail.
        written.unwrap_or_default();
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(row: &str) -> String {
        let value = Parser::new(row.as_bytes()).value(0).unwrap();
        let payloads = payloads(value.members().unwrap()).unwrap();
        match &payloads[..] {
            [Payload::Text(text)] => text.clone().into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_row_of_texts_is_the_record_it_was_read_from() {
        let row = r#"{"eventname":"PutObject","eventsource":"s3.amazonaws.com","eventtime":"2026-03-01 09:15:00.000",
            "readonly":"false","errorcode":"","useragent":"a, type=b",
            "useridentity":"{type=AssumedRole, principalid=AROA:x, arn=null, sessioncontext={attributes={mfaauthenticated=false, creationdate=2026-03-01T09:00:00Z}, sessionissuer={type=Role, username=a, b}}}",
            "resources":"[{arn=arn:aws:s3:::b, accountid=1, type=AWS::S3::Bucket}, {arn=c}]",
            "requestparameters":"{\"bucketName\":\"b\"}","responseelements":"null","year":"2026"}"#;
        let expected = concat!(
            r#"{"errorCode":"x","eventName":"PutObject","eventSource":"s3.amazonaws.com","eventTime":"2026-03-01T09:15:00Z","#,
            r#""readOnly":false,"requestParameters":{"bucketName":"b"},"#,
            r#""resources":[{"ARN":"arn:aws:s3:::b","accountId":"1","type":"AWS::S3::Bucket"},{"ARN":"c"}],"#,
            r#""responseElements":null,"userAgent":"a, type=b","userIdentity":{"type":"AssumedRole","principalId":"AROA:x","#,
            r#""sessionContext":{"attributes":{"mfaAuthenticated":"false","creationDate":"2026-03-01T09:00:00Z"},"#,
            r#""sessionIssuer":{"type":"Role","userName":"a, b"}}},"year":"2026"}"#
        )
        .replace(r#""errorCode":"x","#, "");
        assert_eq!(made(row), expected);
    }

    #[test]
    fn a_row_of_an_access_log_is_its_line() {
        let row = r#"{"bucketowner":"79a5","bucket_name":"b","requestdatetime":"06/Feb/2026:00:00:38 +0000","remoteip":"192.0.2.3",
            "requester":"-","requestid":"3E57","operation":"REST.GET.OBJECT","key":"a","request_uri":"GET /b/a HTTP/1.1",
            "httpstatus":"200","errorcode":"","bytessent":"113","useragent":"\"S3Console/0.4\"","versionid":null}"#;
        let expected = concat!(
            r#"79a5 b [06/Feb/2026:00:00:38 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT a "GET /b/a HTTP/1.1" 200 - 113 - - - - "#,
            r#""S3Console/0.4" -"#
        );
        assert_eq!(made(row), expected);
    }
}
