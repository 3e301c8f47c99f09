//! What a person expects in the columns of a request or an operation. The expected values were written by hand from Microsoft's
//! documentation ("Azure Blob Storage monitoring data reference", "Azure activity log event schema").

use crate::common::azure::{assert_columns, event_of, fixture, metadata, read, value};
use crate::common::{Columns, context, fixture_file, json_of, read_as};
use auditlake_event::Organization;
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "11112222-3333-4444-5555-666677778888";
const TENANT: &str = "7e000000-0000-4000-8000-000000000001";
const ADA: &str = "9d000000-0000-4000-8000-00000000000a";

#[test]
fn a_read_with_a_token_names_its_user_the_application_and_the_role_that_allowed_it() {
    let event = event_of(&value("get_blob_by_token"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("0a0b0c0d-0000-4000-8000-000000000001:GetBlob")),
            ("event_time", Some("2026-03-01T09:15:00.123Z")),
            ("event_time_nanos", Some("456700")),
            ("action", Some("GetBlob")),
            ("category", Some("data_access")),
            ("outcome", Some("success")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("actor_via", Some("aa000000-0000-4000-8000-000000000001")),
            ("resource_type", Some("Microsoft.Storage/storageAccounts/blobServices/containers/blobs")),
            ("resource_id", Some("/acmerecords/payroll/2026/march 100%.csv")),
            ("resource_name", Some("2026/march 100%.csv")),
            ("scope_type", Some("storage_account")),
            ("scope_id", Some("acmerecords")),
            ("source_ip", Some("2001:db8::42")),
            ("user_agent", Some("azsdk-net-Storage.Blobs/12.19.1")),
            ("service_name", Some("Microsoft.Storage")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000001")),
            ("http_path", Some("/payroll/2026/march%20100%25.csv")),
            ("http_status", Some("200")),
        ],
    );
    assert_eq!(event["source"], "azure.storage");
    assert_eq!(
        metadata(&event),
        json!({
            "access_key_id": "AB00000000000000000000000000000000000000000000000000000000000001",
            "app_id": "aa000000-0000-4000-8000-000000000001",
            "audience": "https://storage.azure.com/",
            "authorization": [{
                "action": "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
                "principals": [{"id": ADA, "type": "User"}],
                "reason": "Policy",
                "result": "Granted",
                "roleAssignmentId": "70000000-0000-4000-8000-000000000001",
                "roleDefinitionId": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
                "type": "RBAC"
            }],
            "azure_resource_id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/records/providers/Microsoft.Storage/storageAccounts/acmerecords/blobServices/default"),
            "client_request_id": "c1000000-0000-4000-8000-000000000001",
            "duration_ms": 12,
            "etag": "\"0x8DC000000000001\"",
            "identity_type": "OAuth",
            "last_modified": "3/1/2026 8:00:00 AM",
            "location": "West Europe",
            "log_category": "StorageRead",
            "metric_response_type": "Success",
            "operation_version": "2021-12-02",
            "protocol": "HTTPS",
            "referrer": "https://portal.example.com/?sig=[redacted]",
            "requester_tenant_id": TENANT,
            "response_body_size": 2048,
            "rest": {"novelMember": "kept"},
            "schema_version": "1.0",
            "server_latency_ms": 9,
            "service_type": "blob",
            "tls_version": "TLS 1.3",
            "token_issuer": format!("https://sts.windows.net/{TENANT}/"),
            "uri": "https://acmerecords.blob.core.windows.net:443/payroll/2026/march%20100%25.csv?timeout=10"
        })
    );
    let mut record: Value = serde_json::from_slice(&fixture("get_blob_by_token")).unwrap();
    record["properties"]["referrerHeader"] = json!("https://portal.example.com/?sig=[redacted]");
    assert_eq!(json_of(&event, "raw"), record);
}

#[test]
fn without_raw_nothing_unknown_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    let collector = read_as("azure.storage", &fixture("get_blob_by_token"), "object", &context);
    let event = &collector.events[0];
    assert_eq!(event.get("raw"), None);
    let rest = &metadata(event)["rest"];
    assert_eq!(rest["novelMember"], "kept");
    assert_eq!(rest["properties"]["novelProperty"], json!({"a": 1}));
    assert_eq!(rest["properties"]["referrerHeader"], "https://portal.example.com/?sig=[redacted]");
    assert_eq!(rest["identity"]["requester"]["upn"], "ada@example.com");
}

#[test]
fn a_shared_access_signature_is_known_by_its_hash_and_the_key_it_was_made_with() {
    let event = event_of(&value("get_blob_by_signature"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("0a0b0c0d-0000-4000-8000-000000000002:GetBlob")),
            ("event_time", Some("2026-03-01T09:16:00.000Z")),
            ("event_time_nanos", Some("100")),
            ("action", Some("GetBlob")),
            ("category", Some("data_access")),
            ("outcome", Some("success")),
            ("actor_id", Some("key1(AA01),SasSignature(BB02)")),
            ("actor_type", Some("api_key")),
            ("resource_type", Some("Microsoft.Storage/storageAccounts/blobServices/containers/blobs")),
            ("resource_id", Some("/acmerecords/payroll/list.txt")),
            ("resource_name", Some("list.txt")),
            ("scope_type", Some("storage_account")),
            ("scope_id", Some("acmerecords")),
            ("source_ip", Some("192.0.2.7")),
            ("user_agent", Some("curl/8.4.0")),
            ("service_name", Some("Microsoft.Storage")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000002")),
            ("http_path", Some("/payroll/list.txt")),
            ("http_status", Some("206")),
        ],
    );
    let notes = metadata(&event);
    assert_eq!(notes["access_key_id"], "key1(AA01),SasSignature(BB02)");
    assert_eq!(notes["account_key"], "key1(AA01)");
    assert_eq!(notes["status_text"], "SASSuccess");
    assert!(notes["uri"].as_str().unwrap().ends_with("&sr=c&sig=[redacted]"));
    for (column, text) in &event {
        assert!(!text.contains("tHeSecret"), "{column}: {text}");
    }
}

#[test]
fn who_shows_nothing_is_anonymous_and_a_container_not_open_to_all_denies_it() {
    assert_columns(
        &event_of(&value("anonymous_refused")),
        &[
            ("event_id", Some("0a0b0c0d-0000-4000-8000-000000000003:ListBlobs")),
            ("event_time", Some("2026-03-01T09:17:00.000Z")),
            ("action", Some("ListBlobs")),
            ("category", Some("data_access")),
            ("outcome", Some("denied")),
            ("error_code", Some("PublicAccessNotPermitted")),
            ("actor_type", Some("anonymous")),
            ("resource_type", Some("Microsoft.Storage/storageAccounts/blobServices/containers")),
            ("resource_id", Some("/acmerecords/payroll")),
            ("resource_name", Some("payroll")),
            ("scope_type", Some("storage_account")),
            ("scope_id", Some("acmerecords")),
            ("source_ip", Some("198.51.100.9")),
            ("service_name", Some("Microsoft.Storage")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000003")),
            ("http_path", Some("/payroll")),
            ("http_status", Some("409")),
        ],
    );
}

#[test]
fn a_server_side_copy_is_three_events_of_which_one_is_the_request() {
    let events = read(&fixture_file("azure/server_side_copy.jsonl")).events;
    let part = |event: &Columns| metadata(event)["copy_part"].as_str().unwrap().to_owned();
    let found: Vec<_> = events
        .iter()
        .map(|event| (event["event_id"].as_str(), part(event), event["resource_id"].as_str(), event["source_ip"].as_str()))
        .collect();
    let correlation = "0a0b0c0d-0000-4000-8000-000000000004";
    let ids = ["CopyBlob:0", "CopyBlobSource:1", "CopyBlobDestination:2"].map(|part| format!("{correlation}:{part}"));
    assert_eq!(
        found,
        [
            (ids[0].as_str(), "request".to_owned(), "/acmebackup/copies/list.txt", "<Redacted>"),
            (ids[1].as_str(), "source".to_owned(), "/acmerecords/payroll/list 1.txt", "<Redacted>"),
            (ids[2].as_str(), "destination".to_owned(), "/acmebackup/copies/list.txt", "<Redacted>"),
        ]
    );
    assert_eq!(events[1].get("http_path"), None, "the source's URL was not requested here");
    assert_eq!(events[1]["scope_id"], "acmebackup");
    let counts: Vec<Value> = events.iter().map(|event| metadata(event)["operation_count"].clone()).collect();
    assert_eq!(counts, [json!(0), json!(1), json!(2)]);
    let key = metadata(&events[1])["object_key"].clone();
    let expected = "https://acmerecords.blob.core.windows.net/payroll/list%201.txt?se=2026-03-02&sp=r&sig=[redacted]";
    assert_eq!(key, expected);
}

#[test]
fn a_role_assignment_tells_who_gave_what_with_which_token() {
    let event = event_of(&value("role_assignment_written"));
    let id = format!(
        "/SUBSCRIPTIONS/{SUBSCRIPTION}/PROVIDERS/MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/70000000-0000-4000-8000-000000000002"
    );
    let expected_id = event["event_id"].clone();
    assert_eq!(expected_id.len(), 36, "derived: the export states no id");
    assert_columns(
        &event,
        &[
            ("event_id", Some(&expected_id)),
            ("event_time", Some("2026-03-01T10:00:00.250Z")),
            ("event_time_nanos", Some("0")),
            ("action", Some("MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE")),
            ("category", Some("role_management")),
            ("outcome", Some("success")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("actor_via", Some("c44b4083-3bb0-49c1-b47d-974e53cbdf3c")),
            ("resource_type", Some("MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS")),
            ("resource_id", Some(&id)),
            ("resource_name", Some("70000000-0000-4000-8000-000000000002")),
            ("scope_type", Some("subscription")),
            ("scope_id", Some(SUBSCRIPTION)),
            (
                "changes",
                Some(concat!(
                    r#"[{"after":"70000000-0000-4000-8000-000000000002","field":"Id"},"#,
                    r#"{"after":"9d000000-0000-4000-8000-00000000000b","field":"Properties.PrincipalId"},"#,
                    r#"{"after":"/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635","#,
                    r#""field":"Properties.RoleDefinitionId"}]"#
                )),
            ),
            ("source_ip", Some("203.0.113.5")),
            ("service_name", Some("MICROSOFT.AUTHORIZATION")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000010")),
        ],
    );
    let notes = metadata(&event);
    assert_eq!(notes["access_key_id"], "tokenId-1");
    assert_eq!(notes["role"], "Owner");
    assert_eq!(notes["token_address"], "203.0.113.6");
    assert_eq!(notes["display_name"], "Ada Lovelace");
    assert_eq!(notes["authorization"]["evidence"]["principalType"], "Group");
    assert_eq!(notes.get("request_body"), None, "it is in changes");
}

#[test]
fn a_refused_operation_is_denied_keeps_what_was_asked_for_and_no_password() {
    let event = event_of(&value("machine_refused"));
    for (column, value) in [
        ("outcome", "denied"),
        ("error_code", "AuthorizationFailed"),
        ("error_message", "The client has no authorization to perform action 'Microsoft.Compute/virtualMachines/write'."),
        ("actor_id", "9d000000-0000-4000-8000-00000000000c"),
        ("actor_type", "service"),
        ("actor_via", "aa000000-0000-4000-8000-000000000002"),
        ("category", "configuration"),
        ("resource_type", "Microsoft.Compute/virtualMachines"),
        ("resource_name", "vm-1"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
    assert_eq!(event.get("changes"), None, "nothing changed");
    let asked: Value = serde_json::from_str(metadata(&event)["request_body"].as_str().unwrap()).unwrap();
    assert_eq!(asked["properties"]["osProfile"], json!({"adminUsername": "ada", "adminPassword": "[redacted]"}));
    for (column, text) in &event {
        assert!(!text.contains("Sw0rdfish"), "{column}: {text}");
    }
}

#[test]
fn the_rest_api_s_form_is_read_too_and_has_an_id_of_its_own() {
    let event = event_of(&value("keys_listed"));
    let account = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/records/providers/Microsoft.Storage/storageAccounts/acmerecords"
    );
    let path = format!("{account}/listKeys");
    assert_columns(
        &event,
        &[
            ("event_id", Some("ed000000-0000-4000-8000-000000000001")),
            ("event_time", Some("2026-03-01T10:10:00.500Z")),
            ("action", Some("Microsoft.Storage/storageAccounts/listKeys/action")),
            ("category", Some("authentication")),
            ("outcome", Some("success")),
            ("actor_id", Some("ada@example.com")),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("resource_type", Some("Microsoft.Storage/storageAccounts")),
            ("resource_id", Some(&account)),
            ("resource_name", Some("acmerecords")),
            ("scope_type", Some("subscription")),
            ("scope_id", Some(SUBSCRIPTION)),
            ("source_ip", Some("192.0.2.81")),
            ("service_name", Some("Microsoft.Storage")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000012")),
            ("http_method", Some("POST")),
            ("http_path", Some(&path)),
            ("http_status", Some("200")),
        ],
    );
    assert_eq!(metadata(&event)["log_category"], "Administrative");
    assert_eq!(metadata(&event)["rest"], json!({"channels": "Operation"}));
}

#[test]
fn reading_a_secret_of_a_key_vault_is_data_access() {
    let event = event_of(&value("secret_read"));
    for (column, value) in [
        ("action", "SecretGet"),
        ("category", "data_access"),
        ("outcome", "success"),
        ("actor_id", ADA),
        ("actor_email", "ada@example.com"),
        ("resource_type", "Microsoft.KeyVault/vaults/secrets"),
        ("resource_id", "https://acme-vault.vault.azure.net/secrets/database/0123456789abcdef"),
        ("resource_name", "database"),
        ("http_status", "200"),
        ("source_ip", "192.0.2.90"),
        ("user_agent", "azsdk-python-keyvault-secrets/4.7"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
}

#[test]
fn an_operation_on_a_namespace_keeps_an_odd_address_as_it_is() {
    let event = event_of(&value("queue_created"));
    for (column, value) in [
        ("action", "Create Queue"),
        ("category", "configuration"),
        ("outcome", "success"),
        ("event_time", "2026-03-01T12:06:42.000Z"),
        ("source_ip", "XX:2001:db8:add:4002:91f2:a9b2:e09a"),
        ("request_id", "ac000000-0000-4000-8000-000000000001"),
        ("resource_name", "ACME"),
        ("scope_id", SUBSCRIPTION),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
    assert_eq!(event.get("actor_id"), None, "Caller is the way it came");
    assert_eq!(metadata(&event)["caller"], "Portal");
    assert!(!event["raw"].contains("busSecret") && !event["metadata"].contains("busSecret"));
}

#[test]
fn the_organization_is_that_of_the_account_the_subscription_or_the_tenant() {
    let organization = Organization::parse("records").unwrap();
    for (name, key) in [
        ("get_blob_by_token", "acmerecords"),
        ("get_blob_by_token", SUBSCRIPTION),
        ("role_assignment_written", SUBSCRIPTION),
        ("queue_created", SUBSCRIPTION),
        ("role_assignment_written", TENANT),
        ("user_updated", TENANT),
    ] {
        let mut context = context();
        context.account_organizations.insert(key.to_owned(), organization.clone());
        let collector = read_as("azure.storage", &fixture(name), "object", &context);
        assert_eq!(collector.column("organization"), ["records"], "{name} by {key}");
        context.account_organizations.clear();
        context.account_organizations.insert("another".to_owned(), organization.clone());
        let collector = read_as("azure.storage", &fixture(name), "object", &context);
        assert_eq!(collector.column("organization"), ["acme"], "{name}");
    }
}
