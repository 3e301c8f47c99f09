"""The deployed lake as its users meet it: the API with a token, its buckets, its queues, its schedule's function."""

import contextlib
import json
import pathlib
import tempfile
from datetime import datetime, timedelta, timezone

import duckdb
import requests

from issuer import READ, WRITE
from waiting import until

FUNCTIONS_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


# The source of the events that record who asked.
RECORDS = "auditlake.api"


def now():
    return datetime.now(timezone.utc)


def rfc3339(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def make_events(count, prefix="e", newest=None, **more):
    """`count` events, a second apart, the first the newest; ids are `<prefix>-<number>`."""
    newest = newest or now() - timedelta(seconds=2)
    return [
        {
            "event_id": f"{prefix}-{number}", "event_time": rfc3339(newest - timedelta(seconds=number)), "action": ["login", "role_assign", "read"][number % 3],
            "outcome": ["success", "denied"][number % 2], "actor_id": f"u-{number % 5}", "actor_email": f"u{number % 5}@acme.example",
            "resource_type": "role", "resource_id": f"role/{number % 7}", "changes": [{"field": "role", "before": None, "after": "it's"}],
        } | more
        for number in range(count)
    ]


class Lake:
    """What the tests ask and do. An organization of its own keeps a test's events apart from those of others."""

    def __init__(self, ministack, stack, issuer, athena):
        self.ministack, self.stack, self.issuer, self.athena = ministack, stack, issuer, athena
        self.s3, self.sqs = ministack.client("s3"), ministack.client("sqs")
        self.functions = ministack.client("lambda")
        self.outputs = stack.outputs
        self.copies = tempfile.TemporaryDirectory()
        self.host = stack.outputs["ApiUrl"].split("//")[1]
        self.landing, self.archive = stack.outputs["LandingBucketName"], stack.outputs["ArchiveBucketName"]

    # --- the API ---

    def call(self, method, path, tenant=None, token=None, permissions=(READ, WRITE), headers=None, **more):
        """A call with a token of the organization, or with the token given ("" is none)."""
        if token is None:
            token = self.issuer.token(tenant, permissions)
        sent = {"host": self.host} | ({"authorization": f"Bearer {token}"} if token else {}) | (headers or {})
        return requests.request(method, self.ministack.endpoint + path, headers=sent, timeout=60, **more)

    def post(self, tenant, events, headers=None, **more):
        """Posts a value as JSON, or bytes as they are."""
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        return self.call("POST", "/v1/events", tenant, headers={"content-type": "application/json"} | (headers or {}), data=body, **more)

    def get(self, tenant, path, **parameters):
        """Asks; of events without the records of earlier questions, unless the source is asked for."""
        is_about_records = "source" in parameters or parameters.get("action") == "audit_log_query"
        if path in ("/v1/events", "/v1/stats") and not is_about_records:
            parameters.setdefault("source!", RECORDS)
        return self.call("GET", path, tenant, params=parameters)

    def get_patiently(self, tenant, path, **parameters):
        """Asks, and follows the links of a question that takes long, as a client does."""
        answer = self.get(tenant, path, **parameters)
        while answer.status_code == 202:
            answer = self.call("GET", answer.json()["link"], tenant)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer

    def events(self, tenant, **parameters):
        """All events that match, page by page, as the API gives them."""
        found, cursor = [], None
        while True:
            answer = self.get(tenant, "/v1/events", **parameters, **({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, (answer.status_code, answer.text)
            page = answer.json()
            found += page["events"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    # --- what runs ---

    def invoke(self, function, payload):
        """Invokes a deployed function and waits for its answer."""
        answer = self.functions.invoke(FunctionName=f"{self.stack.name}-{function}", Payload=json.dumps(payload).encode())
        body = answer["Payload"].read()
        assert "FunctionError" not in answer, body
        return json.loads(body)

    def tick(self):
        return self.invoke("compact", {"tick": True})

    def sealed_until(self):
        """From the seal records, the one thing that says what is sealed."""
        names = [name for name in self.keys(self.archive, "seals/") if name.rpartition("/")[2][0].isdigit()]
        newest = max((name.rpartition("/")[2].removesuffix(".json") for name in names), default=None)
        return datetime.strptime(newest, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc) + timedelta(seconds=10) if newest else None

    def seal_through(self, moment, seconds=90):
        """Ticks until everything that had landed at `moment` is sealed."""
        def sealed():
            self.tick()
            sealed_until = self.sealed_until()
            return sealed_until and sealed_until > moment and sealed_until

        return until(f"sealed past {moment}", sealed, seconds, between=1)

    def environment(self, function, **more):
        """What a process needs to be this deployed function."""
        return self.stack.environment(function) | FUNCTIONS_CREDENTIALS | {
            "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": self.ministack.endpoint,
            "AWS_ENDPOINT_URL_ATHENA": self.athena.endpoint,
        } | more

    # --- storage ---

    def keys(self, bucket, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def quarantined(self, prefix="quarantine/", bucket=None):
        """The documents of quarantine: reasons and what was set aside."""
        bucket = bucket or self.landing
        return [json.loads(self.read(bucket, key)) for key in self.keys(bucket, prefix) if key.endswith(".json")]

    def rows(self, bucket, prefix, columns="*", condition="true", order="event_time DESC, event_id DESC"):
        """Rows of Parquet objects, read by DuckDB, which knows nothing of the lake."""
        files = [self.kept(bucket, key) for key in self.keys(bucket, prefix) if key.endswith(".parquet")]
        if not files:
            return []
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        source = "read_parquet($files, hive_partitioning = true, hive_types_autocast = false)"
        relation = connection.execute(f"SELECT {columns} FROM {source} WHERE {condition} ORDER BY {order}", {"files": files})
        names = [column[0] for column in relation.description]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]

    def kept(self, bucket, key):
        """A local copy of an object, made once: objects of the lake never change."""
        path = pathlib.Path(self.copies.name) / bucket / key
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(bucket, key))
        return str(path)

    def archived(self, organization, region="*", **more):
        """An organization's rows in the archive, as an analyst reads them, without the records of who asked."""
        prefix = "etl/v1/data/"
        rows = self.rows(self.archive, prefix, condition=f"organization = 'org-{organization}' AND source <> '{RECORDS}'", **more)
        return [row for row in rows if region in ("*", row["region"])]

    def landed(self, organization, **more):
        """An organization's rows in landing, sealed or not, without the records of who asked."""
        return self.rows(self.landing, "landing/", condition=f"organization = '{organization}' AND source <> '{RECORDS}'", **more)

    def wait_until_landed(self, organization, ids, seconds=60):
        """Waits until every id stands in landing."""
        wanted = set(ids)
        return until(f"{len(wanted)} events of {organization} landed", lambda: wanted <= {row["event_id"] for row in self.landed(organization)}, seconds, between=0.5)

    # --- queues ---

    def waiting(self, queue):
        """Messages that wait in a queue, or are being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs[f"{queue}Url"], AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    @contextlib.contextmanager
    def without_consumer(self, mapping):
        """Messages wait meanwhile: the mapping, by its name in the template, is switched off."""
        identifier = self.stack.physical(mapping)
        self.functions.update_event_source_mapping(UUID=identifier, Enabled=False)
        try:
            until("the mapping is off", lambda: self.functions.get_event_source_mapping(UUID=identifier)["State"] == "Disabled", 30)
            yield
        finally:
            self.functions.update_event_source_mapping(UUID=identifier, Enabled=True)

    def send(self, queue, *bodies):
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.outputs[f"{queue}Url"], MessageBody=body)


