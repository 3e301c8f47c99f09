//! The columns by which a table of OCSF is known.

/// Whether this is the name of a column by which a table of OCSF is known.
pub(super) fn is_column(name: &str) -> bool {
    ["class_uid", "category_uid", "type_uid", "activity_id"].contains(&name)
}

/// Whether these are the columns of a table of OCSF.
pub(crate) fn has_columns(names: &[String]) -> bool {
    names.iter().any(|name| name == "class_uid") && names.iter().filter(|name| is_column(name)).count() >= 2
}
