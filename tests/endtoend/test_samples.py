"""Every file of `events/`, through the release binaries as single processes, before the deployed lake's own resources."""

import gzip
import json
import subprocess
import sys

import pytest

from conftest import IMPORT_BUCKET
from lake import now
from runtime_api import FunctionError, Runtime
from stack import REPOSITORY, bootstrap_of, functions_folder
from test_importing import ids, records

EVENTS = REPOSITORY / "events"

# HTTP status of every sample of the API.
INGEST = {
    "single": 202, "batch": 202, "batch-in-object": 202, "ndjson": 202, "gzip": 202, "zstd": 202, "cloudevents-single": 202, "cloudevents-binary-mode": 202,
    "cloudevents-batch": 202, "idempotency-key": 202, "one-of-two-refused": 207, "not-json": 400, "no-events": 422,
    "foreign-organization": 422, "claims-without-write": 403, "claims-one-permission": 202, "claims-array": 202,
    "claims-two-organizations": 403, "claims-operator": 202,
}
QUERY = {
    "events": 200, "events-filtered": 200, "events-two-values": 200, "events-wrong-parameter": 400, "event": 200,
    # Its look-back does not reach that far.
    "event-without-time": 404, "stats": 200, "status": 200, "foreign-organization": 403, "claims-without-read": 403, "claims-operator": 200,
    "query-of-no-id": 404, "query-of-no-id-cancelled": 404,
}
# Messages that must come again.
LAND = {"batch": [], "batch-with-poison": [], "message-of-a-newer-version": ["059f36b4-87a3-44ab-83d2-661975860001"]}
IMPORT = {
    "s3-notification": {"objects": 1}, "s3-notification-of-a-multipart-upload": {"objects": 1}, "s3-notification-of-a-removal": {"objects": 0},
    "s3-notification-without-rule": {"objects": 0}, "s3-test-event": {"objects": 0}, "eventbridge-object-created": {"objects": 1},
    "sqs-s3-notification": {"batchItemFailures": []}, "sqs-s3-test-event": {"batchItemFailures": []},
    "sqs-eventbridge-object-created": {"batchItemFailures": []}, "sqs-s3-notification-through-a-topic": {"batchItemFailures": []},
    "sqs-mixed-with-poison": {"batchItemFailures": []},
}
COMPACT = {"tick": dict, "dry-run": dict, "hour": dict, "hour-that-is-none": FunctionError, "shards": None}
EXPECTED = {"ingest": INGEST, "land": LAND, "import": IMPORT, "compact": COMPACT, "query": QUERY}


def sample(function, name):
    return json.loads((EVENTS / function / f"{name}.json").read_text("utf-8"))


def run(lake, function):
    return Runtime(bootstrap_of(function), lake.environment(function), function, timeout=60)


def test_the_files_are_those_that_their_maker_makes():
    subprocess.run([sys.executable, EVENTS / "make.py", "--check"], check=True)
    for function, expected in EXPECTED.items():
        assert {path.stem for path in (EVENTS / function).glob("*.json")} == expected.keys(), function


@pytest.fixture(scope="module")
def ingested(lake):
    """What each sample of ingest was answered with, all by one process."""
    with run(lake, "ingest") as runtime:
        return {name: runtime.invoke(sample("ingest", name)) for name in INGEST}


@pytest.mark.parametrize("name", INGEST)
def test_ingest_answers_each_sample(ingested, name):
    answer = ingested[name]
    assert answer["statusCode"] == INGEST[name], answer["body"]
    body = json.loads(answer["body"])
    if answer["statusCode"] in (202, 207):
        assert body["accepted"] == len(body["receipts"]) > 0
    else:
        assert {"type", "title", "status", "request_id"} <= body.keys()


def test_land_answers_each_sample(lake):
    for name, failures in LAND.items():
        with run(lake, "land") as runtime:
            answer = runtime.invoke(sample("land", name))
        assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == failures, name
    landed = {row["event_id"] for row in lake.landed("acme")}
    assert {f"sample-{number}" for number in (20, 21, 22, 23, 26, 27)} <= landed
    assert not {"sample-24", "sample-25"} & landed
    bodies = {document.get("body") for document in lake.quarantined("quarantine/queue=ingest/")}
    poison = sample("land", "batch-with-poison")["Records"]
    assert {poison[position]["body"] for position in (1, 2, 3)} <= bodies


def test_import_answers_each_sample(lake):
    key = sample("import", "eventbridge-object-created")["detail"]["object"]["key"]
    rows = records(3)
    lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=key, Body=gzip.compress(json.dumps({"Records": rows}).encode()))
    for name, expected in IMPORT.items():
        with run(lake, "import") as runtime:
            assert runtime.invoke(sample("import", name)) == expected, name
    lake.wait_until_landed("imported", ids(rows))
    lake.seal_through(now())
    archived = [row["event_id"] for row in lake.archived("imported") if row["event_id"] in ids(rows)]
    assert sorted(archived) == sorted(ids(rows)), "imported nine times, there once"


def test_compact_answers_each_sample(lake):
    for name, expected in COMPACT.items():
        with run(lake, "compact") as runtime:
            if expected is FunctionError:
                with pytest.raises(FunctionError):
                    runtime.invoke(sample("compact", name))
            else:
                answer = runtime.invoke(sample("compact", name))
                assert "sealed_until" in answer if expected else "batchItemFailures" in answer, name


def test_query_answers_each_sample(lake, ingested, athena):
    lake.wait_until_landed("acme", ["sample-1"])
    answers = {}
    with run(lake, "query") as runtime:
        for name, status in QUERY.items():
            answers[name] = runtime.invoke(sample("query", name))
            assert answers[name]["statusCode"] == status, (name, answers[name]["body"])
    assert "sample-1" in answers["event"]["body"]
    assert "sample-16" in answers["claims-operator"]["body"]


def test_the_documented_command_runs_a_sample(lake, tmp_path):
    command = [sys.executable, EVENTS / "invoke", "compact", EVENTS / "compact/dry-run.json"]
    environment = lake.environment("compact") | {"AUDITLAKE_FUNCTIONS_DIR": str(functions_folder()), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True, cwd=tmp_path)
    assert json.loads(done.stdout)["dry_run"] is True


def test_logs_are_json_and_hold_no_contents(lake, organization):
    """Neither an event's values nor the token may reach a log."""
    with run(lake, "ingest") as runtime:
        runtime.invoke(sample("ingest", "single"))
        printed = runtime.printed()
    lines = [json.loads(line) for line in printed.splitlines() if line.strip()]
    assert lines, "something is said"
    for secret in ("alice@acme.example", "role/admin", "203.0.113.7", "eyJraWQi"):
        assert secret not in printed
    metrics = [line for line in lines if "_aws" in line]
    assert metrics and metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "auditlake"
    assert metrics[0]["EventsAccepted"] == 1 and metrics[0]["Function"] == "ingest"
