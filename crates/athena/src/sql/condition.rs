//! Conditions as SQL predicates, with the exact meaning that [`Field`] states.
//!
//! - Letters are folded by `translate`, in ASCII only; `lower` would fold all of Unicode and find more than the scan engine.
//! - A null column has no value: a condition does not hold for it, a negated one does. SQL's third truth value never decides.

use auditlake_event::Column;
use auditlake_query::{Condition, Field, QueryError, QueryErrorKind};

use super::statement::Writer;

/// What one column is tested for.
#[derive(Debug, Clone, Copy)]
enum Test {
    /// It equals one of the values.
    Equal(Column),
    /// It equals one of the values, whatever the case of ASCII letters.
    EqualFolded(Column),
    /// It contains one of the values, whatever the case of ASCII letters.
    ContainsFolded(Column),
    /// The JSON string at this path in `metadata` equals one of the values.
    Metadata(&'static str),
}

/// The tests of which one must pass (negated: none may).
const fn tests_of(field: Field) -> &'static [Test] {
    match field {
        Field::EventId => &[Test::Equal(Column::EventId)],
        Field::Actor => &[Test::Equal(Column::ActorId), Test::Equal(Column::ActorName), Test::Equal(Column::ActorEmail)],
        Field::ActorEmail => &[Test::EqualFolded(Column::ActorEmail)],
        Field::ActorVia => &[Test::Equal(Column::ActorVia)],
        Field::Credential => &[Test::Metadata("$.access_key_id"), Test::Metadata("$.issued_access_key_id")],
        Field::Action => &[Test::Equal(Column::Action)],
        Field::Category => &[Test::Equal(Column::Category)],
        Field::Outcome => &[Test::Equal(Column::Outcome)],
        Field::ResourceType => &[Test::Equal(Column::ResourceType)],
        Field::ResourceId => &[Test::Equal(Column::ResourceId)],
        Field::Source => &[Test::Equal(Column::Source)],
        Field::SourceIp => &[Test::Equal(Column::SourceIp)],
        Field::Text => &[
            Test::ContainsFolded(Column::ActorEmail),
            Test::ContainsFolded(Column::ActorId),
            Test::ContainsFolded(Column::ActorName),
            Test::ContainsFolded(Column::ResourceId),
            Test::ContainsFolded(Column::ResourceName),
            Test::ContainsFolded(Column::ResourceType),
        ],
    }
}

/// The columns that the conditions read.
pub(crate) fn columns_of(conditions: &[Condition]) -> impl Iterator<Item = Column> + '_ {
    let has_ids = conditions.iter().any(|condition| !condition.actor_ids.is_empty());
    let tested = conditions.iter().flat_map(|condition| tests_of(condition.field)).map(|test| match test {
        Test::Equal(column) | Test::EqualFolded(column) | Test::ContainsFolded(column) => *column,
        Test::Metadata(_) => Column::Metadata,
    });
    tested.chain(has_ids.then_some(Column::ActorId))
}

/// Refuses conditions without values: they would say nothing.
pub(crate) fn check(conditions: &[Condition]) -> Result<(), QueryError> {
    if conditions.iter().any(|condition| condition.values.is_empty()) {
        return Err(QueryError::new(QueryErrorKind::Invalid, "a condition must have one value at least"));
    }
    Ok(())
}

/// Writes each condition as ` AND (…)`.
pub(crate) fn write_conditions(writer: &mut Writer, conditions: &[Condition], indent: &str) {
    for condition in conditions {
        writer.push(indent).push("AND (");
        for (position, test) in tests_of(condition.field).iter().enumerate() {
            if position > 0 {
                writer.push(if condition.negated { " AND " } else { " OR " });
            }
            write_test(writer, *test, condition);
        }
        if !condition.actor_ids.is_empty() {
            writer.push(if condition.negated { " AND " } else { " OR " });
            let ids = Condition { values: condition.actor_ids.clone(), ..condition.clone() };
            write_test(writer, Test::Equal(Column::ActorId), &ids);
        }
        writer.push(")");
    }
}

fn write_test(writer: &mut Writer, test: Test, condition: &Condition) {
    match test {
        Test::Equal(column) => write_equal(writer, column.name(), column.nullable(), condition, |writer, value| {
            writer.value(value);
        }),
        Test::EqualFolded(column) => {
            write_equal(writer, &folded(column), column.nullable(), condition, |writer, value| {
                writer.value(&value.to_ascii_lowercase());
            });
        }
        Test::Metadata(path) => {
            // Compared as JSON, so that the number 5 is not the text "5".
            let expression = format!("json_extract({}, '{path}')", Column::Metadata.name());
            write_equal(writer, &expression, true, condition, |writer, value| {
                writer.push("CAST(").value(value).push(" AS JSON)");
            });
        }
        Test::ContainsFolded(column) => write_contains(writer, column, condition),
    }
}

fn write_equal(
    writer: &mut Writer,
    expression: &str,
    nullable: bool,
    condition: &Condition,
    write_value: impl Fn(&mut Writer, &str),
) {
    if condition.negated && nullable {
        writer.push("(").push(expression).push(" IS NULL OR ");
    }
    writer.push(expression).push(if condition.negated { " NOT IN (" } else { " IN (" });
    for (position, value) in condition.values.iter().enumerate() {
        if position > 0 {
            writer.push(", ");
        }
        write_value(writer, value);
    }
    writer.push(if condition.negated && nullable { "))" } else { ")" });
}

fn write_contains(writer: &mut Writer, column: Column, condition: &Condition) {
    let haystack = folded(column);
    for (position, value) in condition.values.iter().enumerate() {
        if position > 0 {
            writer.push(if condition.negated { " AND " } else { " OR " });
        }
        let needle = value.to_ascii_lowercase();
        if condition.negated {
            writer.push("coalesce(strpos(").push(&haystack).push(", ").value(&needle).push("), 0) = 0");
        } else {
            writer.push("strpos(").push(&haystack).push(", ").value(&needle).push(") > 0");
        }
    }
}

fn folded(column: Column) -> String {
    format!("translate({}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')", column.name())
}

#[cfg(test)]
mod tests {
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
        let email = "translate(actor_email, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')";
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
            (Field::ActorEmail, false, &["Ä@X.org"], format!(" AND ({email} IN (?))"), &["'Ä@x.org'"]),
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
        assert!(text.starts_with(&format!(" AND (coalesce(strpos({email}, ?), 0) = 0 AND ")), "{text}");
        assert_eq!(parameters, vec!["'it''s'"; 6]);
    }
}
