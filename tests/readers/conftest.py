"""A sealed lake for readers that are not ours, and what is known to be in it.

The lake is made by the command itself: `serve` takes posted events, `import` brings CloudTrail records in beside it, and the
schedule seals both. What went in is written down here, by hand and by a seeded generator, so it is known without asking the
lake.

AUDITLAKE_BINARY  the command; else target/release/auditlake or target/debug/auditlake
AUDITLAKE_LAKE    a directory of a lake that is there already: only the tests that need no expectations run on it
"""

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180

# The organization that is exported.
EXPORTED = "acme"

# Texts that readers and writers get wrong: quotes, line breaks, zero bytes, what is not in the basic plane, long ones.
AWKWARD = [
    "plain",
    "",
    'quo"ted, with comma',
    "back\\slash",
    "line\nbreak\r\n\ttab",
    "zero\u0000byte",
    "Ünï©ödé",
    "\U0001f600 and \U0010ffff",
    "\ufeffmarked",
    "null",
    "NaN",
    "2026-03-01",
    "x" * 1500,
    "'; DROP TABLE events; --",
    "=1+1",
    "a/b=c/d",
]


def column_value(text):
    """An empty text is no value."""
    return text or None


@dataclass
class Lake:
    directory: Path
    # Events by (organization, event_id): the columns that are known. None: nothing is known.
    posted: dict | None = None
    imported: dict | None = None
    files: list = field(default_factory=list)
    # The files of an export of `EXPORTED` by format, and how many rows the API says they have.
    exports: dict = field(default_factory=dict)
    exported_rows: dict = field(default_factory=dict)

    @property
    def archive(self):
        return self.directory / "etl" / "v1" / "data"

    @property
    def glob(self):
        return str(self.archive / "*" / "*" / "*" / "*" / "*" / "*" / "*.parquet")


def binary():
    named = os.environ.get("AUDITLAKE_BINARY")
    candidates = [Path(named)] if named else [REPOSITORY / "target" / kind / "auditlake" for kind in ("release", "debug")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    pytest.fail(f"build the command first (cargo build): none of {', '.join(map(str, candidates))} is there")


def posted_events():
    """Events of two organizations over three days, each with other columns null."""
    chance = random.Random(20260301)
    start = datetime(2026, 2, 27, 22, 30, tzinfo=timezone.utc)
    events = []
    for number in range(600):
        moment = start + timedelta(seconds=chance.randrange(3 * 24 * 3600), milliseconds=chance.randrange(1000))
        nanos = chance.choice([0, 0, 1, 999_999, 123_456])
        text = moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{moment.microsecond // 1000:03}{nanos:06}Z"
        event = {
            "organization": chance.choice(["acme", "globex-00"]),
            "event_id": f"posted-{number:05}",
            "event_time": text,
            "action": chance.choice(["role_assign", "user_invite", "login", "object_read"]),
            "outcome": chance.choice(["success", "failure", "denied", "unknown"]),
        }
        for name in ["actor_id", "actor_name", "resource_id", "resource_name", "error_message", "user_agent", "http_path"]:
            if chance.random() < 0.6:
                event[name] = chance.choice(AWKWARD)
        if chance.random() < 0.5:
            event["http_status"] = chance.choice([200, 204, 403, 404, 599])
        if chance.random() < 0.3:
            event["category"] = chance.choice(["user_management", "role_management", "data_access"])
        if chance.random() < 0.3:
            event["changes"] = [{"field": "role", "before": None, "after": chance.choice(AWKWARD)}]
        if chance.random() < 0.3:
            event["metadata"] = {"number": number, "text": chance.choice(AWKWARD), "list": [1, 2.5, None, True]}
        events.append(event)
    # The moments at which readers slip into the next hour, day or year.
    edges = [
        "2026-02-28T23:59:59.999999999Z",
        "2026-03-01T00:00:00Z",
        "2025-12-31T23:59:59.9998Z",
        "2024-02-29T12:59:59.9996+00:00",
        "2000-01-01T00:00:00.000Z",
        "2026-03-29T03:30:00+02:00",
    ]
    for number, text in enumerate(edges):
        events.append(
            {"organization": "acme", "event_id": f"edge-{number}", "event_time": text, "action": "edge", "outcome": "success"}
        )
    return events


def known_of_posted(event):
    """The columns a posted event must have, worked out here."""
    text = event["event_time"]
    moment, fraction, offset = text[:19], "", text[19:]
    if offset.startswith("."):
        end = next(index for index, character in enumerate(offset) if character in "Z+-")
        fraction, offset = offset[1:end], offset[end:]
    instant = datetime.fromisoformat(moment + offset.replace("Z", "+00:00")).astimezone(timezone.utc)
    nanos = int(fraction.ljust(9, "0")[:9])
    known = {
        "event_id": event["event_id"],
        "event_time": instant.replace(microsecond=nanos // 1_000_000 * 1000),
        # What the time states below the millisecond; zeros are stated too.
        "event_time_nanos": nanos % 1_000_000 if len(fraction) > 3 else None,
        "source": "api",
        "region": "eu-test-1",
        "organization": event["organization"],
        "raw": None,
    }
    for name in ["action", "outcome", "category", "http_status", "actor_id", "actor_name", "resource_id", "resource_name"]:
        known[name] = column_value(event.get(name))
    for name in ["error_message", "user_agent", "http_path"]:
        known[name] = column_value(event.get(name))
    return known


def cloudtrail_records():
    chance = random.Random(7)
    start = datetime(2026, 3, 1, 0, 0, tzinfo=timezone.utc)
    records = []
    for number in range(900):
        moment = start + timedelta(seconds=chance.randrange(2 * 24 * 3600))
        account = chance.choice(["111122223333", "444455556666"])
        bucket, key = f"bucket-{number % 7}", f"path/{number} ü.parquet"
        records.append(
            {
                "eventVersion": "1.11",
                "userIdentity": {
                    "type": "IAMUser",
                    "arn": f"arn:aws:iam::{account}:user/user-{number % 13}",
                    "accountId": account,
                    "accessKeyId": f"AKIAEXAMPLE{number % 13:05}",
                    "userName": f"user-{number % 13}",
                },
                "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": "s3.amazonaws.com",
                "eventName": "GetObject",
                "awsRegion": "eu-west-1",
                "sourceIPAddress": f"203.0.113.{number % 250}",
                "userAgent": chance.choice(AWKWARD),
                "requestParameters": {"bucketName": bucket, "key": key},
                "responseElements": None,
                "eventID": f"0d5c4c4e-0000-4000-8000-{number:012}",
                "readOnly": True,
                "eventType": "AwsApiCall",
                "managementEvent": False,
                "recipientAccountId": account,
                "eventCategory": "Data",
                **({"errorCode": "AccessDenied"} if number % 10 == 0 else {}),
            }
        )
    return records


def known_of_record(record):
    organization = "initech" if record["recipientAccountId"] == "444455556666" else "acme"
    parameters = record["requestParameters"]
    return {
        "event_id": f"{record['eventID']}:{record['recipientAccountId']}",
        "event_time": datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00")),
        "event_time_nanos": None,
        "source": "aws.cloudtrail",
        "region": "eu-test-1",
        "organization": organization,
        "action": "GetObject",
        "category": "data_access",
        "outcome": "denied" if "errorCode" in record else "success",
        "error_code": record.get("errorCode"),
        "actor_id": record["userIdentity"]["arn"],
        "actor_name": record["userIdentity"]["userName"],
        "actor_type": "user",
        "resource_type": "AWS::S3::Object",
        "resource_id": f"arn:aws:s3:::{parameters['bucketName']}/{parameters['key']}",
        "resource_name": parameters["key"],
        "source_ip": record["sourceIPAddress"],
        # A word that says there is none is no value in an imported record.
        "user_agent": None if record["userAgent"] in ("null", "NaN") else column_value(record["userAgent"]),
        "service_name": "s3.amazonaws.com",
        "scope_id": record["recipientAccountId"],
        "http_status": None,
    }


def ask(url, body=None):
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{url}: {error.code} {error.read().decode(errors='replace')}")


def wait_until_sealed(api, moment):
    """Waits until everything that arrived before `moment` is sealed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status = ask(f"{api}/v1/status")
        if datetime.fromisoformat(status["sealed_until"].replace("Z", "+00:00")) > moment:
            return
        time.sleep(0.5)
    pytest.fail(f"nothing was sealed within {PATIENCE_SECONDS} s: {status}")


def export(api, export_format, folder):
    """Exports everything of one organization, downloads its files by their links; their paths and the number of rows."""
    body = {"format": export_format, "organization": EXPORTED, "with_raw": True}
    link = ask(f"{api}/v1/exports", json.dumps(body).encode())["link"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask(f"{api}{link}"))["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer["status"] == "done", answer
    paths = []
    for file in answer["files"]:
        paths.append(folder / file["name"])
        with urllib.request.urlopen(file["url"], timeout=60) as download:
            paths[-1].write_bytes(download.read())
    return paths, answer["rows"]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITLAKE_")}


@contextlib.contextmanager
def serving(directory, work):
    """A server over a directory that seals every ten seconds; the address of its API."""
    lake_arguments = ["--data", str(directory), "--seal-period", "10s", "--slack", "1s"]
    serve = subprocess.Popen(
        [binary(), "serve", *lake_arguments, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--region", "eu-test-1", "--ready-json"],
        stdout=subprocess.PIPE,
        stderr=(work / "serve.log").open("wb"),
        env=environment(),
    )
    try:
        line = serve.stdout.readline()
        assert line, (work / "serve.log").read_text(errors="replace")
        yield json.loads(line)["api"]
    finally:
        serve.send_signal(signal.SIGINT)
        try:
            serve.wait(timeout=60)
        except subprocess.TimeoutExpired:
            serve.kill()
            serve.wait()
            raise


def import_files(directory, *files, arguments=()):
    """Imports files into a lake; the command's report."""
    importing = [binary(), "import", *files, "--data", directory, "--region", "eu-test-1", "--output", "json", *arguments]
    done = subprocess.run(importing, capture_output=True, env=environment(), timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)


def make_lake(directory, work):
    with serving(directory, work) as api:
        events = posted_events()
        for batch in (events[:1], events[1:400], events[350:]):  # the overlap is a client's retry
            answer = ask(f"{api}/v1/events", json.dumps({"events": batch}).encode())
            assert answer["refused"] == 0, answer["errors"][:3]

        records = cloudtrail_records()
        (work / "trail.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records[:500]}).encode()))
        (work / "trail.ndjson").write_text("\n".join(json.dumps(record) for record in records[450:]))
        tenants = ["--organization", "acme", "--account", "444455556666=initech"]
        imported = import_files(directory, work / "trail.json.gz", work / "trail.ndjson", arguments=tenants)
        report = imported["sources"]["aws.cloudtrail"]
        assert (report["read"], report["events"], report["quarantined"]) == (950, 950, 0)

        wait_until_sealed(api, datetime.now(timezone.utc))
        exports, exported_rows = {}, {}
        for export_format in ("csv", "ndjson", "parquet"):
            exports[export_format], exported_rows[export_format] = export(api, export_format, work)
    posted = {(event["organization"], event["event_id"]): known_of_posted(event) for event in events}
    known = [known_of_record(record) for record in records]
    imported = {(event["organization"], event["event_id"]): event for event in known}
    return Lake(directory, posted, imported, exports=exports, exported_rows=exported_rows)


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    given = os.environ.get("AUDITLAKE_LAKE")
    if given:
        lake = Lake(Path(given))
    else:
        lake = make_lake(tmp_path_factory.mktemp("lake"), tmp_path_factory.mktemp("work"))
    lake.files = sorted(lake.archive.glob("*/*/*/*/*/*/*.parquet"))
    assert lake.files, f"there is no archive object under {lake.archive}"
    return lake
