//! The conditions of a query, compiled to tests of columns.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray};
use arrow_buffer::BooleanBuffer;
use auditlake_event::{Column, Timestamp};
use serde::Deserialize;

use super::contains::Needle;
use super::json_member;
use crate::addresses::{self, Range, Wanted};
use crate::fold;
use crate::metadata_key::MetadataKey;
use crate::typed::{Condition, Field, PERSON_BEHIND, Query};

/// All conditions of a query; all must hold.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// One for each condition, the cheapest first.
    pub terms: Vec<Term>,
}

/// One condition: any of the columns passes the test (negated: none does).
#[derive(Debug, Clone)]
pub struct Term {
    /// Whether rows that pass are excluded.
    pub negated: bool,
    /// The columns that are read.
    pub columns: &'static [Column],
    /// Those of them that are tested.
    tested: &'static [Column],
    /// The test of one value; null never passes.
    pub test: Test,
    /// The term also passes if the actor is one of these; `columns` then holds the actor's id.
    actor_ids: Vec<String>,
    /// The term also passes if it was done on behalf of one of these; `columns` then holds the metadata.
    people_behind: Vec<String>,
}

/// A test of one text.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is one of these.
    Equals(Vec<String>),
    /// It is one of these, whatever the case of letters: they are folded.
    EqualsFolded(Vec<String>),
    /// It is one of the first, or one of the second, which are folded, whatever the case of letters.
    EqualsPerson(Vec<String>, Vec<String>),
    /// It contains one of these, whatever the case of letters.
    Contains(Vec<Needle>),
    /// It is one of these texts or an address in one of these ranges.
    Address(Vec<String>, Vec<Range>),
    /// It is a JSON object of which one of the access-key members is one of these.
    AccessKey(Vec<String>),
    /// It is a JSON object that names one of these as the person on whose behalf it was done.
    PersonBehind(Vec<String>),
    /// It is a JSON object that has one of these values at the path of the key.
    Metadata(MetadataKey, Vec<String>),
    /// It is a JSON array of changes, one of which has, for each of these, one of the values in one of the members.
    Changes(Vec<(&'static [&'static str], Vec<String>)>),
    /// Not of a text: the number is one of these.
    Number(Vec<i32>),
    /// Not of a text: the time lies between the bounds of this query, also below the millisecond.
    Between(Box<Query>),
}

const TEXT_COLUMNS: &[Column] = &[
    Column::ResourceType,
    Column::ActorEmail,
    Column::ActorId,
    Column::ActorName,
    Column::ResourceId,
    Column::ResourceName,
];

const EMAIL_OR_ID: &[Column] = &[Column::ActorEmail, Column::ActorId];
const ACTOR_OR_BEHIND: &[Column] = &[Column::ActorId, Column::ActorName, Column::ActorEmail, Column::Metadata];
const EMAIL_OR_BEHIND: &[Column] = &[Column::ActorEmail, Column::ActorId, Column::Metadata];
const TEXT_OR_BEHIND: &[Column] = &[
    Column::ResourceType,
    Column::ActorEmail,
    Column::ActorId,
    Column::ActorName,
    Column::ResourceId,
    Column::ResourceName,
    Column::Metadata,
];

impl Term {
    fn new(condition: &Condition) -> Self {
        let tested: &'static [Column] = match condition.field {
            Field::EventId => &[Column::EventId],
            Field::Actor => &[Column::ActorId, Column::ActorName, Column::ActorEmail],
            Field::ActorEmail => &[Column::ActorEmail],
            Field::ActorVia => &[Column::ActorVia],
            Field::Credential => &[Column::Metadata],
            Field::Action => &[Column::Action],
            Field::Category => &[Column::Category],
            Field::Outcome => &[Column::Outcome],
            Field::ResourceType => &[Column::ResourceType],
            Field::ResourceId => &[Column::ResourceId],
            Field::Source => &[Column::Source],
            Field::SourceIp => &[Column::SourceIp],
            Field::ScopeType => &[Column::ScopeType],
            Field::ScopeId => &[Column::ScopeId],
            Field::RequestId => &[Column::RequestId],
            Field::ServiceName => &[Column::ServiceName],
            Field::ErrorCode => &[Column::ErrorCode],
            Field::HttpStatus => &[Column::HttpStatus],
            Field::ChangesField | Field::ChangesBefore | Field::ChangesAfter | Field::ChangesValue => &[Column::Changes],
            Field::Metadata(_) => &[Column::Metadata],
            Field::Text => TEXT_COLUMNS,
        };
        let values = condition.values.clone();
        let test = match condition.field {
            Field::Actor => person(values),
            Field::ActorEmail => Test::EqualsFolded(folded(&values)),
            Field::SourceIp => address(&values),
            Field::HttpStatus => Test::Number(values.iter().filter_map(|value| value.parse().ok()).collect()),
            Field::Metadata(key) => Test::Metadata(key, values),
            field if field.is_of_changes() => Test::Changes(vec![(field.members_of_change(), values)]),
            Field::Credential => Test::AccessKey(values),
            Field::Text => Test::Contains(values.iter().map(|value| Needle::new(value)).collect()),
            _ => Test::Equals(values),
        };
        // The directory knows actors only, so only fields about actors have ids, and all but one of them test the id anyway.
        let actor_ids = condition.actor_ids.clone();
        let people_behind = condition.people_behind();
        let columns = match condition.field {
            Field::Actor if !people_behind.is_empty() => ACTOR_OR_BEHIND,
            Field::Text if !people_behind.is_empty() => TEXT_OR_BEHIND,
            _ if !people_behind.is_empty() => EMAIL_OR_BEHIND,
            _ if actor_ids.is_empty() || tested.contains(&Column::ActorId) => tested,
            _ => EMAIL_OR_ID,
        };
        Self { negated: condition.negated, columns, tested, test, actor_ids, people_behind }
    }

    /// The bounds of a query that lie inside a millisecond.
    fn between(query: &Query) -> Self {
        const COLUMNS: &[Column] = &[Column::EventTime, Column::EventTimeNanos];
        let bounds = Query {
            from: query.from,
            to: query.to,
            from_nanos: query.from_nanos,
            to_nanos: query.to_nanos,
            ..Query::all(query.organization.clone())
        };
        let test = Test::Between(Box::new(bounds));
        Self { negated: false, columns: COLUMNS, tested: COLUMNS, test, actor_ids: Vec::new(), people_behind: Vec::new() }
    }

    /// Takes in what else is asked of a change, if both are about changes.
    fn join_changes(&mut self, other: &Test) -> Option<()> {
        match (&mut self.test, other) {
            (Test::Changes(asked), Test::Changes(more)) if !self.negated => asked.extend(more.iter().cloned()),
            _ => return None,
        }
        Some(())
    }

    /// What it costs to evaluate, roughly.
    fn cost(&self) -> usize {
        let each = match self.test {
            Test::Equals(_) => 1,
            Test::EqualsFolded(_) | Test::EqualsPerson(..) | Test::Address(..) => 2,
            Test::Contains(_) => 4,
            Test::AccessKey(_) | Test::PersonBehind(_) | Test::Metadata(..) | Test::Changes(_) => 16,
            Test::Between(_) | Test::Number(_) => 1,
        };
        // What excludes leaves most rows: last.
        each * self.columns.len() + if self.negated { 100 } else { 0 }
    }

    /// The values one of which a row must hold for the condition to be true; `None` if min, max and bloom filters cannot tell.
    pub fn required_values(&self) -> Option<&[String]> {
        match &self.test {
            Test::Equals(values) if !self.negated && self.actor_ids.is_empty() && self.people_behind.is_empty() => {
                Some(values)
            }
            _ => None,
        }
    }

    /// Which rows pass; `arrays` are its columns.
    pub fn evaluate(&self, arrays: &[ArrayRef]) -> BooleanBuffer {
        let rows = arrays.first().map_or(0, |array| array.len());
        if let Test::Between(bounds) = &self.test {
            return lies_between(bounds, arrays, rows);
        }
        let mut any: Option<BooleanBuffer> = None;
        let mut add = |mask: BooleanBuffer| {
            any = Some(match any.take() {
                Some(any) => &any | &mask,
                None => mask,
            });
        };
        for (column, array) in self.columns.iter().zip(arrays) {
            if self.tested.contains(column) {
                self.test.evaluate(array).into_iter().for_each(&mut add);
            }
            if *column == Column::ActorId && !self.actor_ids.is_empty() {
                Test::Equals(self.actor_ids.clone()).evaluate(array).into_iter().for_each(&mut add);
            }
            if *column == Column::Metadata && !self.people_behind.is_empty() {
                Test::PersonBehind(self.people_behind.clone()).evaluate(array).into_iter().for_each(&mut add);
            }
        }
        match (any, self.negated) {
            (Some(any), false) => any,
            (Some(any), true) => !&any,
            (None, negated) => BooleanBuffer::collect_bool(rows, |_| negated),
        }
    }
}

impl Predicate {
    /// The conditions of a query.
    pub fn new(query: &Query) -> Self {
        let mut terms: Vec<Term> = Vec::with_capacity(query.conditions.len());
        for condition in &query.conditions {
            let term = Term::new(condition);
            // What is asked of changes is asked of one and the same change.
            let joined = terms.iter_mut().filter(|_| !term.negated).find_map(|earlier| earlier.join_changes(&term.test));
            if joined.is_none() {
                terms.push(term);
            }
        }
        terms.extend(query.splits_a_millisecond().then(|| Term::between(query)));
        terms.sort_by_key(Term::cost);
        Self { terms }
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Test::Equals(values) => values.iter().any(|value| value == text),
            Test::EqualsFolded(values) => is_one_of(values, text),
            Test::EqualsPerson(exact, people) => exact.iter().any(|value| value == text) || is_one_of(people, text),
            Test::Address(texts, ranges) => {
                let lies_inside = |number: u128| ranges.iter().any(|range| range.holds(number));
                texts.iter().any(|value| value == text) || addresses::number_of(text).is_some_and(lies_inside)
            }
            Test::Contains(needles) => needles.iter().any(|needle| needle.is_in(text)),
            Test::AccessKey(values) => has_access_key(text, values),
            Test::PersonBehind(people) => {
                let is_one = |text: Cow<'_, str>| people.iter().any(|person| *person == text);
                PERSON_BEHIND.iter().any(|path| json_member::at_path(text, path).is_some_and(is_one))
            }
            Test::Metadata(key, values) => {
                let is_one = |text: Cow<'_, str>| values.iter().any(|value| *value == text);
                key.paths().iter().any(|path| json_member::at_path(text, path).is_some_and(is_one))
            }
            Test::Changes(asked) => json_member::changes(text).iter().any(|change| {
                asked.iter().all(|(members, values)| {
                    let mut texts = members.iter().filter_map(|member| change.member(member));
                    texts.any(|text| values.iter().any(|value| value == text))
                })
            }),
            Test::Number(_) | Test::Between(_) => false,
        }
    }

    /// Which values of a column pass; `None` if none does.
    pub fn evaluate(&self, array: &ArrayRef) -> Option<BooleanBuffer> {
        if array.null_count() == array.len() {
            return None;
        }
        if let (Test::Number(wanted), Some(numbers)) = (self, array.as_primitive_opt::<Int32Type>()) {
            let is_wanted = |row: usize| numbers.is_valid(row) && wanted.contains(&numbers.value(row));
            return Some(BooleanBuffer::collect_bool(numbers.len(), is_wanted));
        }
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            return self.evaluate_dictionary(dictionary);
        }
        let texts = array.as_string_opt::<i32>()?;
        let mask = self.evaluate_texts(texts)?;
        Some(match texts.nulls() {
            Some(nulls) => &mask & nulls.inner(),
            None => mask,
        })
    }

    fn evaluate_dictionary(&self, dictionary: &DictionaryArray<Int32Type>) -> Option<BooleanBuffer> {
        let passing = self.evaluate(dictionary.values())?;
        let keys = dictionary.keys().values();
        let mut passing_keys = passing.set_indices();
        let mask = match (passing_keys.next(), passing_keys.next()) {
            (None, _) => return None,
            // One value, the usual case: comparing keys is faster than looking each one up.
            (Some(only), None) => {
                let only = i32::try_from(only).ok()?;
                BooleanBuffer::collect_bool(keys.len(), |row| keys[row] == only)
            }
            _ => BooleanBuffer::collect_bool(keys.len(), |row| {
                usize::try_from(keys[row]).is_ok_and(|key| key < passing.len() && passing.value(key))
            }),
        };
        Some(match dictionary.nulls() {
            Some(nulls) => &mask & nulls.inner(),
            None => mask,
        })
    }

    fn evaluate_texts(&self, texts: &StringArray) -> Option<BooleanBuffer> {
        match self {
            Test::Equals(values) => Some(equal(texts, values)),
            Test::Contains(needles) => {
                let mut found = vec![false; texts.len()];
                for needle in needles {
                    needle.for_each_text(texts.value_data(), texts.value_offsets(), |row| found[row] = true);
                }
                found.contains(&true).then(|| BooleanBuffer::from(found))
            }
            _ => Some(BooleanBuffer::collect_bool(texts.len(), |row| self.holds(texts.value(row)))),
        }
    }
}

/// Which times lie between bounds; the arrays are times and what each states below the millisecond.
fn lies_between(bounds: &Query, arrays: &[ArrayRef], rows: usize) -> BooleanBuffer {
    let times = arrays.first().and_then(|array| array.as_primitive_opt::<TimestampMillisecondType>());
    let nanos = arrays.get(1).and_then(|array| array.as_primitive_opt::<Int32Type>());
    BooleanBuffer::collect_bool(rows, |row| {
        let time = times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
        let nanos = nanos.filter(|nanos| nanos.is_valid(row)).map_or(0, |nanos| nanos.value(row));
        time.is_some_and(|time| bounds.covers(Timestamp::from_millis(time), nanos))
    })
}

fn folded(values: &[String]) -> Vec<String> {
    values.iter().map(|value| fold::fold(value).into_owned()).collect()
}

fn is_one_of(folded: &[String], text: &str) -> bool {
    folded.iter().any(|value| fold::equal(value, text))
}

/// The test of an id, a name or an e-mail address; addresses alone have no case.
fn person(values: Vec<String>) -> Test {
    let (people, exact): (Vec<String>, Vec<String>) = values.into_iter().partition(|value| fold::is_address(value));
    if people.is_empty() { Test::Equals(exact) } else { Test::EqualsPerson(exact, folded(&people)) }
}

/// The test of an address. A value that the parameters would refuse matches what it says.
fn address(values: &[String]) -> Test {
    let (mut texts, mut ranges) = (Vec::new(), Vec::new());
    for value in values {
        match addresses::parse(value) {
            Ok(Wanted::Range(_, range)) => ranges.extend(range.parts()),
            Ok(Wanted::Text(text)) => texts.push(text),
            Err(_) => texts.push(value.clone()),
        }
    }
    if ranges.is_empty() { Test::Equals(texts) } else { Test::Address(texts, ranges) }
}

/// Which texts equal one of `values`; lengths are compared before bytes.
fn equal(texts: &StringArray, values: &[String]) -> BooleanBuffer {
    let offsets = texts.value_offsets();
    let data = texts.value_data();
    BooleanBuffer::collect_bool(texts.len(), |row| {
        let (Ok(start), Ok(end)) = (usize::try_from(offsets[row]), usize::try_from(offsets[row + 1])) else { return false };
        values.iter().any(|value| value.len() == end - start && value.as_bytes() == &data[start..end])
    })
}

/// Whether `access_key_id` or `issued_access_key_id` of a JSON object is one of `values`.
fn has_access_key(metadata: &str, values: &[String]) -> bool {
    #[derive(Deserialize)]
    struct Keys {
        access_key_id: Option<serde_json::Value>,
        issued_access_key_id: Option<serde_json::Value>,
    }
    // Most rows do not hold the value at all; one with escapes may hold it in another spelling.
    let may_hold = |value: &String| memchr::memmem::find(metadata.as_bytes(), value.as_bytes()).is_some();
    if !metadata.contains('\\') && !values.iter().any(may_hold) {
        return false;
    }
    let Ok(keys) = serde_json::from_str::<Keys>(metadata) else { return false };
    [keys.access_key_id, keys.issued_access_key_id]
        .iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .any(|key| values.iter().any(|value| value == key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn term(field: Field, negated: bool, values: &[&str]) -> Term {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Term::new(&Condition { negated, ..Condition::any_of(field, values) })
    }

    fn rows(mask: &BooleanBuffer) -> Vec<bool> {
        mask.iter().collect()
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn dictionary(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<DictionaryArray<Int32Type>>())
    }

    #[test]
    fn null_has_no_value_whether_asked_for_or_excluded() {
        for make in [texts, dictionary] {
            let column = make(&[Some("a"), None, Some("b")]);
            assert_eq!(
                rows(&term(Field::Action, false, &["a", "c"]).evaluate(&[Arc::clone(&column)])),
                [true, false, false]
            );
            assert_eq!(rows(&term(Field::Action, true, &["a", "c"]).evaluate(&[column])), [false, true, true]);
            let nulls = make(&[None, None]);
            assert_eq!(rows(&term(Field::Action, false, &["a"]).evaluate(&[Arc::clone(&nulls)])), [false, false]);
            assert_eq!(rows(&term(Field::Action, true, &["a"]).evaluate(&[nulls])), [true, true]);
        }
    }

    #[test]
    fn an_actor_is_found_by_any_of_three_columns_and_excluded_by_any() {
        let columns = [
            texts(&[Some("x"), None, None, Some("y")]),
            dictionary(&[None, Some("x"), None, Some("y")]),
            texts(&[None, None, Some("x"), Some("X")]),
        ];
        assert_eq!(rows(&term(Field::Actor, false, &["x"]).evaluate(&columns)), [true, true, true, false]);
        assert_eq!(rows(&term(Field::Actor, true, &["x"]).evaluate(&columns)), [false, false, false, true]);
    }

    #[test]
    fn an_address_is_also_found_by_the_ids_that_the_directory_gave() {
        let columns =
            [texts(&[Some("a@x.org"), None, None, Some("b@x.org")]), texts(&[Some("1"), Some("2"), None, Some("a@x.org")])];
        let mut condition = Condition::any_of(Field::ActorEmail, vec!["A@x.org".to_owned()]);
        condition.actor_ids = vec!["2".to_owned()];
        let term = Term::new(&condition);
        assert_eq!((term.columns, term.required_values()), ([Column::ActorEmail, Column::ActorId].as_slice(), None));
        assert_eq!(rows(&term.evaluate(&columns)), [true, true, false, false]);
        condition.negated = true;
        assert_eq!(rows(&Term::new(&condition).evaluate(&columns)), [false, false, true, true]);
    }

    #[test]
    fn case_counts_for_ids_but_not_for_mail_addresses_and_free_text() {
        let column = dictionary(&[Some("Alice@Example.com"), Some("bob@example.com"), Some("ÄLICE")]);
        let columns = [column];
        assert_eq!(rows(&term(Field::ActorVia, false, &["alice@example.com"]).evaluate(&columns)), [false, false, false]);
        assert_eq!(rows(&term(Field::ActorEmail, false, &["aLice@example.com"]).evaluate(&columns)), [true, false, false]);
        assert_eq!(rows(&term(Field::Text, false, &["LICE"]).evaluate(&columns)), [true, false, true]);
        assert_eq!(rows(&term(Field::Text, false, &["älice"]).evaluate(&columns)), [false, false, true]);
        assert_eq!(rows(&term(Field::Text, false, &["ALICE"]).evaluate(&columns)), [true, false, false]);
        let people =
            [texts(&[Some("Bob@x.org"), Some("Bob"), None]), texts(&[None; 3]), texts(&[None, None, Some("BOB@X.ORG")])];
        assert_eq!(rows(&term(Field::Actor, false, &["bob@X.org"]).evaluate(&people)), [true, false, true]);
        assert_eq!(rows(&term(Field::Actor, true, &["bob@X.org", "Bob"]).evaluate(&people)), [false, false, false]);
        assert_eq!(rows(&term(Field::Actor, false, &["bob"]).evaluate(&people)), [false, false, false]);
    }

    #[test]
    fn an_address_is_found_by_blocks_and_ranges() {
        let column =
            dictionary(&[Some("203.0.113.7"), Some("203.0.114.1"), Some("2001:db8::7"), Some("203.0.113.example"), None]);
        let columns = [column];
        let found = |negated, values: &[&str]| rows(&term(Field::SourceIp, negated, values).evaluate(&columns));
        assert_eq!(found(false, &["203.0.113.0/24"]), [true, false, false, false, false]);
        assert_eq!(found(false, &["203.0.113.9-203.0.114.1", "2001:db8::7"]), [false, true, true, false, false]);
        assert_eq!(found(true, &["::/0"]), [true, true, false, true, true]);
        assert!(term(Field::SourceIp, false, &["203.0.113.0/24"]).required_values().is_none());
        assert!(term(Field::SourceIp, false, &["203.0.113.7"]).required_values().is_some());
    }

    #[test]
    fn the_id_of_a_user_finds_what_was_done_on_the_users_behalf() {
        let user = "906762d4ab-1b5c2a3e-4d5f-4a6b-8c7d-9e8f7a6b5c4d";
        let behind = format!(r#"{{"on_behalf_of":{{"user_id":"{user}"}}}}"#);
        let columns = [
            texts(&[Some("role/a"), Some(user), None, None]),
            texts(&[None; 4]),
            texts(&[None; 4]),
            texts(&[Some(behind.as_str()), None, Some(r#"{"note":"906762d4ab"}"#), None]),
        ];
        let asked = term(Field::Actor, false, &[user]);
        assert_eq!((asked.columns, asked.required_values()), (ACTOR_OR_BEHIND, None));
        assert_eq!(rows(&asked.evaluate(&columns)), [true, true, false, false]);
        assert_eq!(rows(&term(Field::Actor, true, &[user]).evaluate(&columns)), [false, false, true, true]);
        assert!(term(Field::Actor, false, &["role/a"]).required_values().is_some(), "no other value needs the metadata");
        let mut condition = Condition::any_of(Field::ActorEmail, vec!["ada@acme.example".to_owned()]);
        condition.actor_ids = vec![user.to_owned()];
        let found =
            Term::new(&condition).evaluate(&[Arc::clone(&columns[2]), Arc::clone(&columns[0]), Arc::clone(&columns[3])]);
        assert_eq!(rows(&found), [true, true, false, false]);
    }

    #[test]
    fn conditions_on_changes_speak_of_one_change() {
        let column = texts(&[
            Some(r#"[{"field":"role","before":"user","after":"admin"},{"field":"plan","after":"free"}]"#),
            Some(r#"[{"field":"role","before":"admin","after":"user"},{"field":"plan","after":"admin"}]"#),
            Some(r#"[{"field":"limit","before":10,"after":true}]"#),
            None,
        ]);
        let found = |conditions: &[(Field, bool, &str)]| {
            let mut query = Query::all(auditlake_event::Organization::parse("acme").unwrap());
            for (field, negated, value) in conditions {
                let condition = Condition::any_of(*field, vec![(*value).to_owned()]);
                query.conditions.push(Condition { negated: *negated, ..condition });
            }
            let mut rows = vec![true; 4];
            for term in Predicate::new(&query).terms {
                let mask = term.evaluate(&[Arc::clone(&column)]);
                rows.iter_mut().zip(mask.iter()).for_each(|(row, passes)| *row &= passes);
            }
            rows
        };
        let (field, before, after, value) =
            (Field::ChangesField, Field::ChangesBefore, Field::ChangesAfter, Field::ChangesValue);
        assert_eq!(found(&[(field, false, "role")]), [true, true, false, false]);
        assert_eq!(found(&[(field, false, "role"), (after, false, "admin")]), [true, false, false, false]);
        assert_eq!(found(&[(field, false, "role"), (value, false, "admin")]), [true, true, false, false]);
        assert_eq!(found(&[(before, false, "10"), (after, false, "true")]), [false, false, true, false]);
        assert_eq!(found(&[(after, true, "admin")]), [false, false, true, true]);
        assert_eq!(found(&[(field, false, "role"), (field, true, "plan")]), [false; 4]);
    }

    #[test]
    fn numbers_and_members_of_the_metadata_are_compared_by_their_text() {
        let statuses: ArrayRef = Arc::new(arrow_array::Int32Array::from(vec![Some(403), None, Some(200)]));
        assert_eq!(
            rows(&term(Field::HttpStatus, false, &["403", "404"]).evaluate(&[Arc::clone(&statuses)])),
            [true, false, false]
        );
        assert_eq!(rows(&term(Field::HttpStatus, true, &["403"]).evaluate(&[statuses])), [false, true, true]);
        let metadata = texts(&[Some(r#"{"team":"blue","n":5}"#), Some(r#"{"x":{"team":"blue"}}"#), None]);
        let key = |name: &str| Field::Metadata(MetadataKey::new(name).unwrap());
        assert_eq!(rows(&term(key("team"), false, &["blue"]).evaluate(&[Arc::clone(&metadata)])), [true, false, false]);
        assert_eq!(rows(&term(key("x.team"), false, &["blue"]).evaluate(&[Arc::clone(&metadata)])), [false, true, false]);
        assert_eq!(rows(&term(key("n"), true, &["5"]).evaluate(&[metadata])), [false, true, true]);
    }

    #[test]
    fn a_credential_is_a_member_of_the_metadata_not_any_text_in_it() {
        let column = texts(&[
            Some(r#"{"access_key_id":"AKIA1"}"#),
            Some(r#"{"issued_access_key_id":"AKIA1"}"#),
            Some(r#"{"note":"AKIA1"}"#),
            Some(r#"{"nested":{"access_key_id":"AKIA1"}}"#),
            Some(r#"{"access_key_id":"AKI\u00411"}"#),
            Some("not json AKIA1"),
            Some(r#"{"access_key_id":7,"issued_access_key_id":"AKIA1"}"#),
            None,
        ]);
        let expected = [true, true, false, false, true, false, true, false];
        assert_eq!(rows(&term(Field::Credential, false, &["AKIA1"]).evaluate(&[column])), expected);
    }
}
