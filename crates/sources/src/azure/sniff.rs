//! Whether an object is one of Azure's.

use crate::source::{Confidence, contains};

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;

/// Categories that nothing but Azure's logs has, as they stand in JSON, in lower case.
const CATEGORIES: [&[u8]; 14] = [
    b"\"storageread\"",
    b"\"storagewrite\"",
    b"\"storagedelete\"",
    b"\"signinlogs\"",
    b"\"noninteractiveusersigninlogs\"",
    b"\"serviceprincipalsigninlogs\"",
    b"\"managedidentitysigninlogs\"",
    b"\"adfssigninlogs\"",
    b"\"userriskevents\"",
    b"\"riskyusers\"",
    b"\"serviceprincipalriskevents\"",
    b"\"riskyserviceprincipals\"",
    b"\"microsoftgraphactivitylogs\"",
    b"\"azureadgraphactivitylogs\"",
];
/// Columns that rows of Log Analytics have beside `TimeGenerated`, one of which no other log has.
const COLUMNS: [&[u8]; 9] = [
    b"\"_resourceid\"",
    b"\"activitystatusvalue\"",
    b"\"aadtenantid\"",
    b"\"sourcesystem\"",
    b"\"operationnamevalue\"",
    b"\"resourceid\"",
    b"\"signinactivityid\"",
    b"\"targetresources\"",
    b"\"userprincipalname\"",
];
/// How ids of Azure Resource Manager begin.
const ARM_PREFIXES: [&[u8]; 3] = [b"\"/subscriptions/", b"\"/tenants/", b"\"/providers/"];
/// What parts of an object's name a diagnostic setting chooses.
const NAME_PARTS: [&str; 4] = ["insights-logs-", "insights-activity-logs", "resourceId=/", "WorkspaceResourceId=/"];

/// Judges an object by its beginning and its name. Names of members count in any case, so a copy in lower case is looked
/// at.
pub(super) fn sniff(head: &[u8], object_name: &str) -> Confidence {
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head).to_ascii_lowercase();
    if is_azure(&head) || is_azure(&unescaped(&head)) {
        return Confidence::Certain;
    }
    if NAME_PARTS.iter().any(|part| object_name.contains(part)) { Confidence::Name } else { Confidence::None }
}

fn is_azure(head: &[u8]) -> bool {
    let has = |name: &[u8]| contains(head, name);
    let has_category = has(b"\"category\"") && CATEGORIES.iter().any(|category| has(category));
    let has_arm_id = (has(b"\"resourceid\"") || has(b"\"resourceuri\"")) && ARM_PREFIXES.iter().any(|prefix| has(prefix));
    let has_operation = has(b"\"operationname\"") || has(b"\"category\"") || has(b"\"metricname\"");
    let is_directory = has(b"\"initiatedby\"") && has(b"\"targetresources\"") && has(b"\"activitydatetime\"");
    let is_graph_sign_in = has(b"\"createddatetime\"") && has(b"\"conditionalaccessstatus\"");
    let is_row = has(b"\"timegenerated\"") && COLUMNS.iter().any(|column| has(column));
    has_category || (has_arm_id && has_operation) || is_directory || is_graph_sign_in || is_row
}

/// What a collector's line holds as text: empty unless one of the members is there that the source looks into.
fn unescaped(head: &[u8]) -> Vec<u8> {
    let openings = [&b"\"message\""[..], b"\"log\"", b"\"_raw\""];
    let is_opened = openings.iter().any(|opening| {
        let behind = memchr::memmem::find(head, opening).and_then(|at| head.get(at + opening.len()..)).unwrap_or_default();
        let mut behind = behind.iter().filter(|byte| !byte.is_ascii_whitespace());
        behind.next() == Some(&b':') && behind.next() == Some(&b'"') && matches!(behind.next(), Some(b'{' | b'['))
    });
    if is_opened { head.iter().copied().filter(|byte| *byte != b'\\').collect() } else { Vec::new() }
}
