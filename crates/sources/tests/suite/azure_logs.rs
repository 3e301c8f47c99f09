//! What a person expects of the logs that Azure Monitor carries beside storage, operations and the directory, and of rows of Log
//! Analytics. The expected values were written by hand from Microsoft's references of the tables and categories.

use crate::common::azure::{assert_columns, event_of, metadata, read, value};
use crate::common::{Columns, context, fixture_file, json_of, read_as, read_sniffed};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "11112222-3333-4444-5555-666677778888";
const TENANT: &str = "7e000000-0000-4000-8000-000000000001";
const ADA: &str = "9d000000-0000-4000-8000-00000000000a";
const GRACE: &str = "9d000000-0000-4000-8000-00000000000d";
const BOT: &str = "9d000000-0000-4000-8000-00000000000e";
const APP: &str = "aa000000-0000-4000-8000-000000000005";

/// The events of a fixture whose source is found by looking at it: all of its records are.
fn events(name: &str) -> Vec<Columns> {
    let (collector, _) = read_sniffed(&fixture_file(&format!("azure/{name}")), "object").unwrap();
    assert_eq!((collector.reasons(), collector.set_aside.len()), (vec![], 0), "{name}");
    collector.events
}

#[test]
fn a_request_to_the_microsoft_graph_tells_who_did_what_with_which_token() {
    let events = events("graph_activity.jsonl");
    assert_columns(
        &events[1],
        &[
            ("event_id", Some(&events[1]["event_id"])),
            ("event_time", Some("2026-03-01T15:00:02.765Z")),
            ("event_time_nanos", Some("432100")),
            ("action", Some("Microsoft Graph Activity")),
            ("category", Some("configuration")),
            ("outcome", Some("denied")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_via", Some(APP)),
            ("resource_type", Some("microsoft.graph/applications")),
            ("resource_id", Some("a9000000-0000-4000-8000-000000000009")),
            ("scope_type", Some("tenant")),
            ("scope_id", Some(TENANT)),
            ("source_ip", Some("198.51.100.60")),
            ("user_agent", Some("graph-client/2.1")),
            ("service_name", Some("Microsoft Graph")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000062")),
            ("http_method", Some("PATCH")),
            ("http_path", Some("/v1.0/applications/a9000000-0000-4000-8000-000000000009")),
            ("http_status", Some("403")),
        ],
    );
    assert_eq!(metadata(&events[1])["access_key_id"], "tokenId-7");
    let found: Vec<_> = events
        .iter()
        .map(|event| {
            let column = |name: &str| event.get(name).map(String::as_str);
            (column("actor_id"), column("actor_type"), event["category"].as_str(), event["outcome"].as_str())
        })
        .collect();
    assert_eq!(
        found,
        [
            (Some(ADA), Some("user"), "data_access", "success"),
            (Some(ADA), Some("user"), "configuration", "denied"),
            (Some(BOT), Some("service"), "group_management", "success"),
            (Some(APP), Some("service"), "data_access", "failure"),
        ]
    );
    assert_eq!(events[3].get("actor_via"), None, "the application itself");
    assert_eq!(
        (events[0]["http_path"].as_str(), &metadata(&events[0])["uri"]),
        ("/v1.0/users", &json!("https://graph.microsoft.com/v1.0/users?$filter=startswith(displayName,'a')"))
    );
}

#[test]
fn a_request_to_the_older_graph_has_its_time_in_its_properties() {
    let events = events("aad_graph_activity.json");
    assert_columns(
        &events[0],
        &[
            ("event_id", Some(&events[0]["event_id"])),
            ("event_time", Some("2026-03-01T15:10:33.536Z")),
            ("event_time_nanos", Some("886000")),
            ("action", Some("AAD Graph Activity")),
            ("category", Some("data_access")),
            ("outcome", Some("success")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_via", Some(APP)),
            ("resource_type", Some("microsoft.graph/users")),
            ("scope_type", Some("tenant")),
            ("scope_id", Some(TENANT)),
            ("source_ip", Some("198.51.100.61")),
            ("user_agent", Some("OldTool/1")),
            ("service_name", Some("Azure AD Graph")),
            ("request_id", Some("ud-1")),
            ("http_method", Some("GET")),
            ("http_path", Some(&format!("/v2/{TENANT}/users"))),
            ("http_status", Some("200")),
        ],
    );
    assert_eq!(metadata(&events[0])["access_key_id"], "tokenId-8==");
    assert_eq!(events[1]["outcome"], "denied");
    assert_eq!((events[2]["actor_id"].as_str(), events[2]["actor_type"].as_str()), (BOT, "service"));
    assert_eq!(events[2]["resource_id"], BOT);
}

#[test]
fn privileged_identity_management_tells_who_got_and_lost_which_role() {
    let events = events("privileged_roles.json");
    assert_columns(
        &events[1],
        &[
            ("event_id", Some(&events[1]["event_id"])),
            ("event_time", Some("2026-03-01T16:00:02.421Z")),
            ("event_time_nanos", Some("201100")),
            ("action", Some("Add member to role completed (PIM activation)")),
            ("category", Some("role_management")),
            ("outcome", Some("success")),
            ("actor_id", Some(GRACE)),
            ("actor_type", Some("user")),
            ("actor_name", Some("grace@example.com")),
            ("actor_email", Some("grace@example.com")),
            ("resource_id", Some(GRACE)),
            ("resource_name", Some("Grace Hopper")),
            ("scope_type", Some("subscription")),
            ("scope_id", Some(SUBSCRIPTION)),
            ("changes", Some(r#"[{"after":"Key Vault Crypto Officer","field":"role"}]"#)),
            ("source_ip", Some("203.0.113.40")),
            ("service_name", Some("azurerbac")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000070")),
        ],
    );
    assert_eq!(events[0].get("changes"), None, "only asked for");
    assert_eq!(json_of(&events[2], "changes"), json!([{"before": "Key Vault Crypto Officer", "field": "role"}]));
    assert_eq!(events[2]["actor_id"], "9d000000-0000-4000-8000-0000000000ff");
    assert_eq!((events[2]["actor_type"].as_str(), events[2]["actor_name"].as_str()), ("system", "AzureADPIM"));
    for event in &events {
        assert_eq!(event["category"], "role_management");
        let notes = metadata(event);
        assert_eq!((&notes["role"], &notes["subject_name"]), (&json!("Key Vault Crypto Officer"), &json!("Grace Hopper")));
    }
    assert_eq!(metadata(&events[0])["justification"], "rotate the key");
}

#[test]
fn a_role_that_could_not_be_given_is_no_change() {
    let mut record: Value = serde_json::from_slice(&fixture_file("azure/privileged_roles.json")).unwrap();
    let mut record = record["records"][1].take();
    record["resultType"] = json!("Failed");
    // The list as the list it is, in properties that are a text themselves.
    let callers: Value = serde_json::from_str(record["properties"]["CallerInfo"].as_str().unwrap()).unwrap();
    record["properties"]["CallerInfo"] = callers;
    record["properties"] = json!(record["properties"].to_string());
    let event = event_of(&record);
    assert_eq!((event["outcome"].as_str(), event.get("changes")), ("failure", None));
    assert_eq!(event["actor_id"], GRACE);
}

#[test]
fn a_row_of_the_activity_table_is_the_operation_it_keeps() {
    let events = events("log_analytics_rows.jsonl");
    let machine =
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute/virtualMachines/vm-1");
    assert_columns(
        &events[0],
        &[
            ("event_id", Some("ed000000-0000-4000-8000-000000000080")),
            ("event_time", Some("2026-03-01T17:00:00.250Z")),
            ("action", Some("MICROSOFT.COMPUTE/VIRTUALMACHINES/DEALLOCATE/ACTION")),
            ("category", Some("configuration")),
            ("outcome", Some("success")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("actor_via", Some(APP)),
            ("resource_type", Some("Microsoft.Compute/virtualMachines")),
            ("resource_id", Some(&machine)),
            ("resource_name", Some("vm-1")),
            ("scope_type", Some("subscription")),
            ("scope_id", Some(SUBSCRIPTION)),
            ("source_ip", Some("203.0.113.7")),
            ("service_name", Some("MICROSOFT.COMPUTE")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000080")),
            ("http_method", Some("POST")),
            ("http_status", Some("200")),
        ],
    );
    let notes = metadata(&events[0]);
    assert_eq!((&notes["access_key_id"], &notes["role"]), (&json!("tokenId-1"), &json!("Contributor")));
    assert_eq!((&notes["log_table"], &notes["entity"]), (&json!("AzureActivity"), &json!("vm-1")));
    // The row's TenantId is the workspace's.
    assert_eq!(notes["workspace_id"], "3c000000-0000-4000-8000-00000000000c");
    assert_eq!(notes.get("tenant_id"), None);
}

#[test]
fn rows_of_the_other_tables_are_what_azure_monitor_would_have_delivered() {
    let events = events("log_analytics_rows.jsonl");
    for (index, expected) in [
        (
            1,
            &[
                ("event_id", "Directory_0a_81"),
                ("event_time", "2026-03-01T17:01:00.046Z"),
                ("action", "Add member to group"),
                ("category", "group_management"),
                ("outcome", "success"),
                ("actor_id", ADA),
                ("actor_type", "user"),
                ("actor_email", "ada@example.com"),
                ("resource_id", GRACE),
                ("resource_name", "grace@example.com"),
                ("scope_id", TENANT),
                ("source_ip", "203.0.113.8"),
                ("user_agent", "Portal/1"),
                ("changes", r#"[{"after":"Payroll","field":"Group.DisplayName"}]"#),
            ][..],
        ),
        (
            2,
            &[
                ("event_id", "51000000-0000-4000-8000-000000000082"),
                ("event_time", "2026-03-01T17:02:00.500Z"),
                ("action", "Sign-in activity"),
                ("category", "authentication"),
                ("outcome", "failure"),
                ("error_code", "50126"),
                ("error_message", "Invalid username or password."),
                ("actor_id", GRACE),
                ("actor_type", "user"),
                ("actor_email", "grace@example.com"),
                ("actor_via", APP),
                ("resource_id", "797f4846-ba00-4fd7-ba43-dac1f8f63013"),
                ("resource_name", "Azure Resource Manager"),
                ("scope_id", TENANT),
                ("source_ip", "203.0.113.9"),
            ][..],
        ),
        (
            3,
            &[
                ("event_id", "0a0b0c0d-0000-4000-8000-000000000083:GetBlob"),
                ("event_time", "2026-03-01T17:03:00.500Z"),
                ("category", "data_access"),
                ("outcome", "denied"),
                ("error_code", "AuthorizationPermissionMismatch"),
                ("http_status", "403"),
                ("actor_id", ADA),
                ("actor_via", APP),
                ("resource_id", "/acmerecords/payroll/list.txt"),
                ("scope_id", "acmerecords"),
                ("source_ip", "203.0.113.10"),
                ("user_agent", "azsdk"),
            ][..],
        ),
        (
            4,
            &[
                ("event_time", "2026-03-01T17:04:00.100Z"),
                ("action", "Microsoft Graph Activity"),
                ("category", "user_management"),
                ("outcome", "success"),
                ("actor_id", BOT),
                ("actor_type", "service"),
                ("actor_via", APP),
                ("resource_type", "microsoft.graph/users"),
                ("resource_id", ADA),
                ("http_method", "DELETE"),
                ("http_status", "204"),
                ("source_ip", "203.0.113.11"),
                ("scope_id", TENANT),
            ][..],
        ),
    ] {
        for (column, value) in expected {
            assert_eq!(events[index].get(*column).map(String::as_str), Some(*value), "{index}: {column}");
        }
    }
    assert_eq!(metadata(&events[2])["place"], json!({"city": "Delft", "countryOrRegion": "NL"}));
    assert_eq!(metadata(&events[2])["issued_access_key_id"], "tokenId-82");
    assert_eq!(metadata(&events[4])["access_key_id"], "tokenId-84");
}

#[test]
fn rows_are_the_same_events_however_they_are_delivered() {
    let object = fixture_file("azure/log_analytics_rows.jsonl");
    let expected = read(&object).events;
    let text = String::from_utf8(object).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut names: Vec<String> = rows.iter().flat_map(|row| row.as_object().unwrap().keys().cloned()).collect();
    names.sort();
    names.dedup();
    let cells = |row: &Value| -> Vec<Value> { names.iter().map(|name| row[name].clone()).collect() };
    let columns: Vec<Value> = names.iter().map(|name| json!({"name": name, "type": "string"})).collect();
    let old_columns: Vec<Value> = names.iter().map(|name| json!({"ColumnName": name, "DataType": "String"})).collect();
    let all: Vec<Vec<Value>> = rows.iter().map(cells).collect();
    let (first, second) = all.split_at(2);
    for (what, object) in [
        ("an array", json!(rows)),
        ("the query API", json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": all}]})),
        (
            "two tables",
            json!({"tables": [{"name": "a", "columns": columns, "rows": first}, {"name": "b", "columns": columns, "rows": second}]}),
        ),
        ("its first version", json!({"Tables": [{"TableName": "Table_0", "Columns": old_columns, "Rows": all}]})),
        ("a table alone", json!({"name": "PrimaryResult", "columns": columns, "rows": all})),
    ] {
        let (collector, _) = read_sniffed(object.to_string().as_bytes(), "object").unwrap();
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{what}");
        assert_eq!(collector.events, expected, "{what}");
    }
    let torn = json!({"tables": [{"name": "a", "columns": columns, "rows": [all[0], [1, 2]]}]}).to_string();
    let collector = read(torn.as_bytes());
    assert_eq!(collector.events, expected[..1]);
    assert_eq!(collector.reasons(), ["a row of the table has other cells than its columns"]);
}

#[test]
fn a_key_vault_s_rows_of_the_old_table_have_types_behind_their_names() {
    let row = json!({
        "TenantId": "3c000000-0000-4000-8000-00000000000c", "TimeGenerated": "2026-03-01T17:05:00Z", "Type": "AzureDiagnostics",
        "Category": "AuditEvent", "ResourceProvider": "MICROSOFT.KEYVAULT", "OperationName": "SecretGet", "ResultType": "Success",
        "ResultSignature": "OK", "CorrelationId": "c5", "CallerIPAddress": "203.0.113.12",
        "ResourceId": format!("/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RECORDS/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/ACME-VAULT"),
        "identity_claim_oid_g": ADA, "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s": "ada@example.com",
        "identity_claim_appid_g": APP, "id_s": "https://acme-vault.vault.azure.net/secrets/database/01", "httpStatusCode_d": 200,
        "requestUri_s": "https://acme-vault.vault.azure.net/secrets/database/01?api-version=7.4", "clientInfo_s": "sdk/1"
    });
    let event = event_of(&row);
    for (column, value) in [
        ("actor_id", ADA),
        ("actor_email", "ada@example.com"),
        ("actor_via", APP),
        ("resource_name", "database"),
        ("resource_type", "Microsoft.KeyVault/vaults/secrets"),
        ("outcome", "success"),
        ("http_status", "200"),
        ("source_ip", "203.0.113.12"),
        ("category", "data_access"),
    ] {
        assert_eq!(event.get(column).map(String::as_str), Some(value), "{column}");
    }
}

#[test]
fn a_request_to_a_cluster_is_in_the_entry_that_azure_carries() {
    let events = events("kubernetes_audit.json");
    for (column, value) in [
        ("event_id", "a0d10000-0000-4000-8000-000000000001:ResponseComplete"),
        ("action", "get secrets"),
        ("category", "data_access"),
        ("outcome", "denied"),
        ("error_code", "Forbidden"),
        ("http_status", "403"),
        ("actor_id", "ada@example.com"),
        ("actor_type", "user"),
        ("resource_type", "kubernetes/secrets"),
        ("resource_id", "pay/db"),
        ("resource_name", "db"),
        ("scope_id", SUBSCRIPTION),
        ("source_ip", "203.0.113.30"),
        ("user_agent", "kubectl/v1.30"),
        ("http_path", "/api/v1/namespaces/pay/secrets/db"),
    ] {
        assert_eq!(events[0].get(column).map(String::as_str), Some(value), "{column}");
    }
    let mut record: Value = serde_json::from_slice(&fixture_file("azure/kubernetes_audit.json")).unwrap();
    record["properties"]["log"] = json!("I0301 something else");
    let reason = "properties.log is no audit entry of Kubernetes";
    assert_eq!(read(record.to_string().as_bytes()).reasons(), [reason]);
}

#[test]
fn of_a_log_that_nothing_is_known_of_what_names_a_caller_is_an_event() {
    let id = format!("/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.NEWTHING/THINGS/T1");
    let record = |changes: Value| {
        let mut record = json!({"time": "2026-03-01T20:00:00Z", "category": "NewThingAudit", "resourceId": id,
            "operationName": "Things.Open", "resultType": "Success", "properties": {"size": 3}});
        for (name, change) in changes.as_object().unwrap() {
            record[name] = change.clone();
        }
        record
    };
    for (changes, actor, kind, address) in [
        (json!({"callerIpAddress": "203.0.113.50"}), None, None, Some("203.0.113.50")),
        (json!({"identity": {"claims": {"oid": ADA, "upn": "ada@example.com"}}}), Some(ADA), Some("user"), None),
        (json!({"caller": "ada@example.com"}), Some("ada@example.com"), Some("user"), None),
        (
            json!({"properties": {"userPrincipalName": "ada@example.com", "clientIp": "203.0.113.51:80"}}),
            Some("ada@example.com"),
            Some("user"),
            Some("203.0.113.51"),
        ),
        (json!({"properties": json!({"user": {"id": ADA, "name": "Ada"}}).to_string()}), Some(ADA), None, None),
        (json!({"properties": {"server_principal_name": "sa"}}), Some("sa"), None, None),
        (json!({"properties": {"appId": APP}}), Some(APP), Some("service"), None),
        (json!({"identity": "Ada Lovelace"}), Some("Ada Lovelace"), None, None),
    ] {
        let event = event_of(&record(changes.clone()));
        let column = |name: &str| event.get(name).map(String::as_str);
        assert_eq!((column("actor_id"), column("actor_type"), column("source_ip")), (actor, kind, address), "{changes}");
        assert_eq!((column("action"), column("outcome")), (Some("Things.Open"), Some("success")), "{changes}");
        assert_eq!((column("category"), column("resource_name")), (Some("other"), Some("T1")), "{changes}");
        assert_eq!(metadata(&event)["log_category"], "NewThingAudit");
    }
    for (changes, reason) in [
        (json!({}), "the category NewThingAudit is not read on its own, and the record says nothing about who acted"),
        (
            json!({"callerIpAddress": "-", "caller": "unknown", "properties": {"userId": "00000000-0000-0000-0000-000000000000"}}),
            "the category NewThingAudit is not read on its own, and the record says nothing about who acted",
        ),
        (json!({"category": null}), "the record has no category and says nothing about who acted"),
        (json!({"operationName": null, "caller": "ada@example.com"}), "operationName is missing"),
        (json!({"time": null, "caller": "ada@example.com"}), "time is missing"),
    ] {
        assert_eq!(read(record(changes.clone()).to_string().as_bytes()).reasons(), [reason], "{changes}");
    }
}

#[test]
fn members_that_are_json_in_texts_are_read_and_lost_in_no_way() {
    let record: Value = serde_json::from_slice(&fixture_file("azure/claims_as_text.json")).unwrap();
    let event = event_of(&record);
    for (column, value) in [
        ("actor_id", ADA),
        ("actor_email", "ada@example.com"),
        ("actor_via", APP),
        ("category", "role_management"),
        ("http_method", "PUT"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
    assert_eq!(metadata(&event)["role"], "Owner", "two layers deep");
    let mut context = context();
    context.keep_raw = false;
    let collector = read_as("azure.storage", record.to_string().as_bytes(), "object", &context);
    assert!(collector.events[0]["metadata"].contains("kept-claim"));
    // As text or as the objects they are, it is one event.
    for name in ["claims", "authorization", "httpRequest"] {
        let mut decoded = record.clone();
        decoded[name] = serde_json::from_str(record[name].as_str().unwrap()).unwrap();
        assert_eq!(event_of(&decoded), event, "{name}");
    }
    let mut in_identity = value("role_assignment_written");
    let expected = event_of(&in_identity);
    in_identity["identity"]["claims"] = json!(in_identity["identity"]["claims"].to_string());
    in_identity["identity"] = json!(in_identity["identity"].to_string());
    assert_eq!(event_of(&in_identity), expected);
    let mut directory = value("user_updated");
    let expected = event_of(&directory);
    for name in ["initiatedBy", "targetResources", "additionalDetails"] {
        directory["properties"][name] = json!(directory["properties"][name].to_string());
    }
    assert_eq!(event_of(&directory), expected);
}

#[test]
fn a_known_member_that_is_not_what_it_should_be_is_kept() {
    for (name, member, odd) in [
        ("role_assignment_written", "claims", json!("odd-text")),
        ("role_assignment_written", "authorization", json!("odd-text")),
        ("role_assignment_written", "identity", json!(["odd-text"])),
        ("role_assignment_written", "httpRequest", json!("odd-text")),
        ("role_assignment_written", "correlationId", json!({"odd": "odd-text"})),
        ("role_assignment_written", "callerIpAddress", json!(["odd-text"])),
        ("role_assignment_written", "properties", json!("odd-text")),
        ("get_blob_by_token", "identity", json!("odd-text")),
        ("get_blob_by_token", "statusCode", json!({"odd": "odd-text"})),
        ("get_blob_by_token", "properties", json!(["odd-text"])),
        ("secret_read", "identity", json!("odd-text")),
        ("sign_in_blocked", "identity", json!({"odd": "odd-text"})),
        ("sign_in_blocked", "status", json!("odd-text")),
    ] {
        for keeps_raw in [true, false] {
            let mut record = value(name);
            record[member] = odd.clone();
            let mut context = context();
            context.keep_raw = keeps_raw;
            let collector = read_as("azure.storage", record.to_string().as_bytes(), "object", &context);
            let event = collector.events.first().unwrap_or_else(|| panic!("{:?}", collector.reasons()));
            let is_kept = event.iter().any(|(column, text)| *column != "raw" && text.contains("odd-text"));
            // With `raw` it may stand there only.
            let is_in_raw = event.get("raw").is_some_and(|raw| raw.contains("odd-text"));
            assert!(is_kept || (keeps_raw && is_in_raw), "{name} {member}: {event:?}");
        }
    }
}

#[test]
fn words_for_nothing_are_no_values() {
    for word in ["unknown", "null", "-", "N/A", "None", ""] {
        let mut record = value("role_assignment_written");
        record["identity"] = json!({"claims": {"oid": word, "upn": word, "name": word, "appid": word}});
        record["callerIpAddress"] = json!(word);
        record["correlationId"] = json!(word);
        let event = event_of(&record);
        for column in ["actor_id", "actor_name", "actor_email", "actor_type", "actor_via", "source_ip", "request_id"] {
            assert_eq!(event.get(column), None, "{word}: {column}");
        }
        // What comes next counts.
        record["caller"] = json!("ada@example.com");
        assert_eq!(event_of(&record)["actor_id"], "ada@example.com", "{word}");
        let mut storage = value("get_blob_by_token");
        storage["identity"] = json!({"type": "OAuth", "requester": {"objectId": word, "upn": "ada@example.com"}});
        assert_eq!(event_of(&storage)["actor_id"], "ada@example.com", "{word}");
        let mut sign_in = value("sign_in_blocked");
        sign_in["properties"]["userId"] = json!(word);
        assert_eq!(event_of(&sign_in)["actor_id"], "ada@example.com", "{word}");
    }
    // Of a service principal's sign-in the user is all zeros.
    let mut sign_in = value("sign_in_blocked");
    sign_in["properties"]["userId"] = json!("00000000-0000-0000-0000-000000000000");
    sign_in["properties"]["userPrincipalName"] = json!("");
    sign_in["properties"]["servicePrincipalId"] = json!(BOT);
    let event = event_of(&sign_in);
    assert_eq!((event["actor_id"].as_str(), event["actor_type"].as_str()), (BOT, "service"));
    // Names that people choose are names: a group may be called so.
    let mut group = value("member_added_by_application");
    group["properties"]["targetResources"] = json!([{"id": "g1", "type": "Group", "displayName": "None"}]);
    assert_eq!(event_of(&group)["resource_name"], "None");
}

#[test]
fn what_only_reads_or_uses_is_no_configuration() {
    for (operation, category) in [
        ("Microsoft.Resources/deployments/validate/action", "other"),
        ("Microsoft.Resources/deployments/whatIf/action", "other"),
        ("Microsoft.Storage/checkNameAvailability/read", "other"),
        ("Microsoft.Network/virtualNetworks/subnets/join/action", "other"),
        ("Microsoft.Compute/virtualMachines/listUpgrades/action", "other"),
        ("Microsoft.Compute/virtualMachines/start/action", "configuration"),
        ("Microsoft.Compute/virtualMachines/write", "configuration"),
    ] {
        let mut record = value("role_assignment_written");
        record["operationName"] = json!(operation);
        assert_eq!(event_of(&record)["category"], category, "{operation}");
    }
    for (activity, category) in [
        ("Read BitLocker key", "data_access"),
        ("Download users", "data_access"),
        ("Recover device local administrator password", "data_access"),
        ("Update policy", "configuration"),
    ] {
        let mut record = value("user_updated");
        record["operationName"] = json!(activity);
        record["properties"]["activityDisplayName"] = json!(activity);
        record["properties"]["category"] = json!("KeyManagement");
        assert_eq!(event_of(&record)["category"], category, "{activity}");
    }
}

#[test]
fn initiators_of_other_services_are_read_too() {
    let mut record = value("user_updated");
    record["properties"] = json!({"id": "pr-1", "activityDateTime": "2026-03-01T12:00:00Z", "category": "ProvisioningManagement",
        "initiatedBy": {"id": BOT, "displayName": "Sync", "initiatorType": "application"},
        "targetIdentity": {"id": "t-9", "displayName": "grace", "identityType": "User"}, "provisioningStatusInfo": {"status": "success"}});
    let event = event_of(&record);
    assert_eq!((event["actor_id"].as_str(), event["actor_type"].as_str()), (BOT, "service"));
    assert_eq!((event["resource_id"].as_str(), event["outcome"].as_str()), ("t-9", "success"));
    record["category"] = json!("AuditLogs");
    record["properties"] = json!({"ActivityDate": "3/1/2026 12:00:00 PM", "Actor": {"ActorType": 1, "ObjectId": ADA,
        "UPN": "ada@example.com", "Application": APP}, "Targets": [{"Name": "Policy 1", "ModifiedProperties": []}]});
    let event = event_of(&record);
    assert_eq!((event["actor_id"].as_str(), event["actor_email"].as_str()), (ADA, "ada@example.com"));
    assert_eq!((event["actor_via"].as_str(), event["resource_name"].as_str()), (APP, "Policy 1"));
}

#[test]
fn a_description_of_a_key_is_no_secret_and_the_key_is() {
    let mut record = value("user_updated");
    record["properties"]["targetResources"][0]["modifiedProperties"] = json!([
        {"displayName": "KeyDescription", "oldValue": "[]", "newValue": "[\"[KeyIdentifier=7a6c,KeyType=Password]\"]"},
        {"displayName": "Password", "oldValue": "\"Old5ecret\"", "newValue": "\"New5ecret\""}
    ]);
    let event = event_of(&record);
    assert!(event["changes"].contains("KeyIdentifier=7a6c"), "{}", event["changes"]);
    assert!(event.values().all(|text| !text.contains("Old5ecret") && !text.contains("New5ecret")));
}
