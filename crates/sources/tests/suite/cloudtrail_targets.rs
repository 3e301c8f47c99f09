//! What a call was made on, what it changed and what kind of act it is, call by call. The expected values were written by hand
//! from the API references of the services and the CloudTrail user guide.

use crate::common::{Columns, context, json_of, only_event, read_with};
use serde_json::{Value, json};

fn record(service: &str, call: &str, request: Value, answer: Value) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eva", "userName": "eva"},
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call,
        "awsRegion": "eu-central-1",
        "requestParameters": request,
        "responseElements": answer,
        "eventID": "e-1",
        "recipientAccountId": "111122223333",
    })
}

/// The event of a record, which is the same in the columns whether `raw` is kept or not.
fn event(record: &Value) -> Columns {
    let text = record.to_string();
    let with_raw = only_event(&read_with(text.as_bytes(), &context()), &text);
    let mut without = context();
    without.keep_raw = false;
    let without_raw = only_event(&read_with(text.as_bytes(), &without), &text);
    for (column, value) in &without_raw {
        assert!(*column == "metadata" || with_raw.get(column) == Some(value), "{column}: {value}");
    }
    with_raw
}

#[test]
fn what_a_call_created_is_its_resource() {
    for (service, call, request, answer, kind, id, name) in [
        (
            "ec2",
            "RunInstances",
            json!({"instancesSet": {"items": [{"imageId": "ami-9"}]}}),
            json!({"instancesSet": {"items": [{"instanceId": "i-0a1", "imageId": "ami-9"}]}}),
            "AWS::EC2::Instance",
            "i-0a1",
            "i-0a1",
        ),
        (
            "ec2",
            "CreateVolume",
            json!({"size": "8", "zone": "eu-central-1a", "snapshotId": "snap-5"}),
            json!({"volumeId": "vol-7", "snapshotId": "snap-5"}),
            "AWS::EC2::Volume",
            "vol-7",
            "vol-7",
        ),
        (
            "ec2",
            "CreateSecurityGroup",
            json!({"groupName": "db", "vpcId": "vpc-2"}),
            json!({"_return": true, "groupId": "sg-8"}),
            "AWS::EC2::SecurityGroup",
            "sg-8",
            "sg-8",
        ),
        (
            "ec2",
            "CreateVpc",
            json!({"cidrBlock": "10.1.0.0/16"}),
            json!({"vpc": {"vpcId": "vpc-3", "dhcpOptionsId": "dopt-1", "ownerId": "111122223333"}}),
            "AWS::EC2::VPC",
            "vpc-3",
            "vpc-3",
        ),
        (
            "ec2",
            "CreateSubnet",
            json!({"vpcId": "vpc-3"}),
            json!({"subnet": {"subnetId": "subnet-4", "vpcId": "vpc-3", "subnetArn": "arn:aws:ec2:x"}}),
            "AWS::EC2::Subnet",
            "subnet-4",
            "subnet-4",
        ),
        (
            "ec2",
            "CreateNatGateway",
            json!({"CreateNatGatewayRequest": {"SubnetId": "subnet-4"}}),
            json!({"CreateNatGatewayResponse": {"xmlns": "http://ec2", "natGateway": {"natGatewayId": "nat-5", "subnetId": "subnet-4"}}}),
            "AWS::EC2::NatGateway",
            "nat-5",
            "nat-5",
        ),
        (
            "ec2",
            "CopyImage",
            json!({"sourceImageId": "ami-1", "name": "golden"}),
            json!({"imageId": "ami-6"}),
            "AWS::EC2::Image",
            "ami-6",
            "ami-6",
        ),
        (
            "lambda",
            "CreateFunction20150331",
            json!({"functionName": "resize", "role": "arn:aws:iam::111122223333:role/r"}),
            json!({"functionName": "resize", "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:resize", "role": "arn:aws:iam::111122223333:role/r"}),
            "AWS::Lambda::Function",
            "arn:aws:lambda:eu-central-1:111122223333:function:resize",
            "resize",
        ),
        (
            "iam",
            "CreateRole",
            json!({"roleName": "ops", "path": "/team/"}),
            json!({"role": {"arn": "arn:aws:iam::111122223333:role/team/ops", "roleId": "AROAX", "roleName": "ops"}}),
            "AWS::IAM::Role",
            "arn:aws:iam::111122223333:role/team/ops",
            "ops",
        ),
        (
            "kms",
            "CreateKey",
            json!({"description": "backups"}),
            json!({"keyMetadata": {"arn": "arn:aws:kms:eu-central-1:111122223333:key/1f", "keyId": "1f"}}),
            "AWS::KMS::Key",
            "arn:aws:kms:eu-central-1:111122223333:key/1f",
            "1f",
        ),
        (
            "route53",
            "CreateHostedZone",
            json!({"name": "corp.example", "callerReference": "c"}),
            json!({"changeInfo": {"id": "/change/C1", "status": "PENDING"}, "hostedZone": {"id": "/hostedzone/Z4", "name": "corp.example."}}),
            "AWS::Route53::HostedZone",
            "Z4",
            "corp.example.",
        ),
        (
            "rds",
            "RestoreDBInstanceFromDBSnapshot",
            json!({"dBInstanceIdentifier": "copy", "dBSnapshotIdentifier": "s"}),
            json!({"dBInstanceIdentifier": "copy", "dBInstanceArn": "arn:aws:rds:eu-central-1:111122223333:db:copy"}),
            "AWS::RDS::DBInstance",
            "arn:aws:rds:eu-central-1:111122223333:db:copy",
            "copy",
        ),
        (
            "elasticloadbalancing",
            "CreateLoadBalancer",
            json!({"name": "front"}),
            json!({"loadBalancers": [{"loadBalancerArn": "arn:aws:elasticloadbalancing:x:y:loadbalancer/app/front/1", "loadBalancerName": "front"}]}),
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "arn:aws:elasticloadbalancing:x:y:loadbalancer/app/front/1",
            "front",
        ),
        (
            "sns",
            "CreateTopic",
            json!({"name": "alerts"}),
            json!({"topicArn": "arn:aws:sns:eu-central-1:111122223333:alerts"}),
            "AWS::SNS::Topic",
            "arn:aws:sns:eu-central-1:111122223333:alerts",
            "alerts",
        ),
    ] {
        let event = event(&record(service, call, request, answer));
        let found = ["resource_type", "resource_id", "resource_name"].map(|column| event.get(column).map(String::as_str));
        assert_eq!(found, [Some(kind), Some(id), Some(name)], "{call}");
    }
}

#[test]
fn several_things_are_all_named() {
    let answer = json!({"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}});
    let started = event(&record("ec2", "RunInstances", Value::Null, answer.clone()));
    let ended = event(&record("ec2", "TerminateInstances", answer, Value::Null));
    for event in [started, ended] {
        assert_eq!(event["resource_id"], "i-1");
        assert_eq!(json_of(&event, "metadata")["resources"], json!(["i-1", "i-2"]));
    }
}

#[test]
fn services_of_which_no_table_tells_are_read_by_the_name_of_the_call() {
    for (service, call, request, kind, id) in [
        ("lambda", "DeleteFunction20150331", json!({"functionName": "f"}), Some("AWS::Lambda::Function"), "f"),
        ("glue", "DeleteTable", json!({"databaseName": "d", "name": "orders"}), Some("AWS::Glue::Table"), "orders"),
        ("ecs", "DeleteCluster", json!({"cluster": "c"}), Some("AWS::ECS::Cluster"), "c"),
        ("route53", "DeleteHostedZone", json!({"id": "/hostedzone/Z5"}), Some("AWS::Route53::HostedZone"), "Z5"),
        // What was refused has no answer: the name it was to have counts, not what it was to lie in.
        (
            "ec2",
            "CreateSecurityGroup",
            json!({"groupName": "web", "vpcId": "vpc-1"}),
            Some("AWS::EC2::SecurityGroup"),
            "web",
        ),
        ("ec2", "AuthorizeSecurityGroupIngress", json!({"groupName": "old"}), Some("AWS::EC2::SecurityGroup"), "old"),
        ("ec2", "CreateTags", json!({"resourcesSet": {"items": [{"resourceId": "vol-9"}]}}), None, "vol-9"),
        ("newservice", "UpdateGadget", json!({"gadgetArn": "arn:aws:newservice:x"}), None, "arn:aws:newservice:x"),
        (
            "ec2",
            "DeleteVpcEndpoints",
            json!({"DeleteVpcEndpointsRequest": {"VpcEndpointId": {"tag": 1, "content": "vpce-6"}}}),
            Some("AWS::EC2::VPCEndpoint"),
            "vpce-6",
        ),
    ] {
        let event = event(&record(service, call, request, Value::Null));
        assert_eq!((event.get("resource_type").map(String::as_str), event["resource_id"].as_str()), (kind, id), "{call}");
    }
}

#[test]
fn rules_of_security_groups_are_changes_of_the_group() {
    let range = json!({"items": [{"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{"cidrIp": "198.51.100.0/24"}]}}]});
    let opened = event(&record(
        "ec2",
        "AuthorizeSecurityGroupEgress",
        json!({"groupId": "sg-11", "ipPermissions": range}),
        Value::Null,
    ));
    assert_eq!(opened["resource_id"], "sg-11");
    assert_eq!(json_of(&opened, "changes"), json!([{"field": "ip_permissions", "after": range}]));
    let edited = event(&record(
        "ec2",
        "ModifySecurityGroupRules",
        json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-12", "SecurityGroupRule": {"SecurityGroupRule": {"CidrIpv6": "::/0"}, "SecurityGroupRuleId": "sgr-1"}}}),
        json!({"ModifySecurityGroupRulesResponse": {"return": true}}),
    ));
    assert_eq!(edited["resource_id"], "sg-12");
    let change = json!([{"field": "security_group_rules", "after": {"SecurityGroupRule": {"CidrIpv6": "::/0"}, "SecurityGroupRuleId": "sgr-1"}}]);
    assert_eq!(json_of(&edited, "changes"), change);
    let closed = event(&record(
        "ec2",
        "RevokeSecurityGroupIngress",
        json!({"groupId": "sg-13", "ipPermissions": {}, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-2"}]}}),
        json!({"_return": true}),
    ));
    assert_eq!(closed["resource_id"], "sg-13");
    let change = json!([{"field": "security_group_rule_ids", "before": {"items": [{"securityGroupRuleId": "sgr-2"}]}, "after": null}]);
    assert_eq!(json_of(&closed, "changes"), change);
}

#[test]
fn record_sets_are_changes_of_their_zone() {
    let set =
        json!({"name": "www.corp.example.", "type": "CNAME", "tTL": 60, "resourceRecords": [{"value": "lb.example.net"}]});
    let old = json!({"name": "old.corp.example.", "type": "A", "tTL": 60, "resourceRecords": [{"value": "192.0.2.7"}]});
    let changed = event(&record(
        "route53",
        "ChangeResourceRecordSets",
        json!({"hostedZoneId": "/hostedzone/Z9", "changeBatch": {"changes": [
            {"action": "CREATE", "resourceRecordSet": set}, {"action": "DELETE", "resourceRecordSet": old}]}}),
        Value::Null,
    ));
    assert_eq!((changed["resource_type"].as_str(), changed["resource_id"].as_str()), ("AWS::Route53::HostedZone", "Z9"));
    let expected = json!([
        {"field": "record CNAME www.corp.example.", "after": set},
        {"field": "record A old.corp.example.", "before": old, "after": null},
    ]);
    assert_eq!(json_of(&changed, "changes"), expected);
}

#[test]
fn a_deletion_of_many_objects_is_one_of_the_bucket_and_its_data() {
    let mut deleted = record("s3", "DeleteObjects", json!({"bucketName": "photos", "delete": ""}), Value::Null);
    deleted["eventCategory"] = "Data".into();
    deleted["resources"] = json!([{"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::photos/"}, {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::photos"}]);
    let event = event(&deleted);
    assert_eq!((event["resource_id"].as_str(), event["category"].as_str()), ("arn:aws:s3:::photos", "data_access"));
}

#[test]
fn calls_that_use_or_read_are_no_configuration() {
    for (service, call, stated, category) in [
        ("kms", "Decrypt", json!({}), "other"),
        ("kms", "GenerateDataKeyWithoutPlaintext", json!({"readOnly": false}), "other"),
        ("kms", "Encrypt", json!({"readOnly": "true"}), "other"),
        ("kms", "ReEncrypt", json!({}), "other"),
        ("kms", "ScheduleKeyDeletion", json!({}), "configuration"),
        ("s3", "PutBucketTagging", json!({"eventCategory": "NetworkActivity", "readOnly": false}), "other"),
        ("s3", "PutObject", json!({"eventCategory": "NetworkActivity"}), "data_access"),
        ("redshift", "GetClusterCredentials", json!({"readOnly": false}), "authentication"),
        ("lambda", "Invoke", json!({}), "data_access"),
        ("lambda", "UpdateFunctionCode20150331v2", json!({}), "configuration"),
        ("dynamodb", "PutItem", json!({}), "data_access"),
        ("dynamodb", "CreateTable", json!({}), "configuration"),
        ("newservice", "PutThing", json!({"managementEvent": "false"}), "data_access"),
        ("newservice", "ValidateThing", json!({}), "other"),
        ("newservice", "PutThing", json!({"readOnly": "true"}), "other"),
        ("newservice", "PutThing", json!({}), "configuration"),
    ] {
        let mut record = record(service, call, Value::Null, Value::Null);
        record.as_object_mut().unwrap().extend(stated.as_object().unwrap().clone());
        assert_eq!(event(&record)["category"], category, "{call} {stated}");
    }
}

#[test]
fn the_person_behind_a_session_is_named() {
    let person =
        json!({"userId": "d4f2-person", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"});
    let mut record = record("s3", "GetDataAccess", Value::Null, Value::Null);
    record["userIdentity"] = json!({
        "type": "AssumedRole", "principalId": "AROAX:athena-1", "arn": "arn:aws:sts::111122223333:assumed-role/query/athena-1",
        "accountId": "111122223333", "onBehalfOf": person,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/query", "userName": "query"}},
    });
    let session = event(&record);
    assert_eq!(session["actor_id"], "arn:aws:sts::111122223333:assumed-role/query/athena-1");
    assert_eq!(session["actor_name"], "d4f2-person");
    let metadata = json_of(&session, "metadata");
    assert_eq!(metadata["session_name"], "athena-1");
    let stated =
        json!({"user_id": "d4f2-person", "identity_store_arn": "arn:aws:identitystore::111122223333:identitystore/d-1"});
    assert_eq!(metadata["on_behalf_of"], stated);

    // A session that Identity Center named after the person keeps the name.
    record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] = "AWSReservedSSO_Ops_1".into();
    record["userIdentity"]["arn"] = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ops_1/eva@corp.example".into();
    let named = event(&record);
    assert_eq!((named["actor_name"].as_str(), named["actor_email"].as_str()), ("eva@corp.example", "eva@corp.example"));
    assert_eq!(json_of(&named, "metadata")["on_behalf_of"], stated);

    record["userIdentity"] =
        json!({"type": "IdentityCenterUser", "accountId": "111122223333", "onBehalfOf": person, "credentialId": "c"});
    let user = event(&record);
    assert_eq!((user["actor_id"].as_str(), user["actor_type"].as_str()), ("d4f2-person", "user"));
}

#[test]
fn calls_on_several_things_name_them_all() {
    for (service, call, request, kind, id, all) in [
        (
            "glue",
            "BatchDeleteTable",
            json!({"databaseName": "sales", "tablesToDelete": ["orders", "refunds"]}),
            "AWS::Glue::Table",
            "orders",
            json!(["orders", "refunds"]),
        ),
        (
            "glue",
            "BatchDeletePartition",
            json!({"databaseName": "sales", "tableName": "orders", "partitionsToDelete": [{"values": ["2026"]}]}),
            "AWS::Glue::Table",
            "orders",
            Value::Null,
        ),
        (
            "dynamodb",
            "BatchWriteItem",
            json!({"requestItems": {"carts": [{"putRequest": {}}], "stock": [{"deleteRequest": {}}]}}),
            "AWS::DynamoDB::Table",
            "carts",
            json!(["carts", "stock"]),
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            json!({"transactItems": [{"put": {"tableName": "stock"}}, {"update": {"tableName": "carts"}}, {"delete": {"tableName": "stock"}}]}),
            "AWS::DynamoDB::Table",
            "stock",
            json!(["stock", "carts"]),
        ),
    ] {
        let record = json!({
            "eventVersion": "1.08", "eventTime": "2026-03-01T09:15:00Z", "eventSource": format!("{service}.amazonaws.com"), "eventName": call,
            "requestParameters": request, "eventID": "e-1",
        });
        let collector = crate::common::read(record.to_string().as_bytes());
        let event = crate::common::only_event(&collector, call);
        crate::common::assert_columns(
            &event,
            &[("resource_type", Some(kind)), ("resource_id", Some(id)), ("resource_name", Some(id))],
            call,
        );
        assert_eq!(crate::common::json_of(&event, "metadata")["resources"], all, "{call}");
    }
}
