//! What is uploaded: CSV with a header line, a JSON array, `{"actors":[…]}` or NDJSON.

use std::collections::BTreeMap;

use auditlake_event::limits::MAX_SHORT_TEXT_BYTES;
use serde::Deserialize;

use super::{Actor, Actors};
use crate::problem::{FieldProblem, Problem};

/// Most actors of a directory.
pub const MAX_ACTORS: usize = 100_000;
/// Most faults that an answer lists.
const MAX_FAULTS: usize = 100;

/// How an upload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    Json,
    Lines,
}

/// One actor as uploaded.
#[derive(Debug, Deserialize)]
struct Row {
    actor_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Named { actors: Vec<Row> },
    Array(Vec<Row>),
}

fn rows(form: Form, body: &[u8]) -> Result<Vec<Row>, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match form {
        Form::Json => match serde_json::from_slice(body) {
            Ok(Document::Named { actors } | Document::Array(actors)) => Ok(actors),
            Err(error) => {
                let shape = "send an array of {actor_id, email, name}, or {\"actors\":[…]}";
                Err(Problem::malformed_body(format!("not a directory in JSON: {error}; {shape}")))
            }
        },
        Form::Lines => {
            let lines = body.split(|byte| *byte == b'\n').enumerate();
            let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
            let row = |(number, line): (usize, &[u8])| {
                let parsed = serde_json::from_slice(line);
                parsed.map_err(|error| Problem::malformed_body(format!("line {}: {error}", number + 1)))
            };
            lines.map(row).collect()
        }
        Form::Csv => {
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(body);
            let malformed = |error: csv::Error| Problem::malformed_body(format!("not CSV: {error}"));
            let header = reader.headers().map_err(malformed)?;
            if !header.iter().any(|name| name == "actor_id") {
                return Err(Problem::malformed_body("the first line must name the columns: actor_id, email, name"));
            }
            reader.deserialize().map(|row| row.map_err(malformed)).collect()
        }
    }
}

/// Reads an upload. Nothing of it counts unless all of it is right: a directory with holes would hide people.
pub(super) fn parse(form: Form, body: &[u8]) -> Result<Actors, Problem> {
    let rows = rows(form, body)?;
    if rows.len() > MAX_ACTORS {
        return Err(Problem::too_large(format!("a directory may have {MAX_ACTORS} actors, this one has {}", rows.len())));
    }
    let mut actors = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let mut fault =
            |field: &str, detail: String| faults.push(FieldProblem { index: Some(index), field: field.to_owned(), detail });
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let actor = Actor { email: text(row.email), name: text(row.name) };
        let Some(actor_id) = text(row.actor_id) else {
            fault("actor_id", "is required".to_owned());
            continue;
        };
        for (field, value) in [("actor_id", Some(&actor_id)), ("email", actor.email.as_ref()), ("name", actor.name.as_ref())]
        {
            if value.is_some_and(|value| value.len() > MAX_SHORT_TEXT_BYTES) {
                fault(field, format!("must not be longer than {MAX_SHORT_TEXT_BYTES} bytes"));
            }
        }
        if actor.email.is_none() && actor.name.is_none() {
            fault("", "must state an email or a name".to_owned());
        }
        if actors.insert(actor_id, actor).is_some() {
            fault("actor_id", "stands there twice".to_owned());
        }
    }
    if faults.is_empty() {
        return Ok(Actors(actors));
    }
    faults.truncate(MAX_FAULTS);
    Err(Problem::invalid_directory(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_say_the_same() {
        let csv = "\u{feff}name,actor_id,email\r\n\"Lovelace, Ada\",00u1,ada@acme.example\r\nBob,00u2,\r\n";
        let array = r#"[{"actor_id":"00u1","email":"ada@acme.example","name":"Lovelace, Ada"},{"actor_id":"00u2","name":"Bob","email":""}]"#;
        let lines = "{\"actor_id\":\"00u2\",\"name\":\"Bob\"}\n\n{\"actor_id\":\"00u1\",\"email\":\"ada@acme.example\",\"name\":\"Lovelace, Ada\"}\n";
        let expected = parse(Form::Json, array.as_bytes()).unwrap();
        assert_eq!(expected.get("00u1").unwrap().name.as_deref(), Some("Lovelace, Ada"));
        assert_eq!((expected.len(), expected.get("00u2").unwrap().email.as_deref()), (2, None));
        assert_eq!(parse(Form::Csv, csv.as_bytes()).unwrap(), expected);
        assert_eq!(parse(Form::Json, format!("{{\"actors\":{array}}}").as_bytes()).unwrap(), expected);
        assert_eq!(parse(Form::Lines, lines.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_named_by_place_and_field() {
        let array = r#"[{"actor_id":"a","name":"A"},{"name":"B"},{"actor_id":"c"},{"actor_id":"a","name":"again"}]"#;
        let problem = parse(Form::Json, array.as_bytes()).unwrap_err();
        let faults: Vec<_> = problem.errors.iter().map(|fault| (fault.index.unwrap(), fault.field.as_str())).collect();
        assert_eq!((problem.status.as_u16(), faults), (422, vec![(1, "actor_id"), (2, ""), (3, "actor_id")]));
        for (form, body) in [
            (Form::Json, "{}"),
            (Form::Json, "[1]"),
            (Form::Lines, "{\"actor_id\":\"a\",\"name\":\"A\"}\nx"),
            (Form::Csv, "id,email\n1,a"),
            (Form::Csv, "actor_id,email\n1"),
        ] {
            assert_eq!(parse(form, body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        let long = format!("actor_id,name\nx,{}\n", "n".repeat(MAX_SHORT_TEXT_BYTES + 1));
        assert_eq!(parse(Form::Csv, long.as_bytes()).unwrap_err().errors[0].field, "name");
    }
}
