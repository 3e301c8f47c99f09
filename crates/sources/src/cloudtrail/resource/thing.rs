//! What kind of thing a call is about, by its name, and where its id stands.
//!
//! Names of calls are a verb and a thing (`CreateVolume`, `RunInstances`, `CreateFunction20150331`), and the thing's id is
//! called by the thing, or by the last words of it: `volumeId`, `instanceId`, `functionArn`, `groupId` for a `SecurityGroup`. It stands
//! in the answer or the request itself, or in an object that is called so (`{"subnet":{"subnetId":…}}`), or in the first of a
//! list (`{"instancesSet":{"items":[…]}}`, `{"loadBalancers":[…]}`).

use crate::json::Json;

use super::super::parts;

/// Verbs of calls that make something which was not there.
const CREATING: [&str; 14] = [
    "Allocate",
    "Clone",
    "Copy",
    "Create",
    "Import",
    "Issue",
    "Launch",
    "Provision",
    "Publish",
    "Purchase",
    "Register",
    "Request",
    "Restore",
    "Run",
];
/// Words behind the thing: `RestoreDBInstanceFromDBSnapshot`.
const BEHIND: [&str; 5] = ["From", "To", "With", "By", "For"];
/// Things that make no resource of their own: what matters is what they were made for.
const PARTS: [&str; 9] =
    ["Association", "Attachment", "Entry", "Grant", "Membership", "PolicyVersion", "Route", "Tags", "Version"];
/// Ids in an answer that are not those of what was created.
const OTHER_IDS: [&str; 8] =
    ["requestId", "ownerId", "accountId", "vpcId", "subnetId", "parentId", "userId", "clientRequestId"];
/// How an object of a thing is called besides its own name: `keyMetadata`, `tableDescription`.
const CONTAINERS: [&str; 7] = ["", "s", "Set", "sSet", "Metadata", "Description", "Details"];

/// A thing that calls are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thing<'r> {
    /// `SecurityGroup`, in the singular.
    pub name: &'r str,
    is_created: bool,
}

/// Where a thing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<'r> {
    pub id: &'r str,
    pub name: Option<&'r str>,
    /// All that were found at once, if several.
    pub all: Vec<&'r str>,
}

impl<'r> Thing<'r> {
    /// The thing that a call is about.
    pub(super) fn of(call: &'r str) -> Option<Self> {
        let call = call.trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
        let call = call.strip_prefix("Batch").unwrap_or(call);
        let verb_length = call.bytes().skip(1).position(|byte| !byte.is_ascii_lowercase())? + 1;
        let (verb, name) = call.split_at_checked(verb_length)?;
        let end = BEHIND.iter().filter_map(|word| word_at(name, word)).min().unwrap_or(name.len());
        let name = name.get(..end)?;
        let name = match name.strip_suffix('s') {
            Some(singular) if !singular.ends_with('s') && !singular.ends_with("Statu") => singular,
            _ => name,
        };
        (!name.is_empty()).then_some(Self { name, is_created: CREATING.contains(&verb) })
    }

    /// Whether the call makes it, so that it is known by the answer alone.
    pub(super) fn is_created(&self) -> bool {
        self.is_created && !PARTS.iter().any(|part| self.name.ends_with(part))
    }

    /// The thing's id in an answer.
    pub(super) fn in_answer(&self, service: &str, answer: &'r Json<'r>) -> Option<Found<'r>> {
        if let Some(found) = self.in_object(service, answer) {
            return Some(found);
        }
        let container = self
            .last_words()
            .find_map(|words| CONTAINERS.iter().find_map(|ending| member(answer, &[words, ending])))
            .filter(|container| matches!(container, Json::Object(_) | Json::Array(_)));
        if let Some(container) = container {
            let objects = parts::objects(container);
            let mut found = objects.iter().filter_map(|object| {
                self.in_object(service, object).or_else(|| {
                    let id = text(object, &["id"]).filter(|_| service != "iam")?;
                    Some(Found { id, name: self.name_in(object), all: Vec::new() })
                })
            });
            let first = found.next()?;
            let others: Vec<&str> = found.map(|found| found.id).collect();
            let all = if others.is_empty() { others } else { [vec![first.id], others].concat() };
            return Some(Found { all, ..first });
        }
        if service == "iam" {
            return None;
        }
        let id = text(answer, &["id"]).or_else(|| only_id(answer))?;
        Some(Found { id, name: self.name_in(answer), all: Vec::new() })
    }

    /// The thing's id in a request.
    pub(super) fn in_request(&self, service: &str, request: &'r Json<'r>) -> Option<Found<'r>> {
        let own = self.in_object(service, request).or_else(|| self.named(request, &["Name", "Identifier", ""]));
        own.or_else(|| {
            let id = ["resourceArn", "arn", "resourceId", "id", "name"].iter().find_map(|name| text(request, &[name]))?;
            Some(Found { id, name: None, all: Vec::new() })
        })
    }

    /// By `<thing>Arn`, `<thing>Id` or `<thing>Url` of an object. EC2 names its things by ids everywhere, others by ARNs.
    fn in_object(&self, service: &str, object: &'r Json<'r>) -> Option<Found<'r>> {
        if service == "ec2" {
            return self.named(object, &["Id", "Arn"]);
        }
        let arn = || {
            let id = text(object, &["arn"])?;
            Some(Found { id, name: self.name_in(object), all: Vec::new() })
        };
        let others: &[&str] = if service == "iam" { &[] } else { &["Id", "Url"] };
        self.named(object, &["Arn"]).or_else(arn).or_else(|| self.named(object, others))
    }

    fn named(&self, object: &'r Json<'r>, endings: &[&str]) -> Option<Found<'r>> {
        for ending in endings {
            for words in self.last_words() {
                for plural in ["", "s"] {
                    let (singular, listed) = if ending.is_empty() { (plural, "") } else { (*ending, plural) };
                    let Some(value) = member(object, &[words, singular, listed]) else { continue };
                    let mut all = Vec::new();
                    parts::texts(value, &mut all);
                    let Some(id) = all.first().copied() else { continue };
                    let all = if all.len() > 1 { all } else { Vec::new() };
                    return Some(Found { id, name: self.name_in(object), all });
                }
            }
        }
        None
    }

    /// What people call it, in the object that has its id.
    fn name_in(&self, object: &'r Json<'r>) -> Option<&'r str> {
        self.last_words().find_map(|words| text(object, &[words, "Name"])).or_else(|| text(object, &["name"]))
    }

    /// Its name, then the name less its first word, and so on: `SecurityGroup`, `Group`.
    fn last_words(&self) -> impl Iterator<Item = &'r str> {
        let name = self.name;
        let begins_word = move |at: &usize| {
            let bytes = name.as_bytes();
            let is_capital = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
            *at == 0 || (is_capital(*at) && !is_capital(at - 1)) || (is_capital(*at) && !is_capital(at + 1))
        };
        (0..name.len()).filter(begins_word).filter_map(move |at| name.get(at..)).filter(|words| words.len() > 2)
    }
}

/// Where a word begins in a name, if it stands in it as a word.
fn word_at(name: &str, word: &str) -> Option<usize> {
    let at = name.find(word).filter(|at| *at > 0)?;
    let behind = name.as_bytes().get(at + word.len());
    behind.is_some_and(u8::is_ascii_uppercase).then_some(at)
}

/// The member whose name is these parts, in any ASCII case.
fn member<'r>(object: &'r Json<'r>, parts: &[&str]) -> Option<&'r Json<'r>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let is_name = |name: &str| {
        let mut rest = name;
        name.len() == length
            && parts.iter().all(|part| match rest.split_at_checked(part.len()) {
                Some((first, others)) => {
                    rest = others;
                    first.eq_ignore_ascii_case(part)
                }
                None => false,
            })
    };
    let found = object.members()?.iter().find(|(name, _)| is_name(name));
    found.map(|(_, value)| value).filter(|value| !matches!(value, Json::Null))
}

fn text<'r>(object: &'r Json<'r>, parts: &[&str]) -> Option<&'r str> {
    member(object, parts)?.text()
}

/// The one id or ARN in an answer that can be that of what was created.
fn only_id<'r>(answer: &'r Json<'r>) -> Option<&'r str> {
    let is_id =
        |name: &str| ["Id", "ID", "Arn", "ARN"].iter().any(|ending| name.ends_with(ending)) && !OTHER_IDS.contains(&name);
    let mut ids = answer.members()?.iter().filter(|(name, _)| is_id(name)).filter_map(|(_, value)| value.text());
    ids.next().filter(|_| ids.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Parser;

    #[test]
    fn calls_name_their_things() {
        for (call, name, is_created) in [
            ("CreateVolume", "Volume", true),
            ("RunInstances", "Instance", true),
            ("CreateFunction20150331", "Function", true),
            ("CreateDistribution2020_05_31", "Distribution", true),
            ("RestoreDBInstanceFromDBSnapshot", "DBInstance", true),
            ("DeleteTable", "Table", false),
            ("BatchDeleteTable", "Table", false),
            ("CreateGroupMembership", "GroupMembership", false),
            ("AllocateAddress", "Address", true),
            ("GetBucketLifecycle", "BucketLifecycle", false),
        ] {
            let thing = Thing::of(call).unwrap();
            assert_eq!((thing.name, thing.is_created()), (name, is_created), "{call}");
        }
        for call in ["Decrypt", "Publish", "", "é", "x"] {
            assert_eq!(Thing::of(call), None, "{call}");
        }
    }

    #[test]
    fn ids_are_found_where_services_put_them() {
        for (service, call, answer, id, name) in [
            ("ec2", "CreateVolume", r#"{"volumeId":"vol-1","snapshotId":""}"#, Some("vol-1"), None),
            ("ec2", "CreateSnapshot", r#"{"snapshotId":"snap-1","volumeId":"vol-1"}"#, Some("snap-1"), None),
            ("ec2", "CreateSecurityGroup", r#"{"groupId":"sg-1","securityGroupArn":"arn:x"}"#, Some("sg-1"), None),
            (
                "ec2",
                "CreateSubnet",
                r#"{"subnet":{"subnetId":"subnet-1","vpcId":"vpc-1","subnetArn":"a"}}"#,
                Some("subnet-1"),
                None,
            ),
            (
                "ec2",
                "RunInstances",
                r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#,
                Some("i-1"),
                None,
            ),
            ("ec2", "AllocateAddress", r#"{"publicIp":"192.0.2.1","allocationId":"eipalloc-1"}"#, Some("eipalloc-1"), None),
            (
                "elasticloadbalancing",
                "CreateLoadBalancer",
                r#"{"loadBalancers":[{"loadBalancerArn":"arn:lb","loadBalancerName":"web","vpcId":"v"}]}"#,
                Some("arn:lb"),
                Some("web"),
            ),
            ("kms", "CreateKey", r#"{"keyMetadata":{"arn":"arn:k","keyId":"k"}}"#, Some("arn:k"), None),
            (
                "route53",
                "CreateHostedZone",
                r#"{"changeInfo":{"id":"/change/C"},"hostedZone":{"id":"/hostedzone/Z","name":"a."}}"#,
                Some("/hostedzone/Z"),
                Some("a."),
            ),
            (
                "cognito-idp",
                "CreateUserPoolClient",
                r#"{"userPoolClient":{"clientId":"c","clientName":"n","userPoolId":"p"}}"#,
                Some("c"),
                Some("n"),
            ),
            ("cloudtrail", "CreateTrail", r#"{"name":"t","trailARN":"arn:t"}"#, Some("arn:t"), Some("t")),
            ("apigateway", "CreateRestApi", r#"{"id":"r","name":"n"}"#, Some("r"), Some("n")),
            ("sqs", "CreateQueue", r#"{"queueUrl":"https://q"}"#, Some("https://q"), None),
            ("ec2", "CreateTags", r#"{"_return":true}"#, None, None),
            ("iam", "CreateAccessKey", r#"{"accessKey":{"accessKeyId":"AKIA"}}"#, None, None),
        ] {
            let answer = Parser::new(answer.as_bytes()).value(0).unwrap();
            let found = Thing::of(call).unwrap().in_answer(service, &answer);
            assert_eq!(found.as_ref().map(|found| found.id), id, "{call}");
            assert_eq!(found.and_then(|found| found.name), name, "{call}");
        }
    }
}
