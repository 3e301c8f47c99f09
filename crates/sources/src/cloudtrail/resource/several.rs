//! Calls whose request names several things: the first is the resource, all of them are kept.

use std::borrow::Cow;

use crate::json::Json;

use super::super::parts;
use super::target::Resource;

/// Reads what a request names:
///
/// | service | from |
/// |---|---|
/// | EC2 | `instancesSet`, `resourcesSet` |
/// | DynamoDB | the tables that `requestItems` has as names (`BatchWriteItem`, `BatchGetItem`), and those in `transactItems` (`TransactWriteItems`, `TransactGetItems`), each once |
/// | Glue | `tablesToDelete` (`BatchDeleteTable`) |
pub(super) fn of<'r>(service: &str, request: &'r Json<'r>) -> Option<Resource<'r>> {
    match service {
        "ec2" => set(request, "instancesSet", "instanceId", Some("AWS::EC2::Instance"))
            .or_else(|| set(request, "resourcesSet", "resourceId", None)),
        "dynamodb" => {
            let named = request.get_any_case("requestItems").and_then(Json::members);
            let named = named.into_iter().flat_map(|members| members.iter()).map(|(name, _)| name);
            let items = request.get_any_case("transactItems").map(Json::elements).unwrap_or_default();
            let actions = items.iter().filter_map(Json::members).flat_map(|members| members.iter());
            let in_actions = actions.filter_map(|(_, action)| action.get_any_case("tableName")?.text());
            resource(named.chain(in_actions), "requestItems", Some("AWS::DynamoDB::Table"))
        }
        "glue" => {
            let tables = request.get_any_case("tablesToDelete")?.elements();
            resource(tables.iter().filter_map(Json::text), "tablesToDelete", Some("AWS::Glue::Table"))
        }
        _ => None,
    }
}

fn set<'r>(request: &'r Json<'r>, set: &'static str, member: &str, kind: Option<&'static str>) -> Option<Resource<'r>> {
    let things = parts::objects(request.get_any_case(set)?);
    resource(things.iter().filter_map(|thing| thing.text_at(member)), set, kind)
}

fn resource<'r>(
    found: impl Iterator<Item = &'r str>,
    parameter: &'static str,
    kind: Option<&'static str>,
) -> Option<Resource<'r>> {
    let mut ids: Vec<&str> = Vec::new();
    for id in found {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let id = ids.first().copied()?;
    Some(Resource {
        kind: kind.map(Cow::Borrowed),
        id: Some(Cow::Borrowed(id)),
        name: Some(id),
        parameter: Some(parameter),
        all: if ids.len() > 1 { ids } else { Vec::new() },
    })
}
