//! Whether an object holds events of OCSF.

use crate::finding::first_values;
use crate::parquet_file::{column_names, is_parquet, is_whole};
use crate::source::{Confidence, contains, contains_any_case};

use super::columns::has_columns;
use super::record;

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 64 * 1024;

/// Judges by the members of the first records, not by names anywhere: records of other systems may hold an event of OCSF in a text or
/// deep inside.
pub(super) fn sniff(head: &[u8], object_name: &str) -> Confidence {
    if is_parquet(head) {
        return parquet(head, object_name);
    }
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head);
    let has = |name: &[u8]| contains(head, name);
    if !(has(b"\"class_uid\"") || has(b"\"type_uid\"")) {
        return Confidence::None;
    }
    let values = first_values(head).0;
    if values.iter().any(record::is_ocsf) {
        return Confidence::Certain;
    }
    // A first record that does not end in sight.
    let is_cut_off = values.is_empty() && has(b"\"class_uid\"") && has(b"\"category_uid\"") && has(b"\"metadata\"");
    if is_cut_off { Confidence::Likely } else { Confidence::None }
}

/// Parquet says what its columns are only at its end, so of a large file the name has to decide: Security Lake's are
/// `…/region=…/accountId=…/eventDay=…/….parquet`.
fn parquet(head: &[u8], object_name: &str) -> Confidence {
    if is_whole(head) {
        return if has_columns(&column_names(head)) { Confidence::Certain } else { Confidence::None };
    }
    let is_of_security_lake = object_name.contains("accountId=") && object_name.contains("eventDay=");
    if object_name.ends_with(".parquet") && is_of_security_lake || contains_any_case(object_name, "ocsf") {
        return Confidence::Likely;
    }
    Confidence::None
}
