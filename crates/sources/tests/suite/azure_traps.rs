//! The traps of Azure's logs, one by one.

use crate::common::azure::{event_of, metadata, read, value};
use serde_json::{Value, json};

/// A storage record with these members changed; `null` takes one away.
fn storage(changes: &Value) -> Value {
    let mut record = value("get_blob_by_signature");
    merge(&mut record, changes);
    record
}

fn merge(record: &mut Value, changes: &Value) {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(record.as_object_mut().unwrap().remove(name)),
            Value::Object(_) if record[name].is_object() => merge(&mut record[name], change),
            _ => record[name] = change.clone(),
        }
    }
}

#[test]
fn of_two_members_that_differ_in_case_none_is_lost() {
    let mut record = storage(&json!({}));
    record["OPERATIONNAME"] = json!("Another");
    let event = event_of(&record);
    assert_eq!(event["action"], "GetBlob");
    assert_eq!(metadata(&event)["rest"], json!({"OPERATIONNAME": "Another"}));
}

#[test]
fn properties_that_are_no_json_are_kept_or_go_to_quarantine_where_they_say_who_it_was() {
    for properties in [json!("{'accountName': 'acmerecords'}"), json!("text"), json!([1]), json!(7)] {
        let mut record = storage(&json!({}));
        record["properties"] = properties.clone();
        let event = event_of(&record);
        assert_eq!((event["action"].as_str(), &metadata(&event)["rest"]["properties"]), ("GetBlob", &properties));
        for name in ["user_updated", "sign_in_blocked", "risk_found"] {
            let mut record = value(name);
            record["properties"] = properties.clone();
            assert_eq!(read(record.to_string().as_bytes()).reasons(), ["properties is no JSON object"], "{record}");
        }
    }
    for properties in [json!(null), json!(""), json!({})] {
        let mut record = storage(&json!({}));
        record["properties"] = properties;
        assert_eq!(event_of(&record)["action"], "GetBlob");
    }
    let single_quoted = storage(&json!({})).to_string().replace('"', "'");
    let collector = read(single_quoted.as_bytes());
    assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1));
}

#[test]
fn a_time_in_any_known_form_is_exact_and_any_other_goes_to_quarantine() {
    for (time, expected, nanos) in [
        ("01/09/2007 09:41:00", "2007-01-09T09:41:00.000Z", None),
        ("1/9/2007 09:41:00", "2007-01-09T09:41:00.000Z", None),
        ("01/09/2007 09:41:00 AM", "2007-01-09T09:41:00.000Z", None),
        ("1/9/2007 9:41:00 AM", "2007-01-09T09:41:00.000Z", None),
        ("1/9/2007 10:41:00 AM +01:00", "2007-01-09T09:41:00.000Z", None),
        ("2007-01-09T09:41:00", "2007-01-09T09:41:00.000Z", None),
        ("2007-01-09T09:41:00.22Z", "2007-01-09T09:41:00.220Z", None),
        ("2007-01-09T09:41:00.6816663Z", "2007-01-09T09:41:00.681Z", Some("666300")),
        ("2007-01-09T09:41:00.535404056Z", "2007-01-09T09:41:00.535Z", Some("404056")),
        ("2007-01-09T09:41:00.992099+00:00", "2007-01-09T09:41:00.992Z", Some("99000")),
        ("2007-01-09T11:41:00+02:00", "2007-01-09T09:41:00.000Z", None),
        ("2007-01-09 09:41:00.456", "2007-01-09T09:41:00.456Z", None),
    ] {
        let event = event_of(&storage(&json!({ "time": time })));
        assert_eq!(
            (event["event_time"].as_str(), event.get("event_time_nanos").map(String::as_str)),
            (expected, nanos),
            "{time}"
        );
    }
    let reason = |time: Value| read(storage(&json!({ "time": time })).to_string().as_bytes()).reasons().join(";");
    assert_eq!(reason(json!("9th of January")), "time is no time in a known form");
    assert_eq!(reason(json!("2026-02-30T00:00:00Z")), "time is no time in a known form");
    assert_eq!(reason(json!(1_183_135_260)), "time is no time in a known form");
    assert_eq!(reason(json!(null)), "time is missing");
    assert_eq!(reason(json!("1999-12-31T23:59:59Z")), "event time lies before the year 2000");
    assert_eq!(reason(json!("2099-01-01T00:00:00Z")), "event time lies in the future");
    let sign_in = value("sign_in_blocked").to_string().replace("2026-03-01T13:00:09.1234567+00:00", "soon");
    assert_eq!(read(sign_in.as_bytes()).reasons(), ["createdDateTime is no time in a known form"]);
}

#[test]
fn the_caller_s_address_is_kept_without_its_port() {
    for (stated, expected, list) in [
        ("192.0.2.7:45762", "192.0.2.7", None),
        ("[2001:db8::42]:11111", "2001:db8::42", None),
        ("2001:DB8::42", "2001:db8::42", None),
        ("<Redacted>:64758", "<Redacted>", None),
        ("XX:2001:db8::42", "XX:2001:db8::42", None),
        ("192.0.2.7:1, 198.51.100.1", "192.0.2.7", Some("192.0.2.7:1, 198.51.100.1")),
    ] {
        let event = event_of(&storage(&json!({"callerIpAddress": stated})));
        assert_eq!(event["source_ip"], expected, "{stated}");
        assert_eq!(metadata(&event)["forwarded_for"].as_str(), list, "{stated}");
    }
}

#[test]
fn the_outcome_of_a_storage_request_is_what_status_and_word_say() {
    for (status, word, outcome, code) in [
        (json!(200), json!("Success"), "success", None),
        (json!("206"), json!("AnonymousSuccess"), "success", None),
        (json!(304), json!("ConditionNotMet"), "success", None),
        (json!(200), json!(null), "success", None),
        (json!(403), json!("AuthorizationPermissionMismatch"), "denied", Some("AuthorizationPermissionMismatch")),
        (json!(403), json!("SASAuthorizationError"), "denied", Some("SASAuthorizationError")),
        (json!(403), json!("AuthenticationFailed"), "denied", Some("AuthenticationFailed")),
        (json!(401), json!("NoAuthenticationInformation"), "denied", Some("NoAuthenticationInformation")),
        (json!(403), json!("SomethingNew"), "denied", Some("SomethingNew")),
        (json!(403), json!("AccountIsDisabled"), "failure", Some("AccountIsDisabled")),
        (json!(404), json!("BlobNotFound"), "failure", Some("BlobNotFound")),
        (json!(412), json!("ConditionNotMet"), "failure", Some("ConditionNotMet")),
        (json!(503), json!("ServerBusy"), "failure", Some("ServerBusy")),
        (json!(500), json!(null), "failure", None),
        (json!(null), json!("AuthorizationFailure"), "denied", Some("AuthorizationFailure")),
        (json!(null), json!("Success"), "success", None),
        (json!(null), json!(null), "unknown", None),
    ] {
        let event = event_of(&storage(&json!({"statusCode": status, "statusText": word})));
        let found = (event["outcome"].as_str(), event.get("error_code").map(String::as_str));
        assert_eq!(found, (outcome, code), "{status} {word}");
    }
    let stated =
        json!({"statusCode": null, "statusText": null, "properties": {"metricResponseType": "AuthorizationFailure"}});
    assert_eq!(event_of(&storage(&stated))["outcome"], "denied", "by metricResponseType");
}

#[test]
fn who_made_a_storage_request_is_what_its_identity_proves() {
    for (identity, id, kind, via) in [
        (json!({"type": "AccountKey", "tokenHash": "key2(CC)"}), Some("key2(CC)"), Some("api_key"), None),
        (json!({"type": "Anonymous"}), None, Some("anonymous"), None),
        (json!({"type": "OAuth", "requester": {"objectId": "o", "appId": "a"}}), Some("o"), None, Some("a")),
        (json!({"type": "OAuth", "requester": {"appId": "a"}}), Some("a"), Some("service"), None),
        (
            json!({"type": "OAuth", "requester": {"objectId": "o", "appId": "a"},
                "authorization": [{"principals": [{"id": "o", "type": "ServicePrincipal"}]}]}),
            Some("o"),
            Some("service"),
            Some("a"),
        ),
        (
            json!({"type": "DelegationSas", "tokenHash": "SasSignature(DD)", "requester": {"objectId": "o", "upn": "u@example.com"}}),
            Some("o"),
            Some("user"),
            Some("SasSignature(DD)"),
        ),
        (json!({"type": "OAuth", "tokenHash": "EE"}), Some("EE"), None, None),
        (json!(null), None, None, None),
    ] {
        let mut record = storage(&json!({"identity": null}));
        record["identity"] = identity.clone();
        let event = event_of(&record);
        let column = |name: &str| event.get(name).map(String::as_str);
        assert_eq!((column("actor_id"), column("actor_type"), column("actor_via")), (id, kind, via), "{identity}");
        assert_eq!(metadata(&event)["access_key_id"].as_str(), identity["tokenHash"].as_str(), "{identity}");
    }
    // Categories of Entra ID have a text there.
    let mut record = storage(&json!({}));
    record["identity"] = json!("Ada Lovelace");
    assert_eq!(event_of(&record)["actor_name"], "Ada Lovelace");
}

#[test]
fn a_guest_s_principal_name_is_no_address_of_theirs() {
    let guest = "ada_example.com#EXT#@acme.onmicrosoft.com";
    let identity = json!({"type": "OAuth", "requester": {"objectId": "o", "upn": guest}});
    let event = event_of(&storage(&json!({ "identity": identity })));
    assert_eq!((event["actor_name"].as_str(), event.get("actor_email")), (guest, None));
}

#[test]
fn what_a_request_was_made_on_has_one_path_however_it_is_named() {
    let blob = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";
    let cases = [
        (json!({}), "/acmerecords/payroll/list.txt", Some(blob)),
        (json!({"properties": {"objectKey": null}}), "/acmerecords/payroll/list.txt", Some(blob)),
        (
            json!({"uri": null, "properties": {"objectKey": null, "requestUrl": "https://acmerecords.blob.core.windows.net/payroll/list.txt?sig=x"}}),
            "/acmerecords/payroll/list.txt",
            Some(blob),
        ),
        (
            json!({"properties": {"objectKey": "https://acmerecords.blob.core.windows.net:443/payroll/list.txt?sv=1&sig=x"}}),
            "/acmerecords/payroll/list.txt",
            Some(blob),
        ),
        (
            json!({"properties": {"objectKey": "https://user:word@files.example.com/a/b%20c?X-Amz-Signature=x"}}),
            "https://files.example.com/a/b%20c",
            None,
        ),
        (
            json!({"properties": {"objectKey": "/acmerecords/what?is=this"}}),
            "/acmerecords/what?is=this",
            Some("Microsoft.Storage/storageAccounts/blobServices/containers"),
        ),
        (json!({"properties": {"objectKey": "/acmerecords"}}), "/acmerecords", Some("Microsoft.Storage/storageAccounts")),
        (
            json!({"properties": {"objectKey": "/acmerecords/share/a/b", "serviceType": "file"}}),
            "/acmerecords/share/a/b",
            Some("Microsoft.Storage/storageAccounts/fileServices/shares/files"),
        ),
        (
            json!({"properties": {"objectKey": "/acmerecords/jobs", "serviceType": "queue"}}),
            "/acmerecords/jobs",
            Some("Microsoft.Storage/storageAccounts/queueServices/queues"),
        ),
        (
            json!({"uri": "https://custom.example.com/payroll/list.txt", "properties": {"objectKey": null}}),
            "/acmerecords/payroll/list.txt",
            Some(blob),
        ),
    ];
    for (changes, id, kind) in cases {
        let event = event_of(&storage(&changes));
        assert_eq!((event["resource_id"].as_str(), event.get("resource_type").map(String::as_str)), (id, kind), "{changes}");
        for text in event.values() {
            assert!(!text.contains("sig=x") && !text.contains("Signature=x") && !text.contains("tHeSecret"), "{text}");
        }
    }
}

#[test]
fn the_category_of_a_storage_operation_is_by_what_it_does() {
    for (operation, category) in [
        ("GetBlob", "data_access"),
        ("deleteblob", "data_access"),
        ("SetContainerACL", "configuration"),
        ("SetBlobServiceProperties", "configuration"),
        ("SetBlobMetadata", "data_access"),
        ("GetUserDelegationKey", "authentication"),
    ] {
        assert_eq!(event_of(&storage(&json!({"operationName": operation})))["category"], category, "{operation}");
    }
}

#[test]
fn a_record_without_category_is_known_by_its_fields() {
    let trimmed = storage(&json!({"category": null, "correlationId": null, "operationName": "getblob"}));
    let event = event_of(&trimmed);
    assert_eq!((event["action"].as_str(), event["event_id"].len()), ("getblob", 36));
    let activity = event_of(&{
        let mut record = value("keys_listed");
        record.as_object_mut().unwrap().remove("category");
        record
    });
    assert_eq!(activity["action"], "Microsoft.Storage/storageAccounts/listKeys/action");
    let graph = json!({"id": "s1", "createdDateTime": "2026-03-01T09:00:00Z", "userId": "u", "userPrincipalName": "ada@example.com",
        "appId": "a", "ipAddress": "192.0.2.9", "conditionalAccessStatus": "success", "status": {"errorCode": 0}});
    let event = event_of(&graph);
    assert_eq!(
        (event["action"].as_str(), event["outcome"].as_str(), event["source_ip"].as_str()),
        ("Sign-in activity", "success", "192.0.2.9")
    );
    let audit = value("user_updated")["properties"].clone();
    let event = event_of(&audit);
    assert_eq!(
        (event["action"].as_str(), event["category"].as_str(), event["source_ip"].as_str()),
        ("Update user", "user_management", "192.0.2.101")
    );
    assert_eq!(event["event_time"], "2026-03-01T12:00:00.516Z");
}

#[test]
fn the_outcome_of_an_operation_is_known_when_it_ended() {
    for (result, signature, outcome) in [
        ("Success", "Succeeded.OK", "success"),
        ("Succeeded", "", "success"),
        ("Start", "Started.", "unknown"),
        ("Accept", "Accepted.Accepted", "unknown"),
        ("Failure", "Failed.Conflict", "failure"),
        ("Failed", "403", "denied"),
        ("Failed", "409", "failure"),
        ("Canceled", "", "failure"),
        ("", "", "unknown"),
    ] {
        let mut record = value("role_assignment_written");
        record["resultType"] = json!(result);
        record["resultSignature"] = json!(signature);
        let event = event_of(&record);
        assert_eq!(event["outcome"], outcome, "{result} {signature}");
        assert_eq!(event.contains_key("changes"), outcome == "success", "{result} {signature}");
        assert_eq!(metadata(&event).get("request_body").is_some(), outcome != "success");
    }
}

#[test]
fn several_changed_targets_are_told_apart() {
    let mut record = value("user_updated");
    let mut second = record["properties"]["targetResources"][0].clone();
    second["id"] = json!("second");
    second["modifiedProperties"] = json!([{"displayName": "AccountEnabled", "newValue": "[false]"}]);
    record["properties"]["targetResources"].as_array_mut().unwrap().push(second);
    let changes = event_of(&record)["changes"].clone();
    assert!(changes.contains(r#""field":"9d000000-0000-4000-8000-00000000000d/Department""#), "{changes}");
    assert!(changes.contains(r#"{"after":[false],"field":"second/AccountEnabled"}"#), "{changes}");
}

#[test]
fn an_id_that_is_too_long_is_replaced_and_kept() {
    let event = event_of(&storage(&json!({"correlationId": "c".repeat(130)})));
    assert_eq!(event["event_id"].len(), 36);
    assert_eq!(metadata(&event)["source_event_id"], format!("{}:GetBlob", "c".repeat(130)));
}

#[test]
fn messages_of_smb_are_told_apart_by_their_number() {
    let smb = |number: u32| {
        storage(&json!({"protocol": "SMB", "properties": {"smbMessageID": number, "smbTreeConnectID": "0x4"}}))
    };
    let event = event_of(&smb(7));
    assert_eq!(event["event_id"], "0a0b0c0d-0000-4000-8000-000000000002:GetBlob:7");
    assert_eq!(metadata(&event)["smb"], json!({"smbMessageID": 7, "smbTreeConnectID": "0x4"}));
    assert_ne!(event["event_id"], event_of(&smb(8))["event_id"]);
}

#[test]
fn half_a_character_keeps_its_record() {
    let text = storage(&json!({})).to_string().replace("curl/8.4.0", "curl\\ud83d");
    let event = read(text.as_bytes()).events.remove(0);
    assert_eq!(event["user_agent"], "curl\u{fffd}");
    assert_eq!(metadata(&event)["unicode_replaced"], true);
}

#[test]
fn a_key_vault_that_answers_with_an_error_status_did_not_succeed() {
    for (operation, status, signature, outcome, code) in [
        ("SecretGet", 200, "OK", "success", None),
        ("SecretGet", 403, "Forbidden", "denied", Some("Forbidden")),
        ("SecretGet", 404, "Not Found", "failure", Some("Not Found")),
        ("Authentication", 401, "Unauthorized", "failure", Some("Unauthorized")),
    ] {
        let mut record = value("secret_read");
        record["operationName"] = json!(operation);
        record["resultSignature"] = json!(signature);
        record["properties"]["httpStatusCode"] = json!(status);
        let event = event_of(&record);
        let found = (event["outcome"].as_str(), event.get("error_code").map(String::as_str));
        assert_eq!(found, (outcome, code), "{operation} {status}");
    }
}

#[test]
fn who_made_an_operation_is_what_its_token_claims() {
    let long = |name: &str| format!("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/{name}");
    for (claims, id, kind, name, email) in [
        (json!({"oid": "o", "upn": "ada@example.com"}), "o", "user", Some("ada@example.com"), Some("ada@example.com")),
        (json!({"oid": "o", "appid": "a", "idtyp": "app"}), "o", "service", None, None),
        (json!({"appid": "a", "appidacr": "2"}), "a", "service", None, None),
        (
            json!({long("emailaddress"): "ada@example.com"}),
            "ada@example.com",
            "user",
            Some("ada@example.com"),
            Some("ada@example.com"),
        ),
        (
            json!({long("emailaddress"): "Microsoft.Insights/autoscale"}),
            "Microsoft.Insights/autoscale",
            "system",
            Some("Microsoft.Insights/autoscale"),
            None,
        ),
        (json!({"name": "Ada Lovelace"}), "Ada Lovelace", "user", Some("Ada Lovelace"), None),
    ] {
        let mut record = value("role_assignment_written");
        record["identity"] = json!({ "claims": claims });
        let event = event_of(&record);
        let column = |name: &str| event.get(name).map(String::as_str);
        assert_eq!((column("actor_id"), column("actor_type")), (Some(id), Some(kind)), "{claims}");
        assert_eq!((column("actor_name"), column("actor_email")), (name, email), "{claims}");
    }
    // The role assignment that allowed it names the caller, unless it is a group's.
    let mut record = value("role_assignment_written");
    for (kind, id, actor_type) in
        [("User", Some("p"), Some("user")), ("ServicePrincipal", Some("p"), Some("service")), ("Group", None, None)]
    {
        record["identity"] = json!({"authorization": {"evidence": {"principalId": "p", "principalType": kind}}});
        let event = event_of(&record);
        let column = |name: &str| event.get(name).map(String::as_str);
        assert_eq!((column("actor_id"), column("actor_type")), (id, actor_type), "{kind}");
    }
}

#[test]
fn the_outcome_of_a_sign_in_is_by_its_error_code() {
    for (code, result, outcome) in [
        (json!(0), json!("0"), "success"),
        (json!(null), json!("Success"), "success"),
        (json!(50126), json!("50126"), "failure"),
        (json!(50105), json!("50105"), "denied"),
        (json!(null), json!(7_000_215), "failure"),
        (json!(null), json!(null), "unknown"),
    ] {
        let mut record = value("sign_in_blocked");
        record["resultType"] = result.clone();
        record["properties"]["status"] = json!({ "errorCode": code });
        assert_eq!(event_of(&record)["outcome"], outcome, "{code} {result}");
    }
}

#[test]
fn the_category_of_an_operation_is_by_its_name() {
    for (operation, category) in [
        ("Microsoft.Authorization/roleAssignments/delete", "role_management"),
        ("Microsoft.Authorization/roleAssignments/read", "other"),
        ("Microsoft.Authorization/elevateAccess/action", "role_management"),
        ("MICROSOFT.STORAGE/STORAGEACCOUNTS/REGENERATEKEY/ACTION", "authentication"),
        ("Microsoft.Storage/storageAccounts/listAccountSas/action", "authentication"),
        ("Microsoft.Storage/storageAccounts/write", "configuration"),
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "data_access"),
        ("Microsoft.Compute/disks/beginGetAccess/action", "data_access"),
        ("Microsoft.Network/virtualNetworks/read", "other"),
    ] {
        let mut record = value("role_assignment_written");
        record["operationName"] = json!(operation);
        assert_eq!(event_of(&record)["category"], category, "{operation}");
    }
}
