//! Public samples, where they are at hand: what a pipeline for CloudTrail made of its records, by OCSF 1.1.

use crate::common::samples::{files, samples};
use crate::common::{Collector, assert_columns, context};
use auditlake_sources::import;

#[test]
fn every_sample_is_recognised_and_says_who_did_what() {
    let Some(folder) = samples("ocsf") else { return };
    let mut read = Vec::new();
    for path in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let name = path.to_string_lossy().into_owned();
        let mut collector = Collector::default();
        let (source, _) = import(&std::fs::read(&path).unwrap()[..], "object", None, &context(), &mut collector).unwrap();
        assert_eq!(source, "ocsf", "{name}");
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
        read.extend(collector.events);
    }
    read.sort_by(|left, right| left["action"].cmp(&right["action"]));
    let [sign_in, created, described] = &read[..] else { panic!("{} events", read.len()) };
    assert_columns(
        sign_in,
        &[
            ("event_time", Some("2023-11-10T16:24:34.000Z")),
            ("action", Some("ConsoleLogin")),
            ("category", Some("authentication")),
            ("outcome", Some("success")),
            ("actor_id", Some("arn:aws:iam::111122223333:user/anaya")),
            ("actor_name", Some("anaya")),
            ("actor_type", Some("user")),
            ("source_ip", Some("192.0.2.0")),
        ],
        "sign-in",
    );
    assert_columns(
        created,
        &[
            ("event_time", Some("2023-03-17T17:07:59.000Z")),
            ("action", Some("CreateUser")),
            ("category", Some("user_management")),
            // The pipeline states no status.
            ("outcome", Some("unknown")),
            ("actor_id", Some("arn:aws:sts::112233445566:assumed-role/Admin/Admin-user")),
            ("actor_type", Some("role")),
            ("actor_via", Some("arn:aws:iam::112233445566:role/Admin")),
            ("resource_type", Some("user")),
            ("resource_name", Some("test_user2")),
            ("scope_id", Some("112233445566")),
        ],
        "created",
    );
    assert_columns(
        described,
        &[
            ("action", Some("DescribeDirectConnectGateways")),
            ("category", Some("other")),
            ("outcome", Some("unknown")),
            ("actor_name", Some("Level6")),
            ("service_name", Some("directconnect.amazonaws.com")),
            ("source_ip", Some("205.8.181.128")),
        ],
        "described",
    );
}
