"""Who may do what. Expectations are the text of the design, not of the template."""

import re
from fnmatch import fnmatchcase

import pytest
from cloudformation import ROOT, listed

ROLES = {name: f"{name.capitalize()}Role" for name in ("ingest", "land", "import", "compact", "query")}
WRITERS_OF_LANDING = ("ingest", "land", "import")

# Everything that removes an object or a version, hides one, or makes one go sooner.
FORBIDDEN = [
    "s3:Delete*", "s3:PutLifecycleConfiguration", "s3:PutBucket*", "s3:BypassGovernanceRetention", "s3:PutObjectRetention",
    "s3:PutObjectLegalHold", "s3:ReplicateDelete", "s3:PutObjectVersionTagging", "s3:RestoreObject",
]


def overlap(one, other):
    """Whether two patterns of actions or resources can mean the same thing; both may hold `*`."""
    return fnmatchcase(one.lower(), other.lower()) or fnmatchcase(other.lower(), one.lower())


def may(template, role, action, resource):
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in template.statements(role)
    )


def resources_of(template, role, action):
    return {
        resource
        for statement in template.statements(role)
        if any(overlap(action, pattern) for pattern in statement["Action"])
        for resource in statement["Resource"]
    }


def test_each_function_has_a_role_of_its_own(lake):
    functions = {resource["Properties"]["FunctionName"]: resource["Properties"]["Role"]
                 for _, resource in lake.resources("AWS::Lambda::Function")}
    assert functions == {f"AWS::StackName-{name}": f"arn:{role}" for name, role in ROLES.items()}


@pytest.mark.parametrize("role", ROLES.values())
def test_no_role_takes_rights_from_elsewhere(lake, role):
    properties = lake.properties(role)
    assert "ManagedPolicyArns" not in properties
    trusted = properties["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trusted] == [{"Service": "lambda.amazonaws.com"}]
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        assert not list(lake.resources(kind))


def test_no_function_deletes_or_hides_an_object(lake):
    for logical_id, _ in lake.resources("AWS::IAM::Role"):
        for statement in lake.statements(logical_id):
            assert statement["Effect"] == "Allow"
            assert "NotAction" not in statement and "NotResource" not in statement
            for action in statement["Action"]:
                for forbidden in FORBIDDEN:
                    assert not overlap(action, forbidden), f"{logical_id} may {action}"


def test_actions_are_spelled_out(lake):
    for logical_id, _ in lake.resources("AWS::IAM::Role"):
        for statement in lake.statements(logical_id):
            for action in statement["Action"]:
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), f"{logical_id} may {action}"


def test_only_compact_writes_the_archive(lake):
    for name, role in ROLES.items():
        written = {resource for resource in resources_of(lake, role, "s3:PutObject") if resource.startswith("arn:ArchiveBucket")}
        expected = {f"arn:ArchiveBucket/{prefix}/*" for prefix in ("etl/v1/data", "seals", "digests")} if name == "compact" else set()
        assert written == expected, name


def test_query_writes_results_and_nothing_else(lake):
    assert resources_of(lake, "QueryRole", "s3:PutObject") == {"arn:ResultsBucket/athena/*", "arn:ResultsBucket/directory/*"}
    assert resources_of(lake, "QueryRole", "s3:PutObjectTagging") == set()


@pytest.mark.parametrize("name", WRITERS_OF_LANDING)
def test_writers_of_landing_write_landing_and_set_aside(lake, name):
    expected = {"arn:LandingBucket/landing/*", "arn:LandingBucket/lake.json"}
    if name != "ingest":
        expected.add("arn:LandingBucket/quarantine/*")
    assert resources_of(lake, ROLES[name], "s3:PutObject") == expected


def test_compact_tags_landing_objects_and_lands_again_what_a_record_omits(lake):
    assert resources_of(lake, "CompactRole", "s3:PutObjectTagging") == {"arn:LandingBucket/landing/*"}
    assert may(lake, "CompactRole", "s3:GetObjectTagging", "arn:LandingBucket/landing/arrival=2026-03-01T12/x.parquet")
    written = {resource for resource in resources_of(lake, "CompactRole", "s3:PutObject") if resource.startswith("arn:LandingBucket")}
    assert written == {f"arn:LandingBucket/{key}" for key in ("landing/*", "quarantine/*", "lake.json")}
    for role in set(ROLES.values()) - {"CompactRole"}:
        assert resources_of(lake, role, "s3:PutObjectTagging") == set()


# What each function asks for that may be absent: a close marker, lake.json, a record, an own unclear write.
PROBES = [
    *[(name, "ArchiveBucket", "seals/year=2026/month=03/day=01/_20260301T120000Z.close.json") for name in WRITERS_OF_LANDING],
    *[(name, "LandingBucket", "lake.json") for name in ROLES],
    *[(name, "LandingBucket", "landing/arrival=2026-03-01T12/x.parquet") for name in ROLES],
    *[(name, "ArchiveBucket", "seals/year=2026/month=03/day=01/20260301T120000Z.json") for name in ROLES],
    ("compact", "ArchiveBucket", "etl/v1/data/region=r/organization=org-o/year=2026/month=03/day=01/hour=09/x-snappy.parquet"),
    ("compact", "ArchiveBucket", "digests/organization=org-o/year=2026/month=03/day=01/x.json"),
    ("compact", "LandingBucket", "quarantine/conflicts/x.ndjson"),
    ("query", "ArchiveBucket", "digests/organization=org-o/year=2026/month=03/day=01/x.json"),
    ("query", "ResultsBucket", "athena/x.csv"),
]


@pytest.mark.parametrize(("name", "bucket", "key"), PROBES)
def test_what_may_be_absent_can_be_read_and_listed(lake, name, bucket, key):
    role = ROLES[name]
    assert may(lake, role, "s3:GetObject", f"arn:{bucket}/{key}")
    listing = [statement for statement in lake.statements(role)
               if "s3:ListBucket" in statement["Action"] and f"arn:{bucket}" in statement["Resource"]]
    assert listing, f"{name} would get 403 for what is absent in {bucket}"
    # With a condition on s3:prefix an absent object is 403 again: a GET has no prefix.
    assert any("Condition" not in statement for statement in listing)


def test_import_sees_that_a_source_object_is_gone(lake):
    assert resources_of(lake, "ImportRole", "s3:ListBucket") >= {"arn:aws:s3:::source-a", "arn:aws:s3:::source-b"}
    assert may(lake, "ImportRole", "s3:GetObject", "arn:aws:s3:::source-b/AWSLogs/x.json.gz")
    assert resources_of(lake, "ImportRole", "kms:Decrypt") == {"arn:Key", "arn:aws:kms:eu-west-1:111122223333:key/source"}


def test_without_import_nothing_foreign_is_read(plain):
    assert {resource.partition("/")[0] for resource in resources_of(plain, "ImportRole", "s3:GetObject")} \
        == {"arn:LandingBucket", "arn:ArchiveBucket"}


QUEUES = {
    "sqs:SendMessage": {"ingest": {"IngestQueue"}, "query": {"IngestQueue"}, "compact": {"ShardQueue"}},
    "sqs:ReceiveMessage": {"land": {"IngestQueue"}, "import": {"ImportQueue"}, "compact": {"ShardQueue"}},
    "sqs:DeleteMessage": {"land": {"IngestQueue"}, "import": {"ImportQueue"}, "compact": {"ShardQueue"}},
    "sqs:GetQueueAttributes": {"land": {"IngestQueue"}, "import": {"ImportQueue"}, "compact": {"ShardQueue"}},
}


@pytest.mark.parametrize("action", QUEUES)
def test_queues_are_used_by_those_who_need_them(lake, action):
    for name, role in ROLES.items():
        expected = {f"arn:{queue}" for queue in QUEUES[action].get(name, ())}
        assert resources_of(lake, role, action) == expected, name


def test_compact_rewrites_the_live_view_and_no_other_table(lake):
    for action in ("glue:CreateTable", "glue:UpdateTable"):
        changed = resources_of(lake, "CompactRole", action)
        assert {resource.rpartition(":")[2] for resource in changed} == {"catalog", "database/Database", "table/Database/events_live"}
        for role in set(ROLES.values()) - {"CompactRole"}:
            assert resources_of(lake, role, action) == set()
    for role in ROLES.values():
        assert resources_of(lake, role, "glue:DeleteTable") == set()
    # It does so by a statement of Athena, which reads what the view reads and writes its (empty) result.
    read = {resource.rpartition("/")[2] for resource in resources_of(lake, "CompactRole", "glue:GetTable") if ":table/" in resource}
    assert read == {"events_hourly", "events_landing", "events_live"}
    workgroup = "arn:AWS::Partition:athena:AWS::Region:AWS::AccountId:workgroup/WorkGroup"
    for action in ("StartQueryExecution", "GetQueryExecution", "StopQueryExecution"):
        assert resources_of(lake, "CompactRole", f"athena:{action}") == {workgroup}
    assert resources_of(lake, "CompactRole", "athena:GetQueryResults") == set()


def test_compact_writes_nothing_else(lake):
    assert resources_of(lake, "CompactRole", "s3:PutObject") == {
        *(f"arn:ArchiveBucket/{prefix}/*" for prefix in ("etl/v1/data", "seals", "digests")),
        "arn:LandingBucket/landing/*", "arn:LandingBucket/quarantine/*", "arn:LandingBucket/lake.json", "arn:ResultsBucket/athena/*"}


def test_query_can_do_what_athena_does_with_its_rights(lake):
    workgroup = "arn:AWS::Partition:athena:AWS::Region:AWS::AccountId:workgroup/WorkGroup"
    for action in ("StartQueryExecution", "GetQueryExecution", "StopQueryExecution", "GetQueryResults", "GetWorkGroup"):
        assert resources_of(lake, "QueryRole", f"athena:{action}") == {workgroup}
    for action in ("GetDatabase", "GetTable", "GetTables", "GetPartition", "GetPartitions"):
        paths = {resource.rpartition(":")[2] for resource in resources_of(lake, "QueryRole", f"glue:{action}")}
        assert paths == {"catalog", "database/default", "database/Database", "table/Database/*"}
    buckets = {"arn:LandingBucket", "arn:ArchiveBucket", "arn:ResultsBucket"}
    for action in ("s3:GetBucketLocation", "s3:ListBucket"):
        assert resources_of(lake, "QueryRole", action) == buckets
    for action in ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"):
        assert resources_of(lake, "QueryRole", action) == {"arn:ResultsBucket/athena/*"}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert "arn:Key" in resources_of(lake, "QueryRole", action)
    assert resources_of(lake, "QueryRole", "secretsmanager:GetSecretValue") == {"CursorKey"}


def test_every_s3_user_can_use_the_key(lake):
    for role in ROLES.values():
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            conditions = [listed(statement["Condition"]["StringEquals"]["kms:ViaService"])
                          for statement in lake.statements(role) if action in statement["Action"] and "arn:Key" in statement["Resource"]]
            assert ["s3.AWS::Region.AWS::URLSuffix"] in conditions, f"{role} {action}"


def test_each_function_writes_its_own_log_only(lake):
    for name, role in ROLES.items():
        assert resources_of(lake, role, "logs:PutLogEvents") == {f"arn:{name.capitalize()}LogGroup"}


# A `*` that stands for every resource, where there is no narrower name: (resource, Sid), each with its reason.
EVERY_RESOURCE = {
    # In a key policy the resource * is the key that the policy is attached to.
    ("Key", "AccountDecides"), ("Key", "LogsOfThisAccount"), ("Key", "AlarmsToAnEncryptedTopic"),
}


def statements_anywhere(logical_id, value):
    if isinstance(value, dict):
        if "Effect" in value and ("Action" in value or "NotAction" in value):
            yield logical_id, value
        for item in value.values():
            yield from statements_anywhere(logical_id, item)
    elif isinstance(value, list):
        for item in value:
            yield from statements_anywhere(logical_id, item)


def test_every_resource_only_where_a_reason_is_given(lake, reader):
    found = set()
    for template in (lake, reader):
        for logical_id, resource in template.resources():
            for _, statement in statements_anywhere(logical_id, resource["Properties"]):
                if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
                    found.add((logical_id, statement.get("Sid")))
    assert found == EVERY_RESOURCE


def test_the_reason_stands_in_a_comment():
    lines = (ROOT / "infra/template.yaml").read_text("utf-8").splitlines()
    stars = [number for number, line in enumerate(lines) if re.match(r"\s*Resource: '\*'", line)]
    assert stars
    start = next(number for number, line in enumerate(lines) if "In a key policy the resource * is this key." in line)
    end = next(number for number, line in enumerate(lines) if line.startswith("  KeyAlias:"))
    assert all(start < number < end for number in stars)


def test_the_schedule_ticks_compact_and_nothing_else(lake):
    rights = {(action, resource) for statement in lake.statements("ScheduleRole")
              for action in statement["Action"] for resource in statement["Resource"]}
    assert rights == {("lambda:InvokeFunction", "arn:CompactFunction"), ("sqs:SendMessage", "arn:ScheduleDeadLetters")}


def test_environment_holds_names_and_no_secret(lake):
    for logical_id, resource in lake.resources("AWS::Lambda::Function"):
        for name in resource["Properties"]["Environment"]["Variables"]:
            assert not re.search(r"PASSWORD|TOKEN|SECRET(?!_ARN)|PRIVATE", name), f"{logical_id} {name}"
    assert "resolve:secretsmanager" not in (ROOT / "infra/template.yaml").read_text("utf-8")
