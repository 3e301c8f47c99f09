"""Objects of other systems: S3 notifies, the function reads, the records are events."""

import gzip
import json
import pathlib
import uuid
from datetime import timedelta

import pytest

from conftest import EVENTBRIDGE_BUCKET, IMPORT_BUCKET
from lake import now
from waiting import until

ACCOUNT = "111122223333"


def records(count):
    """CloudTrail records of our own making."""
    moment = now() - timedelta(seconds=10)
    return [
        {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser", "principalId": "AIDAEXAMPLEUSER00001", "arn": f"arn:aws:iam::{ACCOUNT}:user/alice", "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLEALICE0001", "userName": "alice",
            },
            "eventTime": (moment - timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2", "requestParameters": {"bucketName": "b", "key": f"k/{number} ü"}, "responseElements": None,
            "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()), "readOnly": True, "eventType": "AwsApiCall",
            "managementEvent": False, "recipientAccountId": ACCOUNT, "eventCategory": "Data",
        }
        for number in range(count)
    ]


def trail(rows):
    return gzip.compress(json.dumps({"Records": rows}).encode())


def key(name):
    return f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/01/{name}.json.gz"


def ids(rows):
    return {f"{row['eventID']}:{ACCOUNT}" for row in rows}


def notification(bucket, encoded_key):
    return json.dumps({
        "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": encoded_key, "size": 1, "eTag": "x"}},
        }]
    })


def test_a_notification_of_s3_imports_the_object_of_an_encoded_key(lake):
    rows = records(30)
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key("ä b+c=d%25"), Body=trail(rows))
    lake.wait_until_landed("imported", ids(rows))
    found = [row for row in lake.landed("imported") if row["event_id"] in ids(rows)]
    assert len(found) == 30
    assert {row["source"] for row in found} == {"aws.cloudtrail"} and {row["actor_id"] for row in found} == {f"arn:aws:iam::{ACCOUNT}:user/alice"}
    assert {row["region"] for row in found} == {"eu-west-1"}


def test_a_notification_of_eventbridge_imports_the_object(lake):
    rows = records(5)
    lake.s3.put_object(Bucket=EVENTBRIDGE_BUCKET, Key=key("ä b+c"), Body=trail(rows))
    lake.wait_until_landed("imported-too", ids(rows))


def test_a_notification_delivered_again_doubles_nothing(lake):
    rows = records(20)
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key("again"), Body=trail(rows))
    lake.wait_until_landed("imported", ids(rows))
    lake.seal_through(now())
    # Once while it is not sealed, twice after it is, and once more as another object with the same records.
    for _ in range(2):
        lake.send("ImportQueue", notification(IMPORT_BUCKET, key("again")))
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key("again-elsewhere"), Body=trail(list(reversed(rows))))

    def landed_again():
        copies = [row for row in lake.landed("imported") if row["event_id"] in ids(rows)]
        return len(copies) >= 60 and lake.waiting("ImportQueue") == 0

    until("the redeliveries are landed", landed_again, 60, between=0.5)
    lake.seal_through(now())
    archived = [row["event_id"] for row in lake.archived("imported") if row["event_id"] in ids(rows)]
    assert sorted(archived) == sorted(ids(rows))


def test_the_test_event_of_a_bucket_is_done_with(lake):
    quarantined = len(lake.keys(lake.landing, "quarantine/"))
    lake.send("ImportQueue", json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T10:00:00.000Z", "Bucket": IMPORT_BUCKET}))
    until("the queue is empty", lambda: lake.waiting("ImportQueue") == 0, 60)
    assert len(lake.keys(lake.landing, "quarantine/")) == quarantined


@pytest.mark.parametrize("poison", ["hello", '{"Records":[{"eventName":"ObjectCreated:Put"}]}', notification(IMPORT_BUCKET, key("never-was-there"))])
def test_what_is_no_import_is_quarantined_with_its_reason_and_blocks_nothing(lake, poison):
    rows = records(2)
    lake.send("ImportQueue", poison)
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key(f"after-poison-{uuid.uuid4()}"), Body=trail(rows))
    lake.wait_until_landed("imported", ids(rows))
    until("the queue is empty", lambda: lake.waiting("ImportQueue") == 0, 60)
    assert lake.waiting("ImportDeadLetters") == 0
    assert any(document.get("reason") for document in lake.quarantined("quarantine/queue=import/"))


def test_a_broken_record_goes_to_quarantine_and_the_rest_is_imported(lake):
    rows = records(3)
    broken = dict(records(1)[0], eventTime="yesterday")
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key(f"broken-{uuid.uuid4()}"), Body=trail([rows[0], broken, *rows[1:]]))
    lake.wait_until_landed("imported", ids(rows))

    def kept():
        names = lake.keys(lake.landing, "quarantine/")
        return any(broken["eventID"].encode() in lake.read(lake.landing, name) for name in names)

    until("the broken record is in quarantine", kept, 30, between=0.5)


def test_an_object_that_no_rule_is_about_is_left_alone(lake):
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key="elsewhere/x.json.gz", Body=trail(records(1)))
    until("the queue is empty", lambda: lake.waiting("ImportQueue") == 0, 60)
    assert lake.waiting("ImportDeadLetters") == 0


FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates/sources/tests/fixtures"
# One object of each, and what it holds: read off the fixtures by hand.
OF_EACH_SOURCE = {
    "airbyte/log_events.json": "airbyte", "azure/get_blob_by_token.json": "azure.storage", "cloudtrail/put_role_policy.json": "aws.cloudtrail",
    "gcp/set_iam_policy.json": "gcp.audit", "lakefs/server.log": "lakefs", "ocsf/group.json": "ocsf", "s3access/presigned_url.log": "aws.s3access",
    "shapes/auditlake.json": "auditlake", "shapes/cloudevents.ndjson": "cloudevents", "shapes/retraced.json": "retraced", "shapes/workos.ndjson": "workos",
}


@pytest.mark.usefixtures("athena")
def test_objects_of_every_source_arrive_in_the_query_api(lake):
    for name in OF_EACH_SOURCE:
        lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=f"any/{name}", Body=(FIXTURES / name).read_bytes())

    def answered():
        counts = lake.get_patiently("acme", "/v1/stats", group_by="source", limit=100).json()["counts"]
        return set(OF_EACH_SOURCE.values()) == {count["value"] for count in counts}

    until("each source is answered", answered, 90, between=1)
    assert lake.waiting("ImportDeadLetters") == 0
