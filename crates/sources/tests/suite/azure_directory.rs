//! What a person expects in the columns of a record of Entra ID. The expected values were written by hand from Microsoft's
//! documentation ("Microsoft Entra audit log schema", "signIn resource type").

use crate::common::azure::{assert_columns, event_of, metadata, value};
use serde_json::json;

const TENANT: &str = "7e000000-0000-4000-8000-000000000001";
const ADA: &str = "9d000000-0000-4000-8000-00000000000a";

#[test]
fn a_change_in_the_directory_states_before_and_after() {
    let event = event_of(&value("user_updated"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("Directory_0a0b0c0d_1_42")),
            ("event_time", Some("2026-03-01T12:00:00.516Z")),
            ("event_time_nanos", Some("809300")),
            ("action", Some("Update user")),
            ("category", Some("user_management")),
            ("outcome", Some("success")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("resource_type", Some("User")),
            ("resource_id", Some("9d000000-0000-4000-8000-00000000000d")),
            ("resource_name", Some("grace@example.com")),
            ("scope_type", Some("tenant")),
            ("scope_id", Some(TENANT)),
            (
                "changes",
                Some(concat!(
                    r#"[{"after":[false],"before":[true],"field":"AccountEnabled"},"#,
                    r#"{"after":"Archives","field":"Department"},{"before":"plain text","field":"JobTitle"}]"#
                )),
            ),
            ("source_ip", Some("192.0.2.100")),
            ("user_agent", Some("Directory Client/1.0")),
            ("service_name", Some("Core Directory")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000030")),
        ],
    );
    let notes = metadata(&event);
    assert_eq!(notes["display_name"], "Ada Lovelace");
    assert_eq!(notes["activity_category"], "UserManagement");
    assert_eq!(notes.get("rest"), None);
}

#[test]
fn an_application_without_privileges_is_denied_and_changes_nothing() {
    let event = event_of(&value("member_added_by_application"));
    for (column, value) in [
        ("outcome", "denied"),
        ("error_code", "failure"),
        ("error_message", "Insufficient privileges to complete the operation."),
        ("actor_id", "9d000000-0000-4000-8000-00000000000e"),
        ("actor_type", "service"),
        ("actor_name", "Provisioner"),
        ("actor_via", "aa000000-0000-4000-8000-000000000004"),
        ("category", "group_management"),
        ("resource_name", "grace@example.com"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
    assert_eq!(event.get("changes"), None);
    let others = &metadata(&event)["resources"];
    assert_eq!(*others, json!(["9d000000-0000-4000-8000-00000000000d", "60000000-0000-4000-8000-000000000001"]));
}

#[test]
fn a_sign_in_that_a_policy_blocked_is_denied_and_its_time_is_when_it_began() {
    let event = event_of(&value("sign_in_blocked"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("51000000-0000-4000-8000-000000000001")),
            ("event_time", Some("2026-03-01T13:00:09.123Z")),
            ("event_time_nanos", Some("456700")),
            ("action", Some("Sign-in activity")),
            ("category", Some("authentication")),
            ("outcome", Some("denied")),
            ("error_code", Some("53003")),
            ("error_message", Some("Access has been blocked by Conditional Access policies.")),
            ("actor_id", Some(ADA)),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("actor_via", Some("aa000000-0000-4000-8000-000000000005")),
            ("resource_type", Some("ServicePrincipal")),
            ("resource_id", Some("797f4846-ba00-4fd7-ba43-dac1f8f63013")),
            ("resource_name", Some("Windows Azure Service Management API")),
            ("scope_type", Some("tenant")),
            ("scope_id", Some(TENANT)),
            ("source_ip", Some("198.51.100.40")),
            ("user_agent", Some("Mozilla/5.0")),
            ("service_name", Some("Microsoft.aadiam")),
            ("request_id", Some("0a0b0c0d-0000-4000-8000-000000000040")),
        ],
    );
    let notes = metadata(&event);
    assert_eq!(notes["logged_time"], "2026-03-01T13:02:11.0000000Z");
    assert_eq!(notes["place"], json!({"city": "Amsterdam", "countryOrRegion": "NL"}));
    // The token that operations of the Activity log state as their access key.
    assert_eq!(notes["issued_access_key_id"], "tokenId-1");
}

#[test]
fn a_finding_is_about_a_user_who_need_not_have_done_it() {
    let event = event_of(&value("risk_found"));
    for (column, value) in [
        ("event_id", "41000000-0000-4000-8000-000000000001"),
        ("event_time", "2026-03-01T14:00:00.000Z"),
        ("action", "User Risk Detection"),
        ("category", "other"),
        ("outcome", "unknown"),
        ("resource_type", "User"),
        ("resource_id", ADA),
        ("resource_name", "ada@example.com"),
        ("source_ip", "198.51.100.50"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
    assert_eq!(event.get("actor_id"), None);
    assert_eq!(metadata(&event)["risk_event_type"], "unfamiliarFeatures");
}
