"""What the buckets allow and keep, whoever asks."""

import pytest

DATA = ("LandingBucket", "ArchiveBucket")
ENCRYPTED = (*DATA, "ResultsBucket")
BUCKETS = (*ENCRYPTED, "AccessLogBucket")
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"


def matches(statement, request):
    """Whether a statement's conditions hold for a request's context keys, by IAM's rules for the operators used here."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, expected in keys.items():
            present = key in request
            value = request.get(key)
            match operator:
                case "Null":
                    holds = present != (expected == "true")
                case "Bool":
                    holds = present and value == expected
                case "StringNotEquals" | "ArnNotEquals":
                    holds = not present or value != expected  # a missing key matches a negated operator, with or without IfExists
                case _:
                    raise AssertionError(f"operator {operator} is not known to this test")
            if not holds:
                return False
    return True


def denied(template, bucket, action, **request):
    request = {key.replace("__", ":").replace("_", "-"): value for key, value in request.items()}
    request = {"aws:SecureTransport": "true"} | {ALIASES.get(key, key): value for key, value in request.items()}
    return {
        sid for sid, statement in template.bucket_policy(bucket).items()
        if statement["Effect"] == "Deny" and (action in statement["Action"] or "s3:*" in statement["Action"]) and matches(statement, request)
    }


ALIASES = {
    "principal": "aws:PrincipalArn", "tls": "aws:SecureTransport", "if-none-match": "s3:if-none-match",
    "creates": "s3:ObjectCreationOperation", "algorithm": "s3:x-amz-server-side-encryption",
    "key": "s3:x-amz-server-side-encryption-aws-kms-key-id", "customer": "s3:x-amz-server-side-encryption-customer-algorithm",
}
COMPACT = {"principal": "arn:CompactRole"}
PUT = {"if_none_match": "*", "creates": "true"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_data_outlives_the_stack_and_is_never_public(lake, bucket):
    resource = lake.document["Resources"][bucket]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = lake.properties(bucket)
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_key_outlives_the_stack_and_rotates(lake):
    resource = lake.document["Resources"]["Key"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert lake.properties("Key")["EnableKeyRotation"] is True


@pytest.mark.parametrize("bucket", BUCKETS)
def test_tls_only(lake, bucket):
    statement = lake.bucket_policy(bucket)["TlsOnly"]
    assert set(statement["Resource"]) == {f"arn:{bucket}", f"arn:{bucket}/*"}
    assert "TlsOnly" in denied(lake, bucket, "s3:GetObject", tls="false")
    assert not denied(lake, bucket, "s3:GetObject")


@pytest.mark.parametrize("bucket", ENCRYPTED)
def test_default_encryption_is_the_key_and_only_a_wrong_header_is_denied(lake, bucket):
    rule, = lake.properties(bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:Key"}}
    put = lambda **headers: denied(lake, bucket, "s3:PutObject", **PUT, **COMPACT, **headers)  # noqa: E731
    assert put() == set()
    assert put(algorithm="aws:kms") == set()
    assert put(algorithm="aws:kms", key="arn:Key") == set()
    assert put(algorithm="AES256") == {"NoOtherAlgorithm"}
    assert put(algorithm="aws:kms", key="arn:other") == {"NoOtherKey"}
    assert put(customer="AES256") == {"NoKeyOfTheCaller"}


@pytest.mark.parametrize("bucket", DATA)
def test_nobody_deletes(lake, bucket):
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        for principal in ("arn:CompactRole", DEPLOYER, "arn:aws:iam::111122223333:root"):
            assert "NobodyDeletes" in denied(lake, bucket, action, principal=principal)
    statement = lake.bucket_policy(bucket)["NobodyDeletes"]
    assert statement["Principal"] == "*" and "Condition" not in statement and statement["Resource"] == f"arn:{bucket}/*"


@pytest.mark.parametrize("bucket", DATA)
def test_objects_are_written_once_and_parts_are_exempt(lake, bucket):
    assert denied(lake, bucket, "s3:PutObject", **PUT, **COMPACT) == set()
    assert denied(lake, bucket, "s3:PutObject", creates="true", **COMPACT) == {"WriteOnce"}
    assert denied(lake, bucket, "s3:PutObject", creates="false", **COMPACT) == set()  # CreateMultipartUpload, UploadPart


def test_only_compact_writes_the_archive_and_tags_landing(lake):
    for role in ("arn:IngestRole", "arn:QueryRole", DEPLOYER):
        assert denied(lake, "ArchiveBucket", "s3:PutObject", principal=role, **PUT) == {"OnlyCompactWrites"}
        assert denied(lake, "LandingBucket", "s3:PutObjectTagging", principal=role) == {"OnlyCompactTags"}
    assert denied(lake, "LandingBucket", "s3:PutObjectTagging", **COMPACT) == set()
    assert denied(lake, "LandingBucket", "s3:PutObject", principal="arn:IngestRole", **PUT) == set()


@pytest.mark.parametrize("bucket", DATA)
@pytest.mark.parametrize("action", ["s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"])
def test_only_the_deployer_changes_how_long_things_stay(lake, plain, bucket, action):
    assert denied(lake, bucket, action, principal=DEPLOYER) == set()
    assert denied(lake, bucket, action, principal="arn:aws:iam::111122223333:role/other")
    assert lake.bucket_policy(bucket)["OnlyTheDeployerChangesHowLongThingsStay"]["Resource"] == f"arn:{bucket}"
    assert denied(plain, bucket, action, principal=DEPLOYER), "without a deploying role nobody may"


def test_only_the_deployer_shortens_a_retention(lake):
    for action in ("s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold"):
        assert denied(lake, "ArchiveBucket", action, **COMPACT)
        assert not denied(lake, "ArchiveBucket", action, principal=DEPLOYER)
    assert denied(lake, "ArchiveBucket", "s3:PutBucketObjectLockConfiguration", **COMPACT)


def test_the_archive_is_versioned_and_locked(lake, plain):
    properties = lake.properties("ArchiveBucket")
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["ObjectLockEnabled"] is True
    assert properties["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 365}}}
    assert plain.document["Parameters"]["ArchiveRetentionMode"]["AllowedValues"] == ["GOVERNANCE", "COMPLIANCE"]


def test_access_logs_go_to_a_bucket_that_can_take_them(lake):
    for bucket in ENCRYPTED:
        assert lake.properties(bucket)["LoggingConfiguration"]["DestinationBucketName"] == "AccessLogBucket"
    target = lake.properties("AccessLogBucket")
    assert "ObjectLockEnabled" not in target
    rule, = target["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    delivery = lake.bucket_policy("AccessLogBucket")["LogDelivery"]
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"] == {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}}


def rules(template, bucket):
    return template.properties(bucket)["LifecycleConfiguration"]["Rules"]


def removing(template, bucket):
    """The rules that end objects, by name, without those that only clear unfinished uploads or old versions."""
    return {rule["Id"]: rule for rule in rules(template, bucket) if {"ExpirationInDays", "ExpirationDate", "Expiration"} & rule.keys()}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_unfinished_uploads_are_cleared_everywhere(lake, bucket):
    cleared = [rule for rule in rules(lake, bucket) if "AbortIncompleteMultipartUpload" in rule]
    assert len(cleared) == 1 and cleared[0]["Status"] == "Enabled" and not {"Prefix", "TagFilters"} & cleared[0].keys()


def test_landing_expires_by_the_tag_of_the_seal_alone(lake):
    expiring = removing(lake, "LandingBucket")
    assert expiring.keys() == {"expire-what-is-sealed"}
    rule = expiring["expire-what-is-sealed"]
    assert rule["TagFilters"] == [{"Key": "sealed", "Value": "true"}]
    assert rule["Prefix"] == "landing/"  # neither quarantine nor lake.json
    assert rule["ExpirationInDays"] == 3
    assert not any("Transition" in key or "Noncurrent" in key for rule in rules(lake, "LandingBucket") for key in rule)


def test_the_archive_expires_only_where_asked_and_never_its_proof(lake, plain):
    assert removing(plain, "ArchiveBucket") == {}
    assert not any("NoncurrentVersionExpiration" in rule for rule in rules(plain, "ArchiveBucket"))
    asked = removing(lake, "ArchiveBucket")
    assert {rule["Prefix"] for rule in asked.values()} == {"etl/v1/data/"}
    assert [rule["ExpirationInDays"] for rule in asked.values()] == [4000]


def test_results_expire_and_the_directory_does_not(lake):
    assert {rule["Prefix"] for rule in removing(lake, "ResultsBucket").values()} == {"athena/", "exports/"}
    assert lake.properties("WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"] == "s3://ResultsBucket/athena/"
