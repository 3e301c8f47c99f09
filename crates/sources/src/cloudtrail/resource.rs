//! What a call was made on.

use std::borrow::Cow;

use crate::json::Json;

/// What a call was made on. Kinds are those of AWS CloudFormation, as CloudTrail's own `resources` uses them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource<'r> {
    pub kind: Option<&'r str>,
    pub id: Option<Cow<'r, str>>,
    pub name: Option<&'r str>,
    /// The request parameter it was read from, if it was.
    pub parameter: Option<&'static str>,
}

/// Request parameters that name a resource: service (`""`: any), parameter (in any ASCII case), kind. The first that is there
/// counts, so the more specific stand first.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("sts", "roleArn", "AWS::IAM::Role"),
    ("iam", "groupName", "AWS::IAM::Group"),
    ("iam", "roleName", "AWS::IAM::Role"),
    ("iam", "userName", "AWS::IAM::User"),
    ("iam", "policyArn", "AWS::IAM::ManagedPolicy"),
    ("iam", "policyName", "AWS::IAM::ManagedPolicy"),
    ("iam", "instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("iam", "serialNumber", "AWS::IAM::VirtualMFADevice"),
    ("kms", "keyId", "AWS::KMS::Key"),
    ("secretsmanager", "secretId", "AWS::SecretsManager::Secret"),
    ("secretsmanager", "name", "AWS::SecretsManager::Secret"),
    ("lambda", "functionName", "AWS::Lambda::Function"),
    ("lambda", "layerName", "AWS::Lambda::LayerVersion"),
    ("dynamodb", "tableName", "AWS::DynamoDB::Table"),
    ("cloudtrail", "trailName", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "name", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "eventDataStore", "AWS::CloudTrail::EventDataStore"),
    ("logs", "logGroupName", "AWS::Logs::LogGroup"),
    ("sns", "topicArn", "AWS::SNS::Topic"),
    ("sqs", "queueUrl", "AWS::SQS::Queue"),
    ("ssm", "target", "AWS::EC2::Instance"),
    ("ssm", "documentName", "AWS::SSM::Document"),
    ("ssm", "name", "AWS::SSM::Parameter"),
    ("rds", "dBInstanceIdentifier", "AWS::RDS::DBInstance"),
    ("rds", "dBClusterIdentifier", "AWS::RDS::DBCluster"),
    ("rds", "dBSnapshotIdentifier", "AWS::RDS::DBSnapshot"),
    ("bedrock", "modelId", "AWS::Bedrock::FoundationModel"),
    ("sso", "permissionSetArn", "AWS::SSO::PermissionSet"),
    ("identitystore", "groupId", "AWS::IdentityStore::Group"),
    ("identitystore", "userId", "AWS::IdentityStore::User"),
    ("guardduty", "detectorId", "AWS::GuardDuty::Detector"),
    ("ecr", "repositoryName", "AWS::ECR::Repository"),
    ("cloudformation", "stackName", "AWS::CloudFormation::Stack"),
    ("eks", "name", "AWS::EKS::Cluster"),
    ("", "instanceId", "AWS::EC2::Instance"),
    ("ec2", "snapshotId", "AWS::EC2::Snapshot"),
    ("ec2", "imageId", "AWS::EC2::Image"),
    ("ec2", "volumeId", "AWS::EC2::Volume"),
    ("ec2", "groupId", "AWS::EC2::SecurityGroup"),
    ("ec2", "networkAclId", "AWS::EC2::NetworkAcl"),
    ("ec2", "routeTableId", "AWS::EC2::RouteTable"),
    ("ec2", "subnetId", "AWS::EC2::Subnet"),
    ("ec2", "internetGatewayId", "AWS::EC2::InternetGateway"),
    ("ec2", "networkInterfaceId", "AWS::EC2::NetworkInterface"),
    ("ec2", "vpcId", "AWS::EC2::VPC"),
];

/// Where the answer of a creating IAM call holds the new thing's ARN.
const CREATED: &[(&str, &str)] = &[
    ("user", "AWS::IAM::User"),
    ("role", "AWS::IAM::Role"),
    ("group", "AWS::IAM::Group"),
    ("policy", "AWS::IAM::ManagedPolicy"),
    ("instanceProfile", "AWS::IAM::InstanceProfile"),
];

/// Reads the resource, by the first rule that fits:
///
/// 1. `resources`: the S3 object if there is one, else the first with an ARN;
/// 2. S3: `bucketName` and `key` as an ARN, which S3 ARNs can be made of without doubt;
/// 3. what an IAM call created, by the ARN in its answer;
/// 4. the request parameter of the table above; `instancesSet` for EC2;
///
/// and the name is the object's key, the last part of an ARN's path, or the value itself. An IAM name alone makes no ARN
/// (its path is not known), so there the name is the id.
pub(super) fn of<'r>(record: &'r Json<'_>) -> Resource<'r> {
    let request = record.get("requestParameters");
    let service = record.text_at("eventSource").unwrap_or_default();
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    listed(record)
        .or_else(|| if service.starts_with("s3") { in_s3(record, request?) } else { None })
        .or_else(|| if service == "iam" { created(record) } else { None })
        .or_else(|| named(service, request?))
        .unwrap_or_default()
}

fn listed<'r>(record: &'r Json<'_>) -> Option<Resource<'r>> {
    let resources = record.get("resources")?.elements();
    let is_object = |resource: &&Json<'_>| resource.text_at("type") == Some("AWS::S3::Object");
    let with_arn = || resources.iter().filter(|resource| resource.text_at("ARN").is_some());
    let chosen = with_arn().find(is_object).or_else(|| with_arn().next())?;
    let arn = chosen.text_at("ARN")?;
    Some(Resource {
        kind: chosen.text_at("type"),
        id: Some(Cow::Borrowed(arn)),
        name: Some(name_in_arn(arn)),
        parameter: None,
    })
}

/// The part of an ARN that people call the thing by.
fn name_in_arn(arn: &str) -> &str {
    let Some(resource) = arn.splitn(6, ':').nth(5).filter(|resource| !resource.is_empty()) else { return arn };
    if arn.split(':').nth(2) == Some("s3") {
        // bucket, or bucket/key: a key may hold further slashes.
        return resource.split_once('/').map_or(resource, |(_, key)| key);
    }
    resource.rsplit(['/', ':']).next().filter(|name| !name.is_empty()).unwrap_or(resource)
}

fn in_s3<'r>(record: &Json<'_>, request: &'r Json<'_>) -> Option<Resource<'r>> {
    let bucket = request.get_any_case("bucketName")?.text()?;
    let region = record.text_at("awsRegion").unwrap_or_default();
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let key = request.get_any_case("key").and_then(Json::text);
    let (kind, id) = match key {
        Some(key) => ("AWS::S3::Object", format!("arn:{partition}:s3:::{bucket}/{key}")),
        None => ("AWS::S3::Bucket", format!("arn:{partition}:s3:::{bucket}")),
    };
    Some(Resource {
        kind: Some(kind),
        id: Some(Cow::Owned(id)),
        name: Some(key.unwrap_or(bucket)),
        parameter: Some("bucketName"),
    })
}

fn created<'r>(record: &'r Json<'_>) -> Option<Resource<'r>> {
    if !record.text_at("eventName")?.starts_with("Create") {
        return None;
    }
    let answer = record.get("responseElements")?;
    CREATED.iter().find_map(|(member, kind)| {
        let arn = answer.get(member)?.text_at("arn")?;
        Some(Resource { kind: Some(*kind), id: Some(Cow::Borrowed(arn)), name: Some(name_in_arn(arn)), parameter: None })
    })
}

fn named<'r>(service: &str, request: &'r Json<'_>) -> Option<Resource<'r>> {
    for (of_service, parameter, kind) in PARAMETERS {
        if !of_service.is_empty() && *of_service != service {
            continue;
        }
        let Some(value) = request.get_any_case(parameter).and_then(Json::text) else { continue };
        let name = if value.starts_with("arn:") { name_in_arn(value) } else { value };
        return Some(Resource {
            kind: Some(*kind),
            id: Some(Cow::Borrowed(value)),
            name: Some(name),
            parameter: Some(*parameter),
        });
    }
    if service != "ec2" {
        return None;
    }
    let id = request.get("instancesSet")?.get("items")?.elements().first()?.text_at("instanceId")?;
    Some(Resource {
        kind: Some("AWS::EC2::Instance"),
        id: Some(Cow::Borrowed(id)),
        name: Some(id),
        parameter: Some("instancesSet"),
    })
}
