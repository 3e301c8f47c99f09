//! What a call was made on.

mod parameters;
mod several;
mod target;
mod thing;

use std::borrow::Cow;

use crate::json::Json;

use super::parts;
use parameters::PARAMETERS;
use thing::{Found, Thing};

pub(super) use target::Resource;

/// Reads the resource, by the first rule that fits:
///
/// 1. `resources`: the S3 object if there is one, else the first with an ARN;
/// 2. S3: `bucketName` and `key` as an ARN, which S3 ARNs can be made of without doubt;
/// 3. of a call that creates (`Create…`, `Run…`, `Allocate…`, `Restore…`): what was created, by its id in the answer (`thing.rs`), or by
///    the name it was to have;
/// 4. the request parameter of the table in `parameters.rs`; what a call on several things names, see `several.rs`;
/// 5. the request parameter that is called by the thing in the call's name (`DeleteCluster`: `clusterName`);
/// 6. the same in the answer, where the request names nothing;
///
/// and the name is the object's key, the thing's name beside its id, the last part of an ARN's path, or the value itself. An IAM
/// name alone makes no ARN (its path is not known), so there the name is the id. Ids of Route 53 stand without the path that some
/// answers put before them (`/hostedzone/`).
pub(super) fn of<'r>(record: &'r Json<'_>) -> Resource<'r> {
    let service = parts::service(record);
    let call = record.text_at("eventName").unwrap_or_default();
    let (request, answer) = (parts::request(record), parts::answer(record));
    let thing = Thing::of(call);
    let created = || {
        let thing = thing.filter(Thing::is_created)?;
        thing.in_answer(service, answer?)
    };
    // Of what could not be made the request may hold the name, besides what it was to lie in.
    let asked_for = || thing.filter(Thing::is_created)?.in_request(service, request?);
    listed(record)
        .or_else(|| if service.starts_with("s3") { in_s3(record, request?) } else { None })
        .or_else(|| Some(made(service, thing?, created().or_else(asked_for)?)))
        .or_else(|| named(service, request?))
        .or_else(|| several::of(service, request?))
        .or_else(|| Some(made(service, thing?, thing?.in_request(service, request?)?)))
        .or_else(|| Some(made(service, thing?, thing?.in_answer(service, answer?)?)))
        .unwrap_or_default()
}

fn listed<'r>(record: &'r Json<'_>) -> Option<Resource<'r>> {
    let resources = record.get("resources")?.elements();
    let is_object = |resource: &&Json<'_>| resource.text_at("type") == Some("AWS::S3::Object");
    let with_arn = || resources.iter().filter(|resource| resource.text_at("ARN").is_some());
    let chosen = with_arn().find(is_object).or_else(|| with_arn().next())?;
    let arn = chosen.text_at("ARN")?;
    Some(Resource {
        kind: chosen.text_at("type").map(Cow::Borrowed),
        id: Some(Cow::Borrowed(arn)),
        name: Some(name_in_arn(arn)),
        ..Resource::default()
    })
}

/// The part of an ARN that people call the thing by.
fn name_in_arn(arn: &str) -> &str {
    let Some(resource) = arn.splitn(6, ':').nth(5).filter(|resource| !resource.is_empty()) else { return arn };
    if arn.split(':').nth(2) == Some("s3") {
        // bucket, or bucket/key: a key may hold further slashes.
        return resource.split_once('/').map_or(resource, |(_, key)| key);
    }
    resource.rsplit(['/', ':']).next().filter(|name| !name.is_empty()).unwrap_or(resource)
}

fn in_s3<'r>(record: &Json<'_>, request: &'r Json<'_>) -> Option<Resource<'r>> {
    let bucket = request.get_any_case("bucketName")?.text()?;
    let region = record.text_at("awsRegion").unwrap_or_default();
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let key = request.get_any_case("key").and_then(Json::text);
    let (kind, id) = match key {
        Some(key) => ("AWS::S3::Object", format!("arn:{partition}:s3:::{bucket}/{key}")),
        None => ("AWS::S3::Bucket", format!("arn:{partition}:s3:::{bucket}")),
    };
    Some(Resource {
        kind: Some(Cow::Borrowed(kind)),
        id: Some(Cow::Owned(id)),
        name: Some(key.unwrap_or(bucket)),
        parameter: Some("bucketName"),
        all: Vec::new(),
    })
}

fn made<'r>(service: &str, thing: Thing<'_>, found: Found<'r>) -> Resource<'r> {
    let id = own_id(service, found.id);
    let named = if id.starts_with("arn:") { name_in_arn(id) } else { id };
    Resource {
        kind: parameters::kind(service, thing.name).map(Cow::Owned),
        id: Some(Cow::Borrowed(id)),
        name: Some(found.name.unwrap_or(named)),
        parameter: None,
        all: found.all,
    }
}

fn own_id<'r>(service: &str, id: &'r str) -> &'r str {
    let last = if service == "route53" { id.strip_prefix('/').and_then(|path| path.rsplit('/').next()) } else { None };
    last.filter(|last| !last.is_empty()).unwrap_or(id)
}

fn named<'r>(service: &str, request: &'r Json<'r>) -> Option<Resource<'r>> {
    for (of_service, parameter, kind) in PARAMETERS {
        if !of_service.is_empty() && *of_service != service {
            continue;
        }
        let Some(value) = request.get_any_case(parameter).and_then(Json::text) else { continue };
        let id = own_id(service, value);
        return Some(Resource {
            kind: Some(Cow::Borrowed(kind)),
            id: Some(Cow::Borrowed(id)),
            name: Some(if id.starts_with("arn:") { name_in_arn(id) } else { id }),
            parameter: Some(*parameter),
            all: Vec::new(),
        });
    }
    None
}
