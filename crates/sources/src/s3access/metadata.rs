//! The rest of a line that is worth keeping apart: what questions filter by, and what no column holds. With the columns it
//! is all that a line states, so nothing is lost without `raw`.
//!
//! | key | from |
//! |---|---|
//! | `access_key_id` | the key that signed a presigned URL (`X-Amz-Credential`, `AWSAccessKeyId`), where S3 says that the requester was authenticated by the URL |
//! | `claimed_access_key_id` | the same where S3 does not say so: anybody can write a key's id into a URL |
//! | `authentication_method` | authentication type: `AuthHeader`, `QueryString` (a presigned URL) |
//! | `bucket_owner` | bucket owner: a canonical user id |
//! | `requester` | requester, where `actor_id` is not all of it |
//! | `raw_key` | key, where the line has it encoded |
//! | `key_differs_from_path` | `true` if the request's path states another key than the line does |
//! | `version_id`, `host_id`, `host_header`, `signature_version`, `cipher_suite`, `tls_version`, `access_point_arn`, `referer` | the fields of that name |
//! | `source_region` | source region: where in AWS the request came from |
//! | `acl_required` (boolean) | ACL required: whether an access control list had to allow the request |
//! | `bytes_sent`, `object_size` (bytes), `total_time_ms`, `turnaround_ms` | the fields of that name; absent for `-` |
//! | `http_version` | the request's first line |
//! | `custom_parameters` | parameters of the request's query that begin with `x-`: notes of whoever made the URL, proof of nothing |
//! | `extra_fields` | what stands behind the 27th field, at spaces |
//! | `ambiguous_split`, `split_count` | `true` if the line can be read in more than one way, and in how many (at most 1,000) |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |

use crate::metadata::{Metadata, Value};

use super::actor::Actor;
use super::head::{Head, stated};
use super::request::Request;
use super::resource::Resource;
use super::split::Split;

/// The most that is said about how many ways there are to read a line.
const MAX_SPLIT_COUNT: u64 = 1_000;

/// All that is known of a line.
pub(super) struct Line<'l> {
    pub head: Head<'l>,
    pub split: Split<'l>,
    pub request: Request<'l>,
    pub actor: Actor<'l>,
    pub resource: Resource<'l>,
    pub is_replaced: bool,
}

/// Appends the metadata of a line as a normalised JSON object; returns whether there is any.
pub(super) fn write(line: &Line<'_>, out: &mut String) -> bool {
    let Line { head, split, request, actor, resource, .. } = line;
    let tail = &split.tail;
    let mut entries = Metadata::default();
    for (name, text) in [
        ("access_point_arn", tail.access_point_arn),
        ("authentication_method", tail.authentication_type),
        ("bucket_owner", stated(head.bucket_owner)),
        ("cipher_suite", tail.cipher_suite),
        ("host_header", tail.host_header),
        ("host_id", tail.host_id),
        ("http_version", request.http_version),
        ("raw_key", resource.raw_key),
        ("referer", stated(split.referer)),
        ("requester", stated(head.requester).filter(|requester| actor.id != Some(*requester))),
        ("signature_version", tail.signature_version),
        ("source_region", tail.source_region),
        ("tls_version", tail.tls_version),
        ("version_id", tail.version_id),
    ] {
        entries.text(name, text);
    }
    let answer = &split.answer;
    for (name, number) in [
        ("bytes_sent", answer.bytes_sent),
        ("object_size", answer.object_size),
        ("total_time_ms", answer.total_time_ms),
        ("turnaround_ms", answer.turnaround_ms),
    ] {
        entries.extend(number.map(|number| (name, Value::Number(number))));
    }
    entries.extend(tail.acl_required.map(|required| match required {
        "Yes" => ("acl_required", Value::Bool(true)),
        "No" => ("acl_required", Value::Bool(false)),
        other => ("acl_required", Value::Text(other.into())),
    }));
    let is_authenticated =
        stated(head.requester).is_some() && (tail.authentication_type == Some("QueryString") || !tail.has_authentication);
    let key_name = if is_authenticated { "access_key_id" } else { "claimed_access_key_id" };
    entries.text(key_name, request.access_key_id());
    let custom_parameters = request.custom_parameters();
    if !custom_parameters.is_empty() {
        entries.put("custom_parameters", Value::NamedTexts(custom_parameters));
    }
    let further: Vec<&str> = tail.further.split_ascii_whitespace().collect();
    if !further.is_empty() {
        entries.put("extra_fields", Value::Texts(further));
    }
    if split.count > 1 {
        let count = split.count.min(MAX_SPLIT_COUNT);
        entries.put("ambiguous_split", Value::Bool(true));
        entries.extend(i64::try_from(count).ok().map(|count| ("split_count", Value::Number(count))));
    }
    entries.flag("key_differs_from_path", resource.differs_from_path);
    entries.flag("unicode_replaced", line.is_replaced || resource.is_replaced);
    entries.write(out)
}
