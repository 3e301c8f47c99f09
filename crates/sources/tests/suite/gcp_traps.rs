//! The traps of the format, each by itself: tables of what is stated and what a person expects of it.

use crate::common::{Collector, Columns, context, fixture_file, read_as};
use auditlake_event::Organization;
use auditlake_sources::SetAsideKind;
use serde_json::{Value, json};

fn read(object: &str) -> Collector {
    read_as("gcp.audit", object.as_bytes(), "object", &context())
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("gcp/{name}.json"))).unwrap()
}

/// The event of an entry that must become one.
fn event(entry: &Value) -> Columns {
    let collector = read(&entry.to_string());
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{entry}");
    assert_eq!(collector.events.len(), 1, "{entry}");
    collector.events[0].clone()
}

/// An entry with nothing but what every one has, and these members of its audit log.
fn entry(members: Value) -> Value {
    let mut entry = json!({
        "insertId": "x", "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "timestamp": "2026-03-01T09:15:00Z",
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "methodName": "m", "serviceName": "s"}
    });
    for (name, value) in members.as_object().unwrap() {
        entry["protoPayload"][name] = value.clone();
    }
    entry
}

#[test]
fn the_status_decides_before_granted() {
    let granted = |granted: Value| json!([{"permission": "a.b.c", "granted": granted}]);
    let left_out = json!([{"permission": "a.b.c", "resourceAttributes": {}}]);
    let mixed = json!([{"permission": "a.b.c", "granted": true}, {"permission": "d.e.f", "granted": false}]);
    for (status, authorization, outcome, code) in [
        (Value::Null, Value::Null, "success", ""),
        (json!({}), Value::Null, "success", ""),
        (json!({"code": 0}), Value::Null, "success", ""),
        (json!({"code": 0, "message": "OK"}), granted(true.into()), "success", ""),
        (json!({"code": "0"}), Value::Null, "success", ""),
        (json!({}), left_out.clone(), "success", ""),
        (json!({}), json!([{"resourceAttributes": {}}]), "success", ""),
        (Value::Null, granted(false.into()), "denied", ""),
        (json!({}), granted(false.into()), "denied", ""),
        (Value::Null, granted("false".into()), "denied", ""),
        (Value::Null, mixed.clone(), "success", ""),
        (json!({"code": 7}), mixed, "denied", "PERMISSION_DENIED"),
        (json!({"code": 7}), granted(true.into()), "denied", "PERMISSION_DENIED"),
        (json!({"code": "7"}), left_out, "denied", "PERMISSION_DENIED"),
        (json!({"code": "PERMISSION_DENIED"}), Value::Null, "denied", "PERMISSION_DENIED"),
        (json!({"code": 403}), Value::Null, "denied", "403"),
        (json!({"code": 5}), granted(false.into()), "failure", "NOT_FOUND"),
        (json!({"code": 16}), Value::Null, "failure", "UNAUTHENTICATED"),
        (json!({"code": 16}), granted(false.into()), "denied", "UNAUTHENTICATED"),
        (json!({"code": 2, "message": "m"}), Value::Null, "failure", "UNKNOWN"),
        (json!({"code": 99}), Value::Null, "failure", "99"),
        (json!({"code": -1}), Value::Null, "failure", "-1"),
    ] {
        let what = format!("{status} {authorization}");
        let event = event(&entry(json!({"status": status, "authorizationInfo": authorization})));
        assert_eq!(event["outcome"], outcome, "{what}");
        assert_eq!(event.get("error_code").map_or("", String::as_str), code, "{what}");
    }
}

#[test]
fn an_operation_that_has_not_ended_has_no_outcome_yet() {
    let running = json!({"status": "RUNNING"});
    let done = json!({"status": "DONE"});
    for (operation, status, response, outcome) in [
        (json!({"id": "o", "first": true}), Value::Null, Value::Null, "unknown"),
        (json!({"id": "o", "first": true}), json!({}), running.clone(), "unknown"),
        (json!({"id": "o", "first": true}), Value::Null, done, "success"),
        (json!({"id": "o", "first": true}), Value::Null, json!({"done": true, "error": {"code": 3}}), "failure"),
        (json!({"id": "o", "first": true}), json!({"code": 7}), Value::Null, "denied"),
        (json!({"id": "o", "first": true}), json!({"message": "Connection succeeded."}), Value::Null, "success"),
        (json!({"id": "o"}), Value::Null, running.clone(), "unknown"),
        (json!({"id": "o"}), json!({}), Value::Null, "success"),
        (json!({"id": "o", "last": true}), Value::Null, Value::Null, "success"),
        (json!({"id": "o", "first": true, "last": true}), Value::Null, running, "success"),
        (json!({"id": "o", "last": true}), json!({"code": 10}), Value::Null, "failure"),
        (json!({}), Value::Null, Value::Null, "success"),
    ] {
        let mut entry = entry(json!({"status": status, "response": response}));
        entry["operation"] = operation.clone();
        assert_eq!(event(&entry)["outcome"], outcome, "{operation} {status} {response}");
    }
}

#[test]
fn a_perimeters_dry_run_refuses_nothing() {
    let mut entry = fixture("perimeter_violation");
    entry["protoPayload"]["metadata"]["dryRun"] = true.into();
    let event = event(&entry);
    assert_eq!((event["outcome"].as_str(), event["error_code"].as_str()), ("unknown", "PERMISSION_DENIED"));
    assert!(event["metadata"].contains("\"dry_run\":true"));
}

#[test]
fn a_bigquery_job_that_failed_is_a_failure() {
    let job = |status: Value| json!({"jobChange": {"after": "DONE", "job": {"jobStatus": status}}});
    for (metadata, outcome) in [
        (job(json!({"jobState": "DONE", "errorResult": {"code": 3, "message": "Syntax error"}})), "failure"),
        (job(json!({"jobState": "DONE", "errorResult": {"code": 7}})), "denied"),
        (job(json!({"jobState": "DONE"})), "success"),
    ] {
        assert_eq!(event(&entry(json!({"status": {}, "metadata": metadata.clone()})))["outcome"], outcome, "{metadata}");
    }
    let old = json!({"jobCompletedEvent": {"job": {"jobStatus": {"state": "DONE", "error": {}}}}});
    assert_eq!(event(&entry(json!({"serviceData": old})))["outcome"], "success");
}

#[test]
fn actors_are_of_the_kind_their_names_say() {
    for (info, id, kind, email) in [
        (json!({"principalEmail": "a@example.com"}), "a@example.com", "user", "a@example.com"),
        (
            json!({"principalEmail": "a@p.iam.gserviceaccount.com", "principalSubject": "user:a@p.iam.gserviceaccount.com"}),
            "a@p.iam.gserviceaccount.com",
            "service",
            "a@p.iam.gserviceaccount.com",
        ),
        (
            json!({"principalEmail": "1-compute@developer.gserviceaccount.com"}),
            "1-compute@developer.gserviceaccount.com",
            "service",
            "1-compute@developer.gserviceaccount.com",
        ),
        (json!({"principalSubject": "serviceAccount:a@example.com"}), "a@example.com", "service", "a@example.com"),
        (
            json!({"principalEmail": "robot@example.com", "serviceAccountKeyName": "//iam.googleapis.com/k"}),
            "robot@example.com",
            "service",
            "robot@example.com",
        ),
        (json!({"principalEmail": "system@google.com"}), "system@google.com", "system", "system@google.com"),
        (json!({"principalEmail": "system:node:n1"}), "system:node:n1", "system", ""),
        (json!({"principalEmail": "system:serviceaccount:ns:bot"}), "system:serviceaccount:ns:bot", "service", ""),
        (
            json!({"principalSubject": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/repo:x"}),
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/repo:x",
            "service",
            "",
        ),
        (json!({"thirdPartyPrincipal": {"thirdPartyClaims": {"sub": "dave"}}}), "dave", "", ""),
        (json!({"principalSubject": "sub"}), "sub", "", ""),
        (json!({"principalEmail": ""}), "", "", ""),
        (json!({}), "", "", ""),
        (json!("text"), "", "", ""),
    ] {
        let event = event(&entry(json!({"authenticationInfo": info.clone()})));
        let column = |name: &str| event.get(name).map_or("", String::as_str);
        assert_eq!((column("actor_id"), column("actor_type"), column("actor_email")), (id, kind, email), "{info}");
    }
    let mut entry = entry(json!({}));
    entry["logName"] = "projects/p/logs/cloudaudit.googleapis.com%2Fsystem_event".into();
    assert_eq!(event(&entry)["actor_type"], "system");
}

#[test]
fn where_from_is_an_address_or_the_word_in_its_place() {
    for (caller, expected) in [
        (json!("192.0.2.7"), "192.0.2.7"),
        (json!("0:0:0:0:0:0:0:1"), "::1"),
        (json!("[2001:db8::1]:50000"), "2001:db8::1"),
        (json!("192.0.2.7, 198.51.100.3"), "192.0.2.7"),
        (json!("private"), "private"),
        (json!("gce-internal-ip"), "gce-internal-ip"),
        (Value::Null, ""),
    ] {
        let event = event(&entry(json!({"requestMetadata": {"callerIp": caller.clone()}})));
        assert_eq!(event.get("source_ip").map_or("", String::as_str), expected, "{caller}");
    }
    assert_eq!(event(&entry(json!({"requestMetadata": "…"}))).get("source_ip"), None);
}

#[test]
fn requests_and_answers_may_be_texts_and_keep_their_entry() {
    for text in ["projects/p", "{\"policy\":", "[1]", "{}", "{\"a\":1} {\"b\":2}"] {
        let entry = entry(json!({"request": text, "response": text, "metadata": text, "serviceData": text}));
        let raw: Value = serde_json::from_str(&event(&entry)["raw"]).unwrap();
        assert_eq!(raw["protoPayload"]["request"], text);
    }
}

#[test]
fn deltas_are_found_wherever_a_service_puts_them() {
    let delta = json!({"bindingDeltas": [{"action": "REMOVE", "role": "r", "member": "m"}]});
    let expected = r#"[{"after":null,"before":"m","field":"role r"}]"#;
    for members in [
        json!({"serviceData": {"policyDelta": delta}}),
        json!({"metadata": {"policyDelta": delta}}),
        json!({"metadata": {"datasetChange": delta}}),
        json!({"metadata": {"@type": "t", "a": {"policyDelta": delta}}}),
        json!({"servicedata_v1_iam": {"policyDelta": delta}}),
        json!({"metadataJson": json!({"policyDelta": delta}).to_string()}),
        // Said twice, it happened once.
        json!({"serviceData": {"policyDelta": delta}, "metadata": {"policyDelta": delta}}),
    ] {
        assert_eq!(event(&entry(members.clone())).get("changes").map(String::as_str), Some(expected), "{members}");
    }
    for (members, changes) in [
        (
            json!({"serviceData": {"permissionDelta": {"addedPermissions": ["a.b"], "removedPermissions": ["c.d"]}}}),
            r#"[{"after":"a.b","before":null,"field":"permission"},{"after":null,"before":"c.d","field":"permission"}]"#,
        ),
        (
            json!({"metadata": {"instanceMetadataDelta": {"addedMetadataKeys": ["ssh-keys"], "deletedMetadataKeys": ["k"]}}}),
            r#"[{"before":null,"field":"instance_metadata ssh-keys"},{"after":null,"field":"instance_metadata k"}]"#,
        ),
        (
            json!({"metadata": {"projectMetadataDelta": {"modifiedMetadataKeys": ["ssh-keys"]}}}),
            r#"[{"field":"project_metadata ssh-keys"}]"#,
        ),
        // The whole policy, where there is no delta; an empty delta says that nothing changed.
        (
            json!({"methodName": "v1.compute.disks.setIamPolicy", "request": {"policy": {"bindings": [{"role": "r"}]}}}),
            r#"[{"after":[{"role":"r"}],"field":"iam_policy"}]"#,
        ),
        (
            json!({"methodName": "SetIamPolicy", "request": {"policy": {"bindings": [{"role": "r"}]}}, "serviceData": {"policyDelta": {}}}),
            "",
        ),
        (
            json!({"serviceData": {"policyDelta": {"bindingDeltas": [{"action": "ACTION_UNSPECIFIED", "role": "r", "member": "m"}, {"role": "r"}, 1]}}}),
            "",
        ),
        // What was refused or failed changed nothing.
        (json!({"status": {"code": 7}, "serviceData": {"policyDelta": delta}}), ""),
        (json!({"status": {"code": 10}, "serviceData": {"policyDelta": delta}}), ""),
    ] {
        assert_eq!(event(&entry(members.clone())).get("changes").map_or("", String::as_str), changes, "{members}");
    }
}

#[test]
fn members_of_groups_and_roles_of_administrators_are_changes() {
    let activity = |name: &str, parameters: &[(&str, &str)]| {
        let parameters: Vec<Value> = parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let metadata = json!({"activityId": {}, "event": [{"eventName": name, "parameter": parameters}]});
        event(&entry(
            json!({"metadata": {"@type": "type.googleapis.com/ccc_hosted_reporting.ActivityProto", "event": metadata["event"]}}),
        ))
    };
    for (name, parameters, changes) in [
        (
            "ADD_GROUP_MEMBER",
            vec![("USER_EMAIL", "u@example.com"), ("GROUP_EMAIL", "g@example.com")],
            r#"[{"after":"u@example.com","before":null,"field":"group g@example.com"}]"#,
        ),
        (
            "REMOVE_GROUP_MEMBER",
            vec![("USER_EMAIL", "u@example.com"), ("GROUP_EMAIL", "g@example.com")],
            r#"[{"after":null,"before":"u@example.com","field":"group g@example.com"}]"#,
        ),
        (
            "ASSIGN_ROLE",
            vec![("USER_EMAIL", "u@example.com"), ("ROLE_NAME", "_SEED_ADMIN_ROLE")],
            r#"[{"after":"u@example.com","before":null,"field":"role _SEED_ADMIN_ROLE"}]"#,
        ),
        (
            "MOVE_USER_TO_ORG_UNIT",
            vec![("USER_EMAIL", "u@example.com"), ("NEW_VALUE", "/")],
            r#"[{"after":"/","field":"MOVE_USER_TO_ORG_UNIT"}]"#,
        ),
        ("SUSPEND_USER", vec![("USER_EMAIL", "u@example.com")], ""),
    ] {
        assert_eq!(activity(name, &parameters).get("changes").map_or("", String::as_str), changes, "{name}");
    }
}

#[test]
fn one_insert_id_in_two_logs_or_at_two_times_is_two_events() {
    let base = entry(json!({}));
    let mut in_other_log = base.clone();
    in_other_log["logName"] = "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access".into();
    let mut later = base.clone();
    later["timestamp"] = "2026-03-01T09:15:00.000000001Z".into();
    let mut of_other_log = base.clone();
    of_other_log["logName"] = "projects/p/logs/activity".into();
    let ids = [&base, &in_other_log, &later, &of_other_log].map(|entry| event(entry)["event_id"].clone());
    assert_eq!(
        ids,
        [
            "projects/p:activity:2026-03-01T09:15:00.000Z:x",
            "projects/p:data_access:2026-03-01T09:15:00.000Z:x",
            "projects/p:activity:2026-03-01T09:15:00.000000001Z:x",
            "projects/p/logs/activity:2026-03-01T09:15:00.000Z:x",
        ]
    );
}

#[test]
fn an_entry_without_a_key_gets_an_id_of_its_content_and_a_long_key_is_kept() {
    let mut entry = entry(json!({}));
    entry["insertId"] = "i".repeat(129).into();
    let long = event(&entry);
    assert_eq!(long["event_id"].len(), 36);
    let metadata: Value = serde_json::from_str(&long["metadata"]).unwrap();
    assert_eq!(metadata["source_event_id"], format!("projects/p:activity:2026-03-01T09:15:00.000Z:{}", "i".repeat(129)));
    for member in ["insertId", "logName"] {
        let mut without = entry.clone();
        without.as_object_mut().unwrap().remove(member);
        let ids = [without.to_string(), serde_json::to_string_pretty(&without).unwrap()]
            .map(|text| read(&text).column("event_id")[0].to_owned());
        assert_eq!((ids[0].len(), &ids[0][14..15]), (36, "5"), "version 5 of RFC 9562");
        assert_eq!(ids[0], ids[1]);
        without["severity"] = "INFO".into();
        assert_ne!(event(&without)["event_id"], ids[0]);
    }
}

#[test]
fn times_are_exact_and_impossible_ones_go_to_quarantine() {
    for (time, expected) in [
        ("2026-03-01T13:59:59.123456789Z", Ok(("2026-03-01T13:59:59.123Z", "456789"))),
        ("2026-03-01T13:59:59.000000000Z", Ok(("2026-03-01T13:59:59.000Z", "0"))),
        ("2026-03-01T13:59:59.1Z", Ok(("2026-03-01T13:59:59.100Z", ""))),
        ("2026-03-01T13:59:59Z", Ok(("2026-03-01T13:59:59.000Z", ""))),
        ("2026-03-01 13:59:59.12345", Ok(("2026-03-01T13:59:59.123Z", "450000"))),
        ("2026-03-01 13:59:59 UTC", Ok(("2026-03-01T13:59:59.000Z", ""))),
        ("2026-04-01T00:05:00Z", Ok(("2026-04-01T00:05:00.000Z", ""))),
        ("2026-04-01T00:05:00.001Z", Err("event time lies in the future")),
        ("1999-12-31T23:59:59Z", Err("event time lies before the year 2000")),
        ("2026-02-30T00:00:00Z", Err("timestamp is no RFC 3339 time")),
        ("2026-03-01T13:59:59", Err("timestamp is no RFC 3339 time")),
        ("", Err("timestamp is missing")),
    ] {
        let mut entry = entry(json!({}));
        entry["timestamp"] = time.into();
        let collector = read(&entry.to_string());
        match expected {
            Ok((event_time, nanos)) => {
                assert_eq!(collector.column("event_time"), [event_time], "{time}");
                assert_eq!(collector.column("event_time_nanos"), [nanos], "{time}");
            }
            Err(reason) => assert_eq!(collector.reasons(), [reason], "{time}"),
        }
    }
}

#[test]
fn other_entries_of_a_shared_log_are_set_aside_and_what_is_none_is_quarantined() {
    let object: String = ["text_payload", "set_iam_policy", "json_payload", "request_log"]
        .map(|name| format!("{}\n", fixture(name)))
        .concat();
    let collector = read(&object);
    assert_eq!(collector.column("action"), ["SetIamPolicy"]);
    let kinds: Vec<_> = collector.set_aside.iter().map(|(kind, position, _)| (*kind, position.record_index)).collect();
    assert_eq!(kinds, [(SetAsideKind::NotAudit, 0), (SetAsideKind::NotAudit, 2), (SetAsideKind::NotAudit, 3)]);
    let other_log = |log: &str, payload: Value| {
        let mut entry =
            json!({"insertId": "x", "timestamp": "2026-03-01T09:15:00Z", "logName": format!("projects/p/logs/{log}")});
        entry.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
        entry
    };
    let unknown = "an entry of another log, which may tell of somebody's act";
    for (object, reason) in [
        (other_log("vault-audit", json!({"jsonPayload": {"user": "mara"}})), unknown),
        (other_log("x", json!({"protoPayload": {"@type": "type.googleapis.com/other.Log"}})), unknown),
        (
            other_log("cloudaudit.googleapis.com%2Faccess_transparency", json!({"jsonPayload": {"accesses": []}})),
            "no audit log entry: protoPayload is missing",
        ),
        (json!({}), "no audit log entry: protoPayload is missing"),
        (json!({"methodName": "m"}), "no audit log entry: protoPayload is missing"),
        (
            json!({"insertId": "x", "timestamp": "2026-03-01T09:15:00Z", "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity"}),
            "no audit log entry: protoPayload is missing",
        ),
        (
            json!({"protoPayload": {"serviceName": "s"}, "timestamp": "2026-03-01T09:15:00Z"}),
            "protoPayload.methodName is missing",
        ),
        (json!({"protoPayload": "none", "timestamp": "2026-03-01T09:15:00Z"}), "protoPayload.methodName is missing"),
        (json!({"protoPayload": {"methodName": "m"}}), "timestamp is missing"),
        // A rule's test, as a test runner wraps it.
        (json!({"rule": "r", "test": "t", "log": fixture("set_iam_policy")}), "no audit log entry: protoPayload is missing"),
    ] {
        assert_eq!(read(&object.to_string()).reasons(), [reason], "{object}");
    }
    assert_eq!(read("[1]").reasons(), ["a record must be a JSON object"]);
}

#[test]
fn a_broken_line_costs_itself() {
    let good = fixture("set_iam_policy").to_string();
    for broken in ["{\"insertId\":\"x", "{\"insertId\":1}}", "not json", "{\"insertId\":tru}", "}", &good[..good.len() / 2]]
    {
        let collector = read(&format!("{good}\n{broken}\n{good}\n"));
        assert_eq!(collector.column("action"), ["SetIamPolicy"; 2], "{broken}: {:?}", collector.reasons());
        assert!(!collector.quarantined.is_empty(), "{broken}");
    }
}

#[test]
fn text_that_is_no_unicode_costs_characters_and_not_the_entry() {
    let mut entry = fixture("set_iam_policy");
    entry["protoPayload"]["requestMetadata"]["callerSuppliedUserAgent"] = "xxx".into();
    let surrogate = entry.to_string().replace("\"xxx\"", "\"\\ud83dx\"");
    let mut invalid = entry.to_string().into_bytes();
    let at = entry.to_string().find("xxx").unwrap();
    invalid[at] = 0xff;
    for object in [surrogate.into_bytes(), invalid] {
        let collector = read_as("gcp.audit", &object, "object", &context());
        assert!(collector.column("user_agent")[0].starts_with('\u{fffd}'), "{:?}", collector.events);
        assert!(collector.column("metadata")[0].contains("\"unicode_replaced\":true"));
    }
}

#[test]
fn the_organization_is_that_of_the_scope_or_of_the_resources_project() {
    let mut context = context();
    for (account, organization) in [("shop-prod", "acme-prod"), ("4455", "acme-folder"), ("shop-test", "acme-test")] {
        context.account_organizations.insert(account.to_owned(), Organization::parse(organization).unwrap());
    }
    let mut by_label = fixture("federated_caller");
    by_label["logName"] = "organizations/1/logs/cloudaudit.googleapis.com%2Factivity".into();
    let object =
        [fixture("set_iam_policy"), fixture("federated_caller"), by_label, entry(json!({}))].map(|entry| entry.to_string());
    let collector = read_as("gcp.audit", object.join("\n").as_bytes(), "object", &context);
    assert_eq!(collector.column("organization"), ["acme-prod", "acme-folder", "acme-test", "acme"]);
}

#[test]
fn categories_follow_the_table() {
    let permission = |kind: &str| json!([{"permission": "p", "permissionType": kind}]);
    for (log, service, method, authorization, category) in [
        ("activity", "cloudresourcemanager", "SetIamPolicy", Value::Null, "role_management"),
        ("activity", "storage", "storage.setIamPermissions", Value::Null, "role_management"),
        ("activity", "iam", "google.iam.admin.v1.SetIAMPolicy", Value::Null, "role_management"),
        ("data_access", "cloudresourcemanager", "GetIamPolicy", Value::Null, "other"),
        ("data_access", "iam", "google.iam.v1.IAMPolicy.TestIamPermissions", Value::Null, "permission_check"),
        ("activity", "iam", "google.iam.admin.v1.CreateRole", Value::Null, "role_management"),
        ("activity", "iam", "google.iam.admin.v1.CreateServiceAccount", Value::Null, "user_management"),
        ("activity", "iam", "google.iam.admin.v1.CreateServiceAccountKey", Value::Null, "user_management"),
        ("data_access", "iam", "google.iam.admin.v1.ListServiceAccounts", Value::Null, "other"),
        ("data_access", "iamcredentials", "GenerateAccessToken", Value::Null, "authentication"),
        ("data_access", "login", "google.login.LoginService.loginSuccess", Value::Null, "authentication"),
        ("activity", "admin", "google.admin.AdminService.createUser", Value::Null, "user_management"),
        ("activity", "admin", "google.admin.AdminService.addGroupMember", Value::Null, "group_management"),
        ("activity", "admin", "google.admin.AdminService.assignRole", Value::Null, "role_management"),
        ("data_access", "storage", "storage.objects.get", Value::Null, "data_access"),
        ("data_access", "storage", "storage.objects.list", permission("DATA_READ"), "data_access"),
        ("data_access", "storage", "storage.buckets.get", permission("ADMIN_READ"), "other"),
        ("activity", "storage", "storage.buckets.update", permission("ADMIN_WRITE"), "configuration"),
        ("data_access", "bigquery", "jobservice.jobcompleted", Value::Null, "data_access"),
        (
            "data_access",
            "secretmanager",
            "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
            Value::Null,
            "data_access",
        ),
        (
            "data_access",
            "healthcare",
            "google.cloud.healthcare.v1.fhir.FhirService.ReadResource",
            Value::Null,
            "data_access",
        ),
        ("data_access", "compute", "beta.compute.instances.aggregatedList", Value::Null, "other"),
        ("activity", "compute", "v1.compute.instances.insert", Value::Null, "configuration"),
        ("system_event", "compute", "compute.instances.migrateOnHostMaintenance", Value::Null, "configuration"),
        ("policy", "storage", "google.storage.objects.get", Value::Null, "permission_check"),
    ] {
        let mut entry = entry(json!({"authorizationInfo": authorization}));
        entry["logName"] = format!("projects/p/logs/cloudaudit.googleapis.com%2F{log}").into();
        entry["protoPayload"]["serviceName"] = format!("{service}.googleapis.com").into();
        entry["protoPayload"]["methodName"] = method.into();
        assert_eq!(event(&entry)["category"], category, "{log} {method}");
    }
    for (log, method, category) in [
        ("data_access", "io.k8s.authorization.v1.subjectaccessreviews.create", "permission_check"),
        ("activity", "io.k8s.authorization.rbac.v1.clusterrolebindings.create", "role_management"),
        ("data_access", "io.k8s.core.v1.secrets.get", "data_access"),
        ("data_access", "io.k8s.core.v1.pods.list", "other"),
        ("activity", "io.k8s.core.v1.pods.create", "configuration"),
    ] {
        let mut entry = entry(json!({"serviceName": "k8s.io", "methodName": method}));
        entry["logName"] = format!("projects/p/logs/cloudaudit.googleapis.com%2F{log}").into();
        assert_eq!(event(&entry)["category"], category, "{method}");
    }
}

/// Entries that make a careless mapping slow. A quadratic one needs hours for these.
#[test]
fn time_is_linear_whatever_the_entry() {
    let many = |unit: &str| vec![unit; 150_000].join(",");
    let objects = [
        format!("{{\"a\":{}}}", "[".repeat(1 << 20)),
        entry(json!({}))
            .to_string()
            .replace(
                "\"m\"",
                &format!(
                    "\"m\",\"request\":{{{}}}",
                    (0..150_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",")
                ),
            )
            .replace(
                "\"serviceName\"",
                &format!(
                    "\"resourceOriginalState\":{{{}}},\"serviceName\"",
                    (0..150_000).map(|n| format!("\"k{n}\":2")).collect::<Vec<_>>().join(",")
                ),
            ),
        entry(json!({}))
            .to_string()
            .replace("\"m\"", &format!("\"m\",\"authorizationInfo\":[{}]", many("{\"permission\":\"p\"}"))),
        entry(json!({})).to_string().replace(
            "\"m\"",
            &format!(
                "\"m\",\"metadata\":{{\"activityId\":{{}},\"event\":[{{\"parameter\":[{}]}}]}}",
                many("{\"name\":\"p\",\"value\":\"v\"}")
            ),
        ),
        entry(json!({"request": "\"token\":\"".repeat(300_000)})).to_string(),
        entry(json!({"request": "\\".repeat(1_000_000)})).to_string(),
        entry(json!({"request": format!("\"token\":\"{}", "\\\"".repeat(1_000_000))})).to_string(),
        entry(json!({"request": ":".repeat(2_000_000)})).to_string(),
        json!({"message": {"data": "e".repeat(3_000_000)}}).to_string(),
    ];
    for object in objects {
        let start = std::time::Instant::now();
        let collector = read(&object);
        let seconds = start.elapsed().as_secs_f64();
        println!("{} …: {} events, {seconds:.2} s", &object[..40], collector.events.len());
        assert!(seconds < 20.0, "{} took {seconds} s", &object[..40]);
    }
}
