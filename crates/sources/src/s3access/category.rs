//! What kind of action an operation is.

use auditlake_event::Category;

/// Resources of operations that read or write objects although the line names no key: lists of objects and uploads,
/// deletions of many at once, and a website's root.
const OBJECTS: [&str; 8] =
    ["BUCKET", "BUCKETVERSIONS", "MULTI_OBJECT_DELETE", "OBJECT", "OBJECT_GET", "PART", "UPLOAD", "UPLOADS"];

/// The category of an operation, by the first rule that fits; `aws.cloudtrail` puts the same calls into the same ones:
///
/// 1. the line names a key, be it of the object itself, its tags, its access control list or its parts: data access;
/// 2. `BUCKET`, created or removed (`PUT`, `DELETE`): configuration; only asked after (`HEAD`): other;
/// 3. a resource of the table above: data access;
/// 4. anything else about a bucket (policy, versioning, logging, …): configuration if it writes, other if it reads or is a
///    browser's preflight (`OPTIONS`);
/// 5. `SOAP.<name>`, by the name.
pub(super) fn of(operation: &str, has_key: bool) -> Category {
    if has_key {
        return Category::DataAccess;
    }
    let mut parts = operation.splitn(3, '.');
    let (prefix, method, resource) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if prefix == Some("SOAP") {
        return soap(method);
    }
    let is = |name: &str| resource.eq_ignore_ascii_case(name);
    match method {
        "OPTIONS" => Category::Other,
        "HEAD" if is("BUCKET") => Category::Other,
        "PUT" | "DELETE" if is("BUCKET") => Category::Configuration,
        _ if OBJECTS.iter().any(|object| is(object)) => Category::DataAccess,
        "GET" | "HEAD" => Category::Other,
        "PUT" | "POST" | "DELETE" => Category::Configuration,
        _ => Category::Other,
    }
}

fn soap(name: &str) -> Category {
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    if name.contains("Object") || name == "ListBucket" {
        Category::DataAccess
    } else if starts(&["Create", "Delete", "Put", "Set"]) {
        Category::Configuration
    } else {
        Category::Other
    }
}
