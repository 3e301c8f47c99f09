#!/usr/bin/env python3
"""Writes the sample payloads beside it: what AWS hands to each function, for every trigger and case.

    events/make.py            writes them
    events/make.py --check    exits 1 where a file differs

Bodies that are compressed or packed cannot be written by hand; the envelopes around all of them are the same. gzip is written
without a time and stored, zstd as one raw frame, so that the bytes do not depend on who makes them.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
READ, WRITE = "iam:tenant:iam:audit:read", "iam:tenant:iam:audit:write"
REGION, ACCOUNT = "eu-west-1", "111122223333"
IMPORT_BUCKET = "trail-of-acme"
KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T1000Z_ä b+c.json.gz"
ENCODED_KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T1000Z_%C3%A4+b%2Bc.json.gz"


def event(number, **more):
    """An event as a client posts it."""
    return {
        "event_id": f"sample-{number}", "event_time": f"2026-03-01T10:00:{number:02}.250Z", "action": "role_assign", "outcome": "success",
        "category": "role_management", "actor_id": "u-17", "actor_type": "user", "actor_email": "alice@acme.example",
        "resource_type": "role", "resource_id": "role/admin", "changes": [{"field": "role", "before": "viewer", "after": "admin"}],
        "source_ip": "203.0.113.7", "user_agent": "curl/8.5.0",
    } | more


# --- compression, without a compressor, so that the files never change ---


def gzipped(data):
    """gzip of one stored block."""
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    block = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return header + block + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def zstandard(data):
    """zstd of one raw block: magic, a single segment with its size in four bytes, the block."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def encoded(data):
    return base64.b64encode(data).decode()


# --- HTTP API, payload format 2.0 ---


def claims(organization="acme", permissions=f"[{READ} {WRITE}]"):
    """Verified claims as the gateway renders them: every value a text, an array `[a b]`."""
    return {
        "aud": "auditlake", "exp": "1772363400", "iat": "1772359800", "iss": "https://login.example.com/", "jti": "0b1f6d5e",
        "permissions": permissions, "sub": "service|billing", "tenant": organization,
    }


def http(method, path, query="", route=None, body=None, content_type="application/json", headers=None, binary=False, who=None, parameters=None):
    """A request as the gateway hands it over."""
    request = {
        "version": "2.0", "routeKey": f"{method} {route or path}", "rawPath": path, "rawQueryString": query,
        "headers": {
            "accept": "*/*", "authorization": "Bearer eyJraWQiOiJvbmUiLCJhbGciOiJSUzI1NiJ9.e30.c2FtcGxl", "host": "abcdef1234.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "curl/8.5.0", "x-amzn-trace-id": "Root=1-69a40f4b-0123456789abcdef01234567", "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        } | (headers or {}),
        "requestContext": {
            "accountId": ACCOUNT, "apiId": "abcdef1234", "authorizer": {"jwt": {"claims": who or claims(), "scopes": None}},
            "domainName": "abcdef1234.execute-api.eu-west-1.amazonaws.com", "domainPrefix": "abcdef1234",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0"},
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": f"{method} {route or path}", "stage": "$default",
            "time": "01/Mar/2026:10:05:00 +0000", "timeEpoch": 1772359500000,
        },
    }
    if query:
        request["queryStringParameters"] = {name: value for name, _, value in (part.partition("=") for part in query.split("&"))}
    if parameters:
        request["pathParameters"] = parameters
    if body is not None:
        request["headers"] |= {"content-type": content_type, "content-length": str(len(body))}
        request["body"] = encoded(body) if binary else body.decode()
    request["isBase64Encoded"] = binary
    return request


def post(value, **more):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return http("POST", "/v1/events", body=data, **more)


def lines(*events):
    return "".join(json.dumps(one) + "\n" for one in events).encode()


def cloud_event(number):
    return {
        "specversion": "1.0", "id": f"sample-{number}", "source": "/billing", "type": "com.example.role.assign", "subject": "role/admin",
        "time": f"2026-03-01T10:00:{number:02}.250Z", "datacontenttype": "application/json",
        "data": {"action": "role_assign", "outcome": "success", "actor_id": "u-17", "resource_type": "role", "resource_id": "role/admin"},
    }


def ingest():
    batch = [event(number) for number in (2, 3, 4)]
    yield "single", post(event(1))
    yield "batch", post(batch)
    yield "batch-in-object", post({"events": batch})
    # The gateway hands text over for few media types only, anything else as base64.
    yield "ndjson", post(lines(*batch), content_type="application/x-ndjson", binary=True)
    yield "gzip", post(gzipped(json.dumps(batch).encode()), headers={"content-encoding": "gzip"}, binary=True)
    yield "zstd", post(zstandard(lines(*batch)), content_type="application/x-ndjson", headers={"content-encoding": "zstd"}, binary=True)
    yield "cloudevents-single", post(cloud_event(5), content_type="application/cloudevents+json", binary=True)
    yield "cloudevents-batch", post([cloud_event(6), cloud_event(7)], content_type="application/cloudevents-batch+json", binary=True)
    envelope = cloud_event(17)
    attributes = {f"ce-{name}": value for name, value in envelope.items() if name not in ("data", "datacontenttype")}
    yield "cloudevents-binary-mode", post(envelope["data"], headers=attributes)
    without_id = {name: value for name, value in event(8).items() if name != "event_id"}
    yield "idempotency-key", post([without_id], headers={"idempotency-key": "order-4711"})
    yield "one-of-two-refused", post([event(9), event(10, event_time="yesterday")])
    yield "not-json", post(b'{"event_time": ')
    yield "no-events", post([])
    yield "foreign-organization", post(event(11, organization="globex"))
    yield "claims-without-write", post(event(12), who=claims(permissions=f"[{READ}]"))
    yield "claims-one-permission", post(event(13), who=claims(permissions=WRITE))
    yield "claims-array", post(event(14), who=claims() | {"permissions": [READ, WRITE]})
    yield "claims-two-organizations", post(event(15), who=claims(organization="[acme globex]"))
    operator = claims(permissions="[iam:operator:iam:audit:read]")
    del operator["tenant"]
    yield "claims-operator", post(event(16, organization="globex"), who=operator)


# --- SQS ---


def sqs(queue, *bodies):
    """A batch as Lambda polls it."""
    return {
        "Records": [
            {
                "messageId": f"059f36b4-87a3-44ab-83d2-66197586{number:04x}", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1", "SentTimestamp": "1772359500123", "SenderId": "AROAEXAMPLE:auditlake-ingest",
                    "ApproximateFirstReceiveTimestamp": "1772359500456",
                },
                "messageAttributes": {}, "md5OfBody": hashlib.md5(body.encode()).hexdigest(), "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }


def transported(number, organization="acme"):
    """An event between ingest and land: the canonical form of its columns, and when it was received."""
    columns = {name: value for name, value in event(number).items()}
    columns |= {"organization": organization, "region": REGION, "source": "api"}
    columns["changes"] = json.dumps(columns["changes"], separators=(",", ":"), sort_keys=True)
    line = json.dumps(dict(sorted(columns.items())), separators=(",", ":"), ensure_ascii=False)
    return line[:-1] + ',"received_time":"2026-03-01T10:05:00.000Z"}\n'


def message(*numbers, **changes):
    """A message of the queue between ingest and land."""
    data = "".join(transported(number) for number in numbers).encode()
    packed = {"format": 1, "events": len(numbers), "sha256": hashlib.sha256(data).hexdigest(), "payload": encoded(zstandard(data))} | changes
    return json.dumps(packed, separators=(",", ":"))


def land():
    yield "batch", sqs("auditlake-ingest", message(20, 21), message(22))
    yield "batch-with-poison", sqs(
        "auditlake-ingest", message(23), '{"hello":"world"}', message(24, sha256="0" * 64), message(25, payload="not base64!"), message(26)
    )
    yield "message-of-a-newer-version", sqs("auditlake-ingest", message(27), json.dumps({"format": 2, "batches": []}))


def s3(key, name="ObjectCreated:Put"):
    """A notification of S3; keys are URL-encoded."""
    return {
        "Records": [
            {
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventTime": "2026-03-01T10:05:11.000Z", "eventName": name,
                "userIdentity": {"principalId": "AWS:AROAEXAMPLE:CloudTrail"}, "requestParameters": {"sourceIPAddress": "203.0.113.1"},
                "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
                "s3": {
                    "s3SchemaVersion": "1.0", "configurationId": "to-auditlake",
                    "bucket": {"name": IMPORT_BUCKET, "ownerIdentity": {"principalId": "A3NL1KOZZKExample"}, "arn": f"arn:aws:s3:::{IMPORT_BUCKET}"},
                    "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0065E1A2B3C4D5E6F7"},
                },
            }
        ]
    }


TEST_EVENT = {
    "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T10:00:00.000Z", "Bucket": IMPORT_BUCKET,
    "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
}

# EventBridge writes keys as they are.
OBJECT_CREATED = {
    "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created", "source": "aws.s3", "account": ACCOUNT,
    "time": "2026-03-01T10:05:11Z", "region": REGION, "resources": [f"arn:aws:s3:::{IMPORT_BUCKET}"],
    "detail": {
        "version": "0", "bucket": {"name": IMPORT_BUCKET},
        "object": {"key": KEY, "size": 1024, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "617f08299329d189"},
        "request-id": "N4N7GDK58NMKJ12R", "requester": ACCOUNT, "source-ip-address": "203.0.113.1", "reason": "PutObject",
    },
}


def imported():
    yield "s3-notification", s3(ENCODED_KEY)
    yield "s3-notification-of-a-multipart-upload", s3(ENCODED_KEY, "ObjectCreated:CompleteMultipartUpload")
    yield "s3-notification-of-a-removal", s3(ENCODED_KEY, "ObjectRemoved:Delete")
    yield "s3-notification-without-rule", s3("elsewhere/x.json")
    yield "s3-test-event", TEST_EVENT
    yield "eventbridge-object-created", OBJECT_CREATED
    yield "sqs-s3-notification", sqs("auditlake-import", json.dumps(s3(ENCODED_KEY)))
    yield "sqs-s3-test-event", sqs("auditlake-import", json.dumps(TEST_EVENT))
    yield "sqs-eventbridge-object-created", sqs("auditlake-import", json.dumps(OBJECT_CREATED))
    topic = {"Type": "Notification", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:trail", "Message": json.dumps(s3(ENCODED_KEY))}
    yield "sqs-s3-notification-through-a-topic", sqs("auditlake-import", json.dumps(topic))
    yield "sqs-mixed-with-poison", sqs("auditlake-import", json.dumps(TEST_EVENT), "hello", json.dumps(s3(ENCODED_KEY)))


def compact():
    yield "tick", {"tick": True}
    yield "dry-run", {"dry_run": True}
    yield "hour", {"hour": "2026-03-01T10:00:00Z"}
    yield "hour-that-is-none", {"hour": "10 o'clock"}
    yield "shards", sqs("auditlake-shards", '{"seal_time":"2026-03-01T10:00:00.000Z","shard":0}', '{"seal_time":"2026-03-01T10:00:00.000Z","shard":1}')


def query():
    def get(path, text="", **more):
        return http("GET", path, text, **more)

    of_event = {"route": "/v1/events/{id}", "parameters": {"id": "sample-1"}}
    filters = "from=2026-03-01T00%3A00%3A00Z&to=2026-03-02T00%3A00%3A00Z&actor_email=alice%40acme.example&outcome!=denied&q=role%2Fadmin&limit=10"
    day = "from=2026-03-01T00%3A00%3A00Z&to=2026-03-02T00%3A00%3A00Z"
    yield "events", get("/v1/events", day)
    yield "events-filtered", get("/v1/events", filters)
    yield "events-two-values", get("/v1/events", "action=role_assign&action=login&" + day)
    yield "events-wrong-parameter", get("/v1/events", "form=2026-03-01")
    yield "event", get("/v1/events/sample-1", "at=2026-03-01T10%3A00%3A01.250Z", **of_event)
    yield "event-without-time", get("/v1/events/sample-1", **of_event)
    yield "stats", get("/v1/stats", "interval=day&group_by=action&from=2026-03-01T00%3A00%3A00Z&to=2026-03-02T00%3A00%3A00Z")
    yield "status", get("/v1/status")
    yield "foreign-organization", get("/v1/events", "organization=globex")
    yield "claims-without-read", get("/v1/events", who=claims(permissions=f"[{WRITE}]"))
    operator = claims(permissions="[iam:operator:iam:audit:read]")
    del operator["tenant"]
    yield "claims-operator", get("/v1/events", "organization=globex&" + day, who=operator)
    of_query = {"route": "/v1/queries/{id}", "parameters": {"id": "AAAA"}}
    yield "query-of-no-id", get("/v1/queries/AAAA", "wait=5", **of_query)
    yield "query-of-no-id-cancelled", http("DELETE", "/v1/queries/AAAA", **of_query)


SAMPLES = {"ingest": ingest, "land": land, "import": imported, "compact": compact, "query": query}


def main(arguments):
    if arguments not in ([], ["--check"]):
        raise SystemExit(__doc__)
    wanted = {
        HERE / function / f"{name}.json": json.dumps(payload, indent=2, ensure_ascii=False) + "\n"
        for function, samples in SAMPLES.items() for name, payload in samples()
    }
    there = {path for function in SAMPLES for path in (HERE / function).glob("*.json")}
    if arguments:
        differing = [path for path, text in wanted.items() if path not in there or path.read_text("utf-8") != text]
        differing += there - wanted.keys()
        if differing:
            raise SystemExit(f"run events/make.py: {', '.join(str(path.relative_to(HERE)) for path in sorted(differing))}")
        return
    for path in there - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
