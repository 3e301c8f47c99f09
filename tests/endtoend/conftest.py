"""The lake, deployed as it is to a stand-in for AWS that runs the functions' binaries as Lambda does.

AUDITLAKE_FUNCTIONS_DIR   <function>/bootstrap of each function; else target/lambda
AUDITLAKE_REQUIRE_JAVA   1: fail, rather than skip, what needs Athena's stand-in where Java or Maven are missing
AUDITLAKE_TRINO_HOME      where Trino's jars are kept between runs
"""

import hashlib
import json
import os
import platform

import pytest

import trino
from athena import AthenaServer
from issuer import AUDIENCE, OPERATOR, Issuer
from lake import Lake
from ministack import REGION, MiniStack
from stack import Stack, functions_folder, missing_functions

IMPORT_BUCKET = "trail-of-acme"
EVENTBRIDGE_BUCKET = "trail-of-globex"
SAMPLES_ORGANIZATION = "samples"
METASTORE_BUCKET = "metastore"
STACK = "lake"


def import_rules():
    return [
        {"bucket": IMPORT_BUCKET, "prefix": "AWSLogs/", "source": "aws.cloudtrail", "organization": "imported", "region": REGION},
        {"bucket": EVENTBRIDGE_BUCKET, "prefix": "AWSLogs/", "source": "aws.cloudtrail", "organization": "imported-too"},
        # Of every source; which it is, is seen by the content.
        {"bucket": IMPORT_BUCKET, "prefix": "any/", "organization": "acme"},
        {"bucket": IMPORT_BUCKET, "prefix": "samples/", "organization": SAMPLES_ORGANIZATION},
    ]


def parameters(issuer):
    """What the deployment sets: short periods, and nothing else that a real one would not."""
    return {
        "JwtIssuer": issuer.url,
        "JwtAudience": AUDIENCE,
        "OperatorPermission": OPERATOR,
        "SealPeriod": "10s",
        "Slack": "1s",
        "Regions": f"{REGION},us-east-1",
        "Architecture": {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()],
        "LandBatchingWindowSeconds": "1",
        "CompactRate": "rate(1 minute)",
        "ImportBucketArns": f"arn:aws:s3:::{IMPORT_BUCKET},arn:aws:s3:::{EVENTBRIDGE_BUCKET}",
        "ImportRules": json.dumps(import_rules()),
    }


@pytest.fixture(scope="session")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="session")
def athena_server():
    """Its address is needed first; it answers once `athena` has given it an engine."""
    server = AthenaServer(None, None, None, None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory, athena_server):
    ministack = MiniStack(tmp_path_factory.mktemp("ministack"), athena_server.endpoint)
    yield ministack
    ministack.stop()


@pytest.fixture(scope="session")
def stack(ministack, issuer):
    """The template, deployed."""
    if missing := missing_functions():
        pytest.fail(f"build the functions first (docs/deploy.md): {', '.join(missing)} not in {functions_folder()}", pytrace=False)
    s3 = ministack.client("s3")
    for bucket in (IMPORT_BUCKET, EVENTBRIDGE_BUCKET, METASTORE_BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    stack = Stack(ministack, STACK, parameters(issuer))
    # What a bucket's owner does, once the lake is there: notify the queue, or EventBridge.
    notify = {"QueueConfigurations": [{"QueueArn": stack.outputs["ImportQueueArn"], "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=IMPORT_BUCKET, NotificationConfiguration=notify)
    s3.put_bucket_notification_configuration(Bucket=EVENTBRIDGE_BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return stack


@pytest.fixture(scope="session")
def lake(ministack, stack, issuer, athena_server):
    return Lake(ministack, stack, issuer, athena_server)


@pytest.fixture(scope="session")
def athena(lake, athena_server, ministack, tmp_path_factory):
    """Athena: Trino behind a server that speaks Athena's API. Tests that ask questions need it."""
    if reason := trino.why_not():
        if os.environ.get("AUDITLAKE_REQUIRE_JAVA") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    engine = trino.Trino(tmp_path_factory.mktemp("trino"), ministack.endpoint, METASTORE_BUCKET, REGION)
    athena_server.connect(engine, ministack.client("glue"), ministack.client("athena"), ministack.client("s3"))
    warm_up(athena_server, lake)
    yield athena_server
    engine.stop()


def warm_up(server, lake):
    """A cold engine needs longer than the API waits: each table is asked once before anybody does."""
    database = lake.outputs["DatabaseName"]
    server.catalog.follow(database)
    dt = "dt >= date_format(current_timestamp - INTERVAL '1' HOUR, 'year=%Y/month=%m/day=%d/hour=%H')"
    arrival = "arrival >= date_format(current_timestamp - INTERVAL '1' HOUR, '%Y-%m-%dT%H')"
    both = (
        f"SELECT event_id FROM events_hourly WHERE organization = 'nobody' AND {dt} "
        f"UNION ALL SELECT event_id FROM events_landing WHERE organization = 'nobody' AND {arrival} ORDER BY 1 LIMIT 10"
    )
    server.trino.run(both, schema=database)


@pytest.fixture
def organization(request):
    """An organization that no other test writes to."""
    name = request.node.name.lower()
    readable = "".join(character if character.isalnum() and character.isascii() else "-" for character in name.removeprefix("test_"))
    return f"{readable[:48].strip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


