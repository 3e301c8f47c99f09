//! Conditions as SQL predicates, with the exact meaning that [`Field`] states.
//!
//! - Letters are folded by `lower`, which in Trino maps each letter by itself, and by `translate` for the small letters that have two
//!   forms ([`auditlake_query::fold`]), as far as the values hold such a letter.
//! - A null column has no value: a condition does not hold for it, a negated one does. SQL's third truth value never decides.

use auditlake_event::Column;
use auditlake_query::addresses::{self, Range, Wanted, address_of};
use auditlake_query::fold::{self, SECOND_FORMS};
use auditlake_query::{Condition, Field, PERSON_BEHIND, QueryError, QueryErrorKind};

use super::statement::{Writer, text_literal};

/// What one column is tested for.
#[derive(Debug, Clone)]
enum Test {
    /// It equals one of the values.
    Equal(Column, Vec<String>),
    /// It equals one of the values, whatever the case of letters.
    EqualFolded(Column, Vec<String>),
    /// It contains one of the values, whatever the case of letters.
    ContainsFolded(Column, Vec<String>),
    /// It is an address in one of the ranges.
    Within(Column, Vec<Range>),
    /// The JSON string at this path in `metadata` equals one of the values.
    Metadata(&'static str, Vec<String>),
    /// The scalar at this path in `metadata`, as a text, equals one of the values.
    Member(String, Vec<String>),
    /// One change has, for each of these, one of the values in one of the members.
    Changes(Vec<(&'static [&'static str], Vec<String>)>),
    /// It is one of these numbers.
    Number(Column, Vec<i32>),
}

impl Test {
    const fn column(&self) -> Column {
        match self {
            Test::Equal(column, _)
            | Test::EqualFolded(column, _)
            | Test::ContainsFolded(column, _)
            | Test::Within(column, _)
            | Test::Number(column, _) => *column,
            Test::Metadata(..) | Test::Member(..) => Column::Metadata,
            Test::Changes(_) => Column::Changes,
        }
    }
}

/// The tests of an actor: addresses have no case, ids and names do.
fn actor(values: &[String]) -> Vec<Test> {
    let (people, exact): (Vec<String>, Vec<String>) = values.iter().cloned().partition(|value| fold::is_address(value));
    let columns = [Column::ActorId, Column::ActorName, Column::ActorEmail];
    let mut tests = Vec::new();
    if !exact.is_empty() {
        tests.extend(columns.map(|column| Test::Equal(column, exact.clone())));
    }
    if !people.is_empty() {
        tests.extend(columns.map(|column| Test::EqualFolded(column, people.clone())));
    }
    tests
}

/// The tests of an address. A value that the parameters would refuse matches what it says.
fn source_ip(values: &[String]) -> Vec<Test> {
    let (mut texts, mut ranges) = (Vec::new(), Vec::new());
    for value in values {
        match addresses::parse(value) {
            Ok(Wanted::Range(_, range)) => ranges.extend(range.parts()),
            Ok(Wanted::Text(text)) => texts.push(text),
            Err(_) => texts.push(value.clone()),
        }
    }
    let texts = (!texts.is_empty()).then_some(Test::Equal(Column::SourceIp, texts));
    texts.into_iter().chain((!ranges.is_empty()).then_some(Test::Within(Column::SourceIp, ranges))).collect()
}

/// The tests of which one must pass (negated: none may).
fn tests_of(condition: &Condition) -> Vec<Test> {
    let values = &condition.values;
    let equal = |column| vec![Test::Equal(column, values.clone())];
    let mut tests = match condition.field {
        Field::EventId => equal(Column::EventId),
        Field::Actor => actor(values),
        Field::ActorEmail => vec![Test::EqualFolded(Column::ActorEmail, values.clone())],
        Field::ActorVia => equal(Column::ActorVia),
        Field::Credential => {
            ["$.access_key_id", "$.issued_access_key_id"].map(|path| Test::Metadata(path, values.clone())).to_vec()
        }
        Field::Action => equal(Column::Action),
        Field::Category => equal(Column::Category),
        Field::Outcome => equal(Column::Outcome),
        Field::ResourceType => equal(Column::ResourceType),
        Field::ResourceId => equal(Column::ResourceId),
        Field::Source => equal(Column::Source),
        Field::SourceIp => source_ip(values),
        Field::ScopeType => equal(Column::ScopeType),
        Field::ScopeId => equal(Column::ScopeId),
        Field::RequestId => equal(Column::RequestId),
        Field::ServiceName => equal(Column::ServiceName),
        Field::ErrorCode => equal(Column::ErrorCode),
        Field::HttpStatus => {
            vec![Test::Number(Column::HttpStatus, values.iter().filter_map(|value| value.parse().ok()).collect())]
        }
        Field::ChangesField | Field::ChangesBefore | Field::ChangesAfter | Field::ChangesValue => {
            vec![Test::Changes(vec![(condition.field.members_of_change(), values.clone())])]
        }
        Field::Metadata(key) => key.paths().iter().map(|path| Test::Member(json_path(path), values.clone())).collect(),
        Field::Text => [
            Column::ActorEmail,
            Column::ActorId,
            Column::ActorName,
            Column::ResourceId,
            Column::ResourceName,
            Column::ResourceType,
        ]
        .map(|column| Test::ContainsFolded(column, values.clone()))
        .to_vec(),
    };
    if !condition.actor_ids.is_empty() {
        tests.push(Test::Equal(Column::ActorId, condition.actor_ids.clone()));
    }
    let people = condition.people_behind();
    if !people.is_empty() {
        tests.extend(PERSON_BEHIND.iter().map(|path| Test::Member(json_path(path), people.clone())));
    }
    tests
}

/// The columns that the conditions read.
pub(crate) fn columns_of(conditions: &[Condition]) -> impl Iterator<Item = Column> + '_ {
    conditions.iter().flat_map(tests_of).map(|test| test.column())
}

/// Refuses conditions without values: they would say nothing.
pub(crate) fn check(conditions: &[Condition]) -> Result<(), QueryError> {
    if conditions.iter().any(|condition| condition.values.is_empty()) {
        return Err(QueryError::new(QueryErrorKind::Invalid, "a condition must have one value at least"));
    }
    Ok(())
}

/// The JSON path of a member, its names quoted.
pub(crate) fn json_path(names: &[&str]) -> String {
    let quoted = |name: &&str| format!("[\"{}\"]", name.replace('\\', "\\\\").replace('"', "\\\""));
    std::iter::once("$".to_owned()).chain(names.iter().map(quoted)).collect()
}

/// Writes each condition as ` AND (…)`. What is asked of changes is asked of one and the same change.
pub(crate) fn write_conditions(writer: &mut Writer, conditions: &[Condition], indent: &str) {
    let is_joined = |condition: &&Condition| condition.field.is_of_changes() && !condition.negated;
    let joined: Vec<_> = conditions.iter().filter(is_joined).collect();
    if !joined.is_empty() {
        let asked = joined.iter().map(|condition| (condition.field.members_of_change(), condition.values.clone()));
        writer.push(indent).push("AND (");
        write_test(writer, &Test::Changes(asked.collect()), false);
        writer.push(")");
    }
    for condition in conditions.iter().filter(|condition| !is_joined(condition)) {
        writer.push(indent).push("AND (");
        for (position, test) in tests_of(condition).iter().enumerate() {
            if position > 0 {
                writer.push(if condition.negated { " AND " } else { " OR " });
            }
            write_test(writer, test, condition.negated);
        }
        writer.push(")");
    }
}

fn write_test(writer: &mut Writer, test: &Test, negated: bool) {
    match test {
        Test::Equal(column, values) => write_equal(writer, column.name(), column.nullable(), negated, values, value),
        Test::EqualFolded(column, values) => {
            let values: Vec<String> = values.iter().map(|value| fold::fold(value).into_owned()).collect();
            write_equal(writer, &folded(*column, &values), column.nullable(), negated, &values, value);
        }
        Test::Metadata(path, values) => {
            // Compared as JSON, so that the number 5 is not the text "5".
            let expression = format!("json_extract({}, '{path}')", Column::Metadata.name());
            write_equal(writer, &expression, true, negated, values, |writer, value| {
                writer.push("CAST(").value(value).push(" AS JSON)");
            });
        }
        Test::Member(path, values) => {
            writer.push("coalesce(json_extract_scalar(").push(Column::Metadata.name()).push(", ").value(path).push(") IN (");
            write_values(writer, values, value);
            writer.push("), false)").push(if negated { " = false" } else { "" });
        }
        Test::Changes(asked) => write_changes(writer, negated, asked),
        Test::Number(column, numbers) => {
            let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
            // No number is wanted where no value was one.
            let numbers = if numbers.is_empty() { "NULL".to_owned() } else { numbers.join(", ") };
            writer.push("coalesce(").push(column.name()).push(" IN (").push(&numbers).push("), false)");
            writer.push(if negated { " = false" } else { "" });
        }
        Test::ContainsFolded(column, values) => write_contains(writer, *column, negated, values),
        Test::Within(column, ranges) => write_within(writer, *column, negated, ranges),
    }
}

fn value(writer: &mut Writer, value: &str) {
    writer.value(value);
}

fn write_equal(
    writer: &mut Writer,
    expression: &str,
    nullable: bool,
    negated: bool,
    values: &[String],
    write_value: impl Fn(&mut Writer, &str),
) {
    if negated && nullable {
        writer.push("(").push(expression).push(" IS NULL OR ");
    }
    writer.push(expression).push(if negated { " NOT IN (" } else { " IN (" });
    write_values(writer, values, write_value);
    writer.push(if negated && nullable { "))" } else { ")" });
}

fn write_values(writer: &mut Writer, values: &[String], write_value: impl Fn(&mut Writer, &str)) {
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            writer.push(", ");
        }
        write_value(writer, value);
    }
}

/// Whether one change has all that is asked. An event without changes has none.
fn write_changes(writer: &mut Writer, negated: bool, asked: &[(&[&str], Vec<String>)]) {
    writer.push("coalesce(contains(transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> (");
    for (position, (members, values)) in asked.iter().enumerate() {
        writer.push(if position > 0 { " AND (" } else { "(" });
        for (place, member) in members.iter().enumerate() {
            writer.push(if place > 0 { " OR " } else { "" });
            writer.push(&format!("coalesce(json_extract_scalar(change, '$.{member}') IN ("));
            write_values(writer, values, value);
            writer.push("), false)");
        }
        writer.push(")");
    }
    writer.push(")), true), false)").push(if negated { " = false" } else { "" });
}

fn write_contains(writer: &mut Writer, column: Column, negated: bool, values: &[String]) {
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            writer.push(if negated { " AND " } else { " OR " });
        }
        let needle = fold::fold(value).into_owned();
        let haystack = folded(column, std::slice::from_ref(&needle));
        if negated {
            writer.push("coalesce(strpos(").push(&haystack).push(", ").value(&needle).push("), 0) = 0");
        } else {
            writer.push("strpos(").push(&haystack).push(", ").value(&needle).push(") > 0");
        }
    }
}

/// A text that is no address lies in no range.
fn write_within(writer: &mut Writer, column: Column, negated: bool, ranges: &[Range]) {
    let address = format!("TRY_CAST({} AS IPADDRESS)", column.name());
    for (position, range) in ranges.iter().enumerate() {
        if position > 0 {
            writer.push(if negated { " AND " } else { " OR " });
        }
        writer.push("coalesce(").push(&address).push(" BETWEEN CAST(").value(&address_of(range.first).to_string());
        writer.push(" AS IPADDRESS) AND CAST(").value(&address_of(range.last).to_string());
        writer.push(" AS IPADDRESS), false)").push(if negated { " = false" } else { "" });
    }
}

/// A column folded as far as it matters to these values, which are folded themselves: a second form of a letter that none of them
/// holds decides nothing.
fn folded(column: Column, values: &[String]) -> String {
    folded_by(column, |letter| values.iter().any(|value| value.contains(letter)))
}

/// A column folded.
pub(crate) fn wholly_folded(column: Column) -> String {
    folded_by(column, |_| true)
}

fn folded_by(column: Column, matters: impl Fn(char) -> bool) -> String {
    let lower = format!("lower({})", column.name());
    let forms: Vec<&(char, char)> = SECOND_FORMS.iter().filter(|(_, usual)| matters(*usual)).collect();
    if forms.is_empty() {
        return lower;
    }
    let letters = |letters: Vec<char>| match letters.as_slice() {
        [only] => letter_literal(*only),
        several => {
            format!("concat({})", several.iter().map(|letter| letter_literal(*letter)).collect::<Vec<_>>().join(", "))
        }
    };
    let from = letters(forms.iter().map(|(form, _)| *form).collect());
    let to = letters(forms.iter().map(|(_, usual)| *usual).collect());
    format!("translate({lower}, {from}, {to})")
}

/// One letter of ours in a statement, which is ASCII.
fn letter_literal(letter: char) -> String {
    if letter.is_ascii() { text_literal(&letter.to_string()) } else { format!("chr({})", u32::from(letter)) }
}

#[cfg(test)]
mod tests {
    use auditlake_query::MetadataKey;

    use super::*;

    fn rendered(field: Field, negated: bool, values: &[&str]) -> (String, Vec<String>) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let condition = Condition { negated, ..Condition::any_of(field, values) };
        let mut writer = Writer::default();
        write_conditions(&mut writer, &[condition], " ");
        let statement = writer.finish().unwrap();
        (statement.text, statement.parameters)
    }

    #[test]
    fn ids_of_the_directory_are_alternatives_or_excluded_too() {
        let excluded = |column: &str| format!("({column} IS NULL OR {column} NOT IN (?))");
        let (id, name, email) = (excluded("actor_id"), excluded("actor_name"), excluded("actor_email"));
        for (negated, text) in [
            (false, " AND (actor_id IN (?) OR actor_name IN (?) OR actor_email IN (?) OR actor_id IN (?, ?))".to_owned()),
            (true, format!(" AND ({id} AND {name} AND {email} AND (actor_id IS NULL OR actor_id NOT IN (?, ?)))")),
        ] {
            let mut condition = Condition { negated, ..Condition::any_of(Field::Actor, vec!["Ada".to_owned()]) };
            condition.actor_ids = vec!["1".to_owned(), "it's".to_owned()];
            let mut writer = Writer::default();
            write_conditions(&mut writer, &[condition], " ");
            let statement = writer.finish().unwrap();
            assert_eq!(statement.text, text);
            assert_eq!(statement.parameters, ["'Ada'", "'Ada'", "'Ada'", "'1'", "'it''s'"]);
        }
    }

    #[test]
    fn each_field_has_its_meaning() {
        let email = "translate(lower(actor_email), concat(chr(383), chr(962)), concat('s', chr(963)))";
        let within =
            "coalesce(TRY_CAST(source_ip AS IPADDRESS) BETWEEN CAST(? AS IPADDRESS) AND CAST(? AS IPADDRESS), false)";
        for (field, negated, values, text, parameters) in [
            (Field::Action, false, &["a"][..], " AND (action IN (?))".to_owned(), &["'a'"][..]),
            (Field::Action, true, &["a", "b"], " AND (action NOT IN (?, ?))".to_owned(), &["'a'", "'b'"]),
            (Field::SourceIp, true, &["a"], " AND ((source_ip IS NULL OR source_ip NOT IN (?)))".to_owned(), &["'a'"]),
            (
                Field::Actor,
                false,
                &["a"],
                " AND (actor_id IN (?) OR actor_name IN (?) OR actor_email IN (?))".to_owned(),
                &["'a'", "'a'", "'a'"],
            ),
            (Field::ActorEmail, false, &["Ä@X.org"], " AND (lower(actor_email) IN (?))".to_owned(), &["'ä@x.org'"]),
            (
                Field::ActorEmail,
                true,
                &["S@x.org", "ς@x.org"],
                format!(" AND (({email} IS NULL OR {email} NOT IN (?, ?)))"),
                &["'s@x.org'", "'σ@x.org'"],
            ),
            (
                Field::Actor,
                false,
                &["Ada", "B@x"],
                " AND (actor_id IN (?) OR actor_name IN (?) OR actor_email IN (?) OR lower(actor_id) IN (?) \
                 OR lower(actor_name) IN (?) OR lower(actor_email) IN (?))"
                    .to_owned(),
                &["'Ada'", "'Ada'", "'Ada'", "'b@x'", "'b@x'", "'b@x'"],
            ),
            (
                Field::SourceIp,
                false,
                &["192.0.2.7", "203.0.113.0/24"],
                format!(" AND (source_ip IN (?) OR {within})"),
                &["'192.0.2.7'", "'::ffff:203.0.113.0'", "'::ffff:203.0.113.255'"],
            ),
            (
                Field::HttpStatus,
                true,
                &["403", "404"],
                " AND (coalesce(http_status IN (403, 404), false) = false)".to_owned(),
                &[],
            ),
            (
                Field::Metadata(MetadataKey::new("a.b").unwrap()),
                false,
                &["x"],
                " AND (coalesce(json_extract_scalar(metadata, ?) IN (?), false) OR \
                 coalesce(json_extract_scalar(metadata, ?) IN (?), false))"
                    .to_owned(),
                &["'$[\"a.b\"]'", "'x'", "'$[\"a\"][\"b\"]'", "'x'"],
            ),
            (
                Field::SourceIp,
                true,
                &["::/0"],
                format!(" AND ({within} = false AND {within} = false)"),
                &["'::'", "'::fffe:ffff:ffff'", "'::1:0:0:0'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'"],
            ),
            (
                Field::Credential,
                false,
                &["AKIA"],
                " AND (json_extract(metadata, '$.access_key_id') IN (CAST(? AS JSON)) \
                 OR json_extract(metadata, '$.issued_access_key_id') IN (CAST(? AS JSON)))"
                    .to_owned(),
                &["'AKIA'", "'AKIA'"],
            ),
        ] {
            let expected = parameters.iter().map(|parameter| (*parameter).to_owned()).collect();
            assert_eq!(rendered(field, negated, values), (text, expected));
        }
        let (text, parameters) = rendered(Field::Text, true, &["It's"]);
        let email = "translate(lower(actor_email), chr(383), 's')";
        assert!(text.starts_with(&format!(" AND (coalesce(strpos({email}, ?), 0) = 0 AND ")), "{text}");
        assert_eq!(parameters, vec!["'it''s'"; 6]);
    }
}
