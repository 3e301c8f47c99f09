//! The normal form of a record: CloudTrail's own spelling of names, and JSON where others wrote it as a text.
//!
//! Athena's tables hold `requestParameters`, `responseElements` and `additionalEventData` as texts and spell every name in lower
//! case; so do rows exported from them, and what other programs make of them. A record in normal form is the record that
//! CloudTrail wrote, as far as it is there, so both give the same event.

use std::borrow::Cow;

use crate::absent::stated;
use crate::json::{Json, Members, Parser};
use crate::names::Names;

/// Names that an object may have, each with what is known of its value.
struct Shape(&'static [(&'static str, Option<&'static Shape>)]);

/// An object or array whose names are those of a service.
static FREE: Shape = Shape(&[]);
static ON_BEHALF_OF: Shape = Shape(&[("identityStoreArn", None), ("userId", None)]);
static ISSUER: Shape =
    Shape(&[("accountId", None), ("arn", None), ("principalId", None), ("type", None), ("userName", None)]);
static ATTRIBUTES: Shape = Shape(&[("creationDate", None), ("mfaAuthenticated", None)]);
static FEDERATION: Shape = Shape(&[("attributes", Some(&FREE)), ("federatedProvider", None)]);
static SESSION: Shape = Shape(&[
    ("assumedRoot", None),
    ("attributes", Some(&ATTRIBUTES)),
    ("ec2RoleDelivery", None),
    ("sessionIssuer", Some(&ISSUER)),
    ("sourceIdentity", None),
    ("webIdFederationData", Some(&FEDERATION)),
]);
static IDENTITY: Shape = Shape(&[
    ("accessKeyId", None),
    ("accountId", None),
    ("arn", None),
    ("credentialId", None),
    ("identityProvider", None),
    ("inScopeOf", Some(&FREE)),
    ("invokedBy", None),
    ("onBehalfOf", Some(&ON_BEHALF_OF)),
    ("principalId", None),
    ("sessionContext", Some(&SESSION)),
    ("type", None),
    ("userName", None),
]);
static RESOURCE: Shape = Shape(&[("ARN", None), ("ARNPrefix", None), ("accountId", None), ("type", None)]);
static ADDITIONAL: Shape = Shape(&[("AuthenticationMethod", None), ("MFAUsed", None)]);
static ADDENDUM: Shape =
    Shape(&[("originalEventID", None), ("originalRequestID", None), ("reason", None), ("updatedFields", None)]);
static TLS: Shape = Shape(&[("cipherSuite", None), ("clientProvidedHostHeader", None), ("tlsVersion", None)]);
static RECORD: Shape = Shape(&[
    ("addendum", Some(&ADDENDUM)),
    ("additionalEventData", Some(&ADDITIONAL)),
    ("apiVersion", None),
    ("awsRegion", None),
    ("edgeDeviceDetails", Some(&FREE)),
    ("errorCode", None),
    ("errorMessage", None),
    ("eventCategory", None),
    ("eventID", None),
    ("eventName", None),
    ("eventSource", None),
    ("eventTime", None),
    ("eventType", None),
    ("eventVersion", None),
    ("insightDetails", Some(&FREE)),
    ("managementEvent", None),
    ("readOnly", None),
    ("recipientAccountId", None),
    ("requestID", None),
    ("requestParameters", Some(&FREE)),
    ("resources", Some(&RESOURCE)),
    ("responseElements", Some(&FREE)),
    ("serviceEventDetails", Some(&FREE)),
    ("sessionCredentialFromConsole", None),
    ("sharedEventID", None),
    ("sourceIPAddress", None),
    ("summary", Some(&FREE)),
    ("timeWindow", Some(&FREE)),
    ("tlsDetails", Some(&TLS)),
    ("userAgent", None),
    ("userIdentity", Some(&IDENTITY)),
    ("vpcEndpointAccountId", None),
    ("vpcEndpointId", None),
]);

/// Members of a record that are structures.
pub(super) static STRUCTURED: Names = Names::new(&[
    "addendum",
    "additionalEventData",
    "edgeDeviceDetails",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "tlsDetails",
    "userIdentity",
]);

impl Shape {
    /// CloudTrail's spelling of a name, and what is known of its value.
    fn find(&self, name: &str) -> Option<(&'static str, Option<&'static Shape>)> {
        let of_length = || self.0.iter().filter(|(own, _)| own.len() == name.len());
        let found = of_length().find(|(own, _)| *own == name);
        found.or_else(|| of_length().find(|(own, _)| own.eq_ignore_ascii_case(name))).copied()
    }
}

/// A record in normal form; `None` if it is already.
pub(super) fn normalised<'r>(record: &'r Json<'r>) -> Option<Json<'r>> {
    record.members()?;
    // Nearly all records are, which must cost no more than a look.
    if is_normal(record, &RECORD) { None } else { changed(record, &RECORD) }
}

fn is_normal(value: &Json<'_>, shape: &Shape) -> bool {
    match value {
        Json::Text(text) => decoded(text).is_none(),
        Json::Array(elements) => {
            elements.iter().filter(|element| element.members().is_some()).all(|element| is_normal(element, shape))
        }
        Json::Object(_) if shape.0.is_empty() => true,
        Json::Object(members) => members.iter().all(|(name, value)| match shape.find(name) {
            Some((own, inner)) => own == name && inner.is_none_or(|inner| is_normal(value, inner)),
            None => true,
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
    }
}

fn changed<'r>(value: &'r Json<'r>, shape: &Shape) -> Option<Json<'r>> {
    match value {
        Json::Text(text) => decoded(text).map(|value| renamed(value, shape)),
        Json::Array(elements) => {
            let mut changed_elements: Option<Vec<Json<'r>>> = None;
            for (index, element) in elements.iter().enumerate().filter(|(_, element)| element.members().is_some()) {
                let Some(new) = changed(element, shape) else { continue };
                if let Some(element) = changed_elements.get_or_insert_with(|| elements.clone()).get_mut(index) {
                    *element = new;
                }
            }
            changed_elements.map(Json::Array)
        }
        Json::Object(members) => {
            let mut found: Vec<(Option<&'static str>, Option<Json<'r>>)> = Vec::with_capacity(members.as_parsed().len());
            for (name, value) in members.iter() {
                let known = shape.find(name);
                let is_taken = |own: &&str| members.as_parsed().iter().any(|(name, _)| name == own);
                let respelled = known.map(|(own, _)| own).filter(|own| !is_taken(own));
                let inner = known.and_then(|(_, inner)| inner);
                found.push((respelled, inner.and_then(|inner| changed(value, inner))));
            }
            if found.iter().all(|(name, value)| name.is_none() && value.is_none()) {
                return None;
            }
            let mut entries: Vec<(Cow<'r, str>, Json<'r>)> = Vec::with_capacity(found.len());
            for ((name, value), (respelled, new)) in members.as_parsed().iter().zip(found) {
                let name = respell(name, respelled, &entries);
                entries.push((name, new.unwrap_or_else(|| value.clone())));
            }
            Some(Json::Object(Members::of(entries)))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// A value that came out of a text, with CloudTrail's spelling of names.
fn renamed<'r>(value: Json<'r>, shape: &Shape) -> Json<'r> {
    match value {
        Json::Array(elements) => Json::Array(elements.into_iter().map(|element| renamed(element, shape)).collect()),
        Json::Object(members) => {
            let own_names: Vec<&'static str> = shape.0.iter().map(|(own, _)| *own).collect();
            let taken: Vec<&str> =
                own_names.into_iter().filter(|own| members.as_parsed().iter().any(|(name, _)| name == own)).collect();
            let mut entries: Vec<(Cow<'r, str>, Json<'r>)> = Vec::new();
            for (name, value) in members.into_parsed() {
                let known = shape.find(&name);
                let respelled = known.map(|(own, _)| own).filter(|own| !taken.contains(own));
                let value = match known.and_then(|(_, inner)| inner) {
                    Some(inner) => renamed(value, inner),
                    None => value,
                };
                entries.push((respell(&name, respelled, &entries), value));
            }
            Json::Object(Members::of(entries))
        }
        value => value,
    }
}

/// CloudTrail's spelling, unless a member has it already: then both stay.
fn respell<'r>(name: &Cow<'r, str>, respelled: Option<&'static str>, entries: &[(Cow<'r, str>, Json<'r>)]) -> Cow<'r, str> {
    match respelled.filter(|own| !entries.iter().any(|(name, _)| name == own)) {
        Some(own) => Cow::Borrowed(own),
        None => name.clone(),
    }
}

/// The object or array that a text is, or null if it states nothing. What is neither stays a text.
fn decoded<'r>(text: &'r str) -> Option<Json<'r>> {
    let Some(text) = stated(text) else { return Some(Json::Null) };
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut parser = Parser::new(text.as_bytes());
    parser.value(0).ok().filter(|_| parser.position() == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::write_without_secrets;

    fn normal(text: &str) -> Option<String> {
        let value = Parser::new(text.as_bytes()).value(0).unwrap();
        let changed = normalised(&value)?;
        let mut out = String::new();
        write_without_secrets(&changed, &|_| false, &mut out);
        Some(out)
    }

    #[test]
    fn names_are_spelled_as_cloudtrail_does_and_texts_of_json_are_read() {
        for (text, expected) in [
            (r#"{"eventname":"a","EVENTTIME":"b","Other":1}"#, r#"{"Other":1,"eventName":"a","eventTime":"b"}"#),
            (
                r#"{"requestParameters":"{\"a\":\"b\\\"c\"}","responseelements":"null"}"#,
                r#"{"requestParameters":{"a":"b\"c"},"responseElements":null}"#,
            ),
            (
                r#"{"useridentity":{"sessioncontext":{"sessionissuer":{"principalid":"p"}},"x":1}}"#,
                r#"{"userIdentity":{"sessionContext":{"sessionIssuer":{"principalId":"p"}},"x":1}}"#,
            ),
            (
                r#"{"userIdentity":"{\"type\":\"Root\",\"accountid\":\"1\",\"sessioncontext\":{\"attributes\":{\"mfaauthenticated\":\"true\"}}}"}"#,
                r#"{"userIdentity":{"accountId":"1","sessionContext":{"attributes":{"mfaAuthenticated":"true"}},"type":"Root"}}"#,
            ),
            (r#"{"resources":[{"arn":"x","accountid":"1"}]}"#, r#"{"resources":[{"ARN":"x","accountId":"1"}]}"#),
            // Both are there: neither is lost.
            (
                r#"{"eventName":"a","eventname":"b","EventName":"c","userAgent":"","resources":"-"}"#,
                r#"{"EventName":"c","eventName":"a","eventname":"b","resources":null,"userAgent":""}"#,
            ),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected), "{text}");
            assert_eq!(normal(expected), None, "again: {expected}");
        }
    }

    #[test]
    fn a_record_in_normal_form_is_left_alone() {
        for text in [
            r#"{"eventName":"a","userIdentity":{"arn":"x"},"requestParameters":{"BucketName":"b"},"resources":[{"ARN":"x"}]}"#,
            r#"{"requestParameters":"a text","responseElements":"{not json","additionalEventData":5,"eventname":null}"#
                .replace("eventname", "other")
                .as_str(),
            "[1]",
            "\"{}\"",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
