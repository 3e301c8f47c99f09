"""A tenant reads its own part of the archive, through its access point, and nothing else."""

from fnmatch import fnmatchcase

import pytest
from cloudformation import listed

POINT = "arn:AWS::Partition:s3:AWS::Region:AWS::AccountId:accesspoint/acme-audit"
BUCKET = "arn:AWS::Partition:s3:::archive"
OWN = [
    "etl/v1/data/region=eu-west-1/organization=org-acme/year=2026/month=03/day=01/hour=09/x-snappy.parquet",
    "digests/organization=org-acme/year=2026/month=03/day=01/x.json",
]
OTHERS = [
    "etl/v1/data/region=eu-west-1/organization=org-acme-eu/year=2026/month=03/day=01/hour=09/x-snappy.parquet",
    "etl/v1/data/region=eu-west-1/organization=org-other/year=2026/month=03/day=01/hour=09/x-snappy.parquet",
    "digests/organization=org-acme-eu/year=2026/month=03/day=01/x.json",
    "seals/year=2026/month=03/day=01/x.json",
]


def both(reader):
    yield [statement for statement in reader.properties("AccessPoint")["Policy"]["Statement"] if statement["Effect"] == "Allow"]
    yield list(reader.statements("ReaderRole"))


def allowed(statements, action, resource):
    return [statement for statement in statements if action in listed(statement["Action"])
            and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))]


@pytest.mark.parametrize("key", OWN)
def test_own_objects_are_read(reader, key):
    for statements in both(reader):
        assert allowed(statements, "s3:GetObject", f"{POINT}/object/{key}")


@pytest.mark.parametrize("key", OTHERS)
def test_no_others_are(reader, key):
    for statements in both(reader):
        assert not allowed(statements, "s3:GetObject", f"{POINT}/object/{key}")
        assert not allowed(statements, "s3:GetObject", f"{BUCKET}/{key}")


def test_every_prefix_ends_in_a_slash(reader):
    for statements in both(reader):
        for statement in statements:
            if "s3:GetObject" in listed(statement["Action"]):
                assert all(resource.endswith("/organization=org-acme/*") for resource in statement["Resource"])
            if "s3:ListBucket" in listed(statement["Action"]):
                assert all(prefix.endswith("/organization=org-acme/*") for prefix in statement["Condition"]["StringLike"]["s3:prefix"])


@pytest.mark.parametrize(("prefix", "own"), [
    ("etl/v1/data/region=eu-west-1/organization=org-acme/", True), ("digests/organization=org-acme/", True),
    ("etl/v1/data/region=eu-west-1/organization=org-acme", False), ("etl/v1/data/", False), ("", False),
    ("etl/v1/data/region=eu-west-1/organization=org-acme-eu/", False),
])
def test_listing_stays_in_the_own_prefix(reader, prefix, own):
    for statements in both(reader):
        listing = allowed(statements, "s3:ListBucket", POINT)
        assert len(listing) == 1
        assert any(fnmatchcase(prefix, pattern) for pattern in listing[0]["Condition"]["StringLike"]["s3:prefix"]) == own


def test_the_bucket_itself_opens_only_through_the_access_point(reader):
    for statement in reader.statements("ReaderRole"):
        if any(resource.startswith(BUCKET) for resource in statement["Resource"]):
            assert statement["Condition"]["StringEquals"] == {"s3:DataAccessPointArn": POINT}


def test_the_role_reads_only_and_is_assumed_with_the_external_id(reader):
    actions = {action for statement in reader.statements("ReaderRole") for action in statement["Action"]}
    assert actions == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    trust, = reader.properties("ReaderRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": "<ReaderPrincipalArn>"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "<ExternalId>"}}
    assert reader.document["Parameters"]["ExternalId"]["MinLength"] >= 16


def test_the_key_opens_through_s3_and_for_this_bucket_only(reader):
    statement, = [statement for statement in reader.statements("ReaderRole") if statement["Action"] == ["kms:Decrypt"]]
    assert statement["Resource"] == ["<KeyArn>"]
    assert statement["Condition"]["StringEquals"] == {"kms:ViaService": "s3.AWS::Region.AWS::URLSuffix"}
    assert statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:s3:arn"] == [BUCKET, f"{BUCKET}/*"]


def test_the_access_point_is_not_public_and_takes_tls_only(reader):
    properties = reader.properties("AccessPoint")
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    denied, = [statement for statement in properties["Policy"]["Statement"] if statement["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(denied["Resource"]) == {POINT, f"{POINT}/object/*"}


@pytest.mark.parametrize("output", ["RoleArn", "AccessPointArn", "AccessPointAlias", "EventsPrefix", "DigestsPrefix"])
def test_the_tenant_is_told_where_to_read(reader, output):
    assert output in reader.document["Outputs"]
