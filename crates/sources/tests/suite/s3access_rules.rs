//! The tables of outcomes, categories and requesters, row by row. The expected values were written by hand from the S3 user
//! guide and API reference ("Error responses").

use crate::common::{context, read_as};

const OWNER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// A line with these fields, and nothing else of interest.
fn line(requester: &str, operation: &str, key: &str, status_and_code: &str) -> String {
    format!(
        "{OWNER} b [01/Mar/2026:09:15:00 +0000] 198.51.100.7 {requester} A1B2C3D4E5F6G7H8 {operation} {key} \"-\" {status_and_code} - - 1 - \"-\" \"-\" -\n"
    )
}

fn column_of(line: &str, column: &str) -> Option<String> {
    let collector = read_as("aws.s3access", line.as_bytes(), "object", &context());
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{line}");
    collector.events[0].get(column).cloned()
}

#[test]
fn outcomes_are_told_apart() {
    for (operation, status_and_code, outcome) in [
        ("REST.GET.OBJECT", "200 -", "success"),
        ("REST.PUT.OBJECT", "204 -", "success"),
        ("REST.GET.OBJECT", "304 -", "success"),
        ("REST.GET.OBJECT", "304 NotModified", "success"),
        ("REST.GET.OBJECT", "307 TemporaryRedirect", "failure"),
        ("WEBSITE.GET.OBJECT", "301 WebsiteRedirect", "success"),
        ("REST.COPY.OBJECT", "200 InternalError", "failure"),
        ("REST.GET.OBJECT", "403 AccessDenied", "denied"),
        ("REST.HEAD.BUCKET", "403 -", "denied"),
        ("REST.GET.OBJECT", "403 AllAccessDisabled", "denied"),
        ("REST.GET.OBJECT", "403 SomethingNew", "denied"),
        ("REST.GET.OBJECT", "401 -", "denied"),
        ("REST.GET.OBJECT", "403 SignatureDoesNotMatch", "failure"),
        ("REST.GET.OBJECT", "403 InvalidObjectState", "failure"),
        ("REST.GET.OBJECT", "400 ExpiredToken", "failure"),
        ("REST.GET.OBJECT", "404 NoSuchKey", "failure"),
        ("REST.GET.OBJECT", "412 PreconditionFailed", "failure"),
        ("REST.GET.OBJECT", "503 SlowDown", "failure"),
        ("BATCH.DELETE.OBJECT", "- AccessDenied", "denied"),
        ("REST.GET.OBJECT", "- InternalError", "failure"),
        ("REST.GET.OBJECT", "- -", "unknown"),
        ("REST.COPY.OBJECT_GET", "- -", "unknown"),
        ("REST.COPY.PART_GET", "200 -", "success"),
        ("S3.EXPIRE.OBJECT", "- -", "success"),
        ("REST.GET.OBJECT", "100 -", "unknown"),
    ] {
        let line = line("-", operation, "k", status_and_code);
        assert_eq!(column_of(&line, "outcome").as_deref(), Some(outcome), "{operation} {status_and_code}");
    }
}

#[test]
fn categories_are_those_of_the_same_calls_in_cloudtrail() {
    for (operation, key, category) in [
        ("REST.GET.OBJECT", "k", "data_access"),
        ("REST.PUT.ACL", "k", "data_access"),
        ("REST.GET.OBJECT_TAGGING", "k", "data_access"),
        ("REST.PUT.PART", "k", "data_access"),
        ("REST.GET.BUCKET", "-", "data_access"),
        ("REST.GET.BUCKETVERSIONS", "-", "data_access"),
        ("REST.GET.UPLOADS", "-", "data_access"),
        ("WEBSITE.GET.OBJECT", "-", "data_access"),
        ("S3.DELETE.UPLOAD", "k", "data_access"),
        ("SOAP.ListBucket", "-", "data_access"),
        ("SOAP.GetObject", "-", "data_access"),
        ("REST.PUT.BUCKET", "-", "configuration"),
        ("REST.DELETE.BUCKET", "-", "configuration"),
        ("REST.PUT.BUCKETPOLICY", "-", "configuration"),
        ("REST.PUT.VERSIONING", "-", "configuration"),
        ("REST.PUT.LOGGING_STATUS", "-", "configuration"),
        ("REST.DELETE.LIFECYCLE", "-", "configuration"),
        ("REST.PUT.ACL", "-", "configuration"),
        ("REST.PUT.accelerate", "-", "configuration"),
        ("SOAP.CreateBucket", "-", "configuration"),
        ("REST.HEAD.BUCKET", "-", "other"),
        ("REST.GET.BUCKETPOLICY", "-", "other"),
        ("REST.GET.LOCATION", "-", "other"),
        ("REST.OPTIONS.PREFLIGHT", "-", "other"),
        ("SOAP.ListAllMyBuckets", "-", "other"),
        ("NEW.THING", "-", "other"),
    ] {
        assert_eq!(
            column_of(&line("-", operation, key, "200 -"), "category").as_deref(),
            Some(category),
            "{operation} {key}"
        );
    }
}

#[test]
fn requesters_are_told_apart() {
    for (requester, id, kind, name, via) in [
        ("-", None, Some("anonymous"), None, None),
        ("Anonymous", None, Some("anonymous"), None, None),
        (OWNER, Some(OWNER), None, None, None),
        ("arn:aws:iam::111122223333:root", Some("arn:aws:iam::111122223333:root"), Some("user"), None, None),
        (
            "arn:aws-cn:iam::111122223333:user/a/b/ada",
            Some("arn:aws-cn:iam::111122223333:user/a/b/ada"),
            Some("user"),
            Some("ada"),
            None,
        ),
        (
            "arn:aws:sts::111122223333:federated-user/ada",
            Some("arn:aws:sts::111122223333:federated-user/ada"),
            Some("user"),
            Some("ada"),
            None,
        ),
        (
            "arn:aws-cn:sts::111122223333:assumed-role/etl/job=7",
            Some("arn:aws-cn:sts::111122223333:assumed-role/etl/job=7"),
            Some("role"),
            Some("job=7"),
            Some("arn:aws-cn:iam::111122223333:role/etl"),
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForTrustedAdvisor/TrustedAdvisor_1",
            Some("arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForTrustedAdvisor/TrustedAdvisor_1"),
            Some("role"),
            Some("TrustedAdvisor_1"),
            Some("AWSServiceRoleForTrustedAdvisor"),
        ),
        ("svc:cloudtrail.amazonaws.com", Some("cloudtrail.amazonaws.com"), Some("service"), None, None),
        ("s3.amazonaws.com", Some("s3.amazonaws.com"), Some("service"), None, None),
        ("null", None, None, None, None),
        ("alice", Some("alice"), None, None, None),
        (
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
            Some("arn:aws:ec2:eu-west-1:111122223333:instance/i-1"),
            None,
            None,
            None,
        ),
    ] {
        let line = line(requester, "REST.GET.OBJECT", "k", "200 -");
        for (column, expected) in
            [("actor_id", id), ("actor_type", kind), ("actor_name", name), ("actor_via", via), ("actor_email", None)]
        {
            assert_eq!(column_of(&line, column).as_deref(), expected, "{requester}: {column}");
        }
    }
}

#[test]
fn what_s3_does_by_itself_has_no_anonymous_caller() {
    for operation in ["S3.EXPIRE.OBJECT", "BATCH.DELETE.OBJECT"] {
        assert_eq!(column_of(&line("-", operation, "k", "- -"), "actor_type"), None, "{operation}");
    }
}

/// What the vendor does not promise is not checked, as long as there is one way to read the line.
#[test]
fn ids_operations_protocols_and_ways_to_sign_may_be_new() {
    let line = format!(
        "{OWNER} b [01/Mar/2026:09:15:00 +0000] - s3.amazonaws.com 7c0b6b1e-53d4-4b51-9d4a-0f7f6e1f2a11 S3.COMPUTE.OBJECT.CHECKSUM a/b.bin - - - - 77 - - - - - aG9zdA= - - - - - - -\n"
    );
    for (column, expected) in [
        ("action", "S3.COMPUTE.OBJECT.CHECKSUM"),
        ("request_id", "7c0b6b1e-53d4-4b51-9d4a-0f7f6e1f2a11"),
        ("resource_id", "arn:aws:s3:::b/a/b.bin"),
        ("actor_id", "s3.amazonaws.com"),
        ("actor_type", "service"),
        ("outcome", "success"),
        ("category", "data_access"),
    ] {
        assert_eq!(column_of(&line, column).as_deref(), Some(expected), "{column}");
    }
    assert_eq!(column_of(&line, "source_ip"), None);
    let failed = line.replace("a/b.bin - - - -", "a/b.bin \"-\" - InternalError -");
    assert_eq!(column_of(&failed, "outcome").as_deref(), Some("failure"));
    for (operation, id, authentication, protocol) in [
        ("VECTORS.QUERY.INDEX", "req:1/2=3", "AuthHeader", "TLSv1.3"),
        ("rest.scan.Table", "A.B_C", "Sig-V5", "QUICv2"),
        ("S3_TABLES.GET.Metadata-Location", "1", "OIDC2", "DTLSv1.2"),
    ] {
        let line = format!(
            "{OWNER} b [01/Mar/2026:09:15:00 +0000] 198.51.100.7 ada {id} {operation} k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"curl\" - aG9zdA= SigV4A X_NEW {authentication} b.s3.amazonaws.com {protocol} - -\n"
        );
        for (column, expected) in [("action", operation), ("request_id", id), ("actor_id", "ada"), ("user_agent", "curl")] {
            assert_eq!(column_of(&line, column).as_deref(), Some(expected), "{line}");
        }
        let metadata: serde_json::Value = serde_json::from_str(&column_of(&line, "metadata").unwrap()).unwrap();
        assert_eq!(
            (&metadata["authentication_method"], &metadata["tls_version"]),
            (&authentication.into(), &protocol.into())
        );
        assert_eq!(metadata.get("ambiguous_split"), None);
    }
}
