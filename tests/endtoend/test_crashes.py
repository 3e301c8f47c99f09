"""A function killed at the worst moments, and messages delivered twice: nothing is lost, nothing is there twice.

The functions run here as single processes with the environment of the deployed ones, before a proxy that holds one request of
theirs; the process is killed while it is held. What Lambda does then, another invocation with the same event, is done by hand.
"""

import json

import pytest

from holding_proxy import HoldingProxy
from lake import Lake, make_events, now
from ministack import REGION
from runtime_api import Died, Runtime
from stack import bootstrap_of
from test_poison import line, message
from waiting import until

MOMENTS = ["before", "after"]
# The steps of a seal, by their keys.
STEPS = {
    "close": r"/_[^/]*\.close\.json", "plan": r"/_[^/]*\.plan\.json", "object": r"/etl/v1/data/", "digest": r"/digests/organization=",
    "record": r"/seals/.*/\d{8}T\d{6}Z\.json",
}


class OwnLake:
    """Buckets of its own, so that nobody else seals them; the functions are started by hand."""

    def __init__(self, lake, name):
        self.lake = lake
        self.landing, self.archive = f"{name}-landing", f"{name}-archive"
        for bucket in (self.landing, self.archive):
            lake.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def run(self, function, endpoint=None):
        """A process of a function over these buckets."""
        buckets = {"AUDITLAKE_LANDING_BUCKET": self.landing, "AUDITLAKE_ARCHIVE_BUCKET": self.archive}
        environment = self.lake.environment(function, **buckets)
        if endpoint:
            environment["AWS_ENDPOINT_URL"] = endpoint
        # Everything in this process: no other one takes its shards or writes its views.
        for name in ("AUDITLAKE_SHARD_QUEUE_URL", "AUDITLAKE_WORKGROUP"):
            environment.pop(name, None)
        return Runtime(bootstrap_of(function), environment, function, timeout=60)

    def land(self, event):
        with self.run("land") as runtime:
            assert runtime.invoke(event) == {"batchItemFailures": []}

    def killed(self, function, event, when, method, pattern):
        """Runs the function and kills it at a request. False if it never made that request."""
        with HoldingProxy(self.lake.ministack.endpoint) as proxy, self.run(function, proxy.endpoint) as runtime:
            proxy.hold(when, method, pattern)
            asked = runtime.begin(event)
            until(f"{function} makes its {method} {pattern}", lambda: proxy.reached.is_set() or asked_is_answered(runtime, asked), 60, between=0.02)
            if not proxy.reached.is_set():
                return False
            runtime.kill()
            with pytest.raises(Died):
                runtime.finish(asked, 10)
            return True

    def seal_through(self, moment, seconds=90):
        """Ticks until what landed at `moment` is sealed. Returns the sum of the numbers of all ticks."""
        totals = {}

        def sealed():
            with self.run("compact") as runtime:
                answer = runtime.invoke({"tick": True})
            for name, value in answer.items():
                if isinstance(value, int):
                    totals[name] = totals.get(name, 0) + value
            return answer["sealed_until"] > moment.strftime("%Y-%m-%dT%H:%M:%S")

        until(f"sealed past {moment}", sealed, seconds, between=1)
        return totals

    def archived(self):
        return sorted(row["event_id"] for row in Lake.rows(self.lake, self.archive, "etl/v1/data/"))


def asked_is_answered(runtime, asked):
    return not runtime.answers[asked].empty()


def batch(*messages):
    """Messages as Lambda polls them."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:q", "awsRegion": REGION,
            }
            for number, body in enumerate(messages)
        ]
    }


def own_name(organization):
    return organization[-40:].strip("-")


@pytest.fixture
def own(lake, organization):
    return OwnLake(lake, own_name(organization))


@pytest.mark.parametrize("when", MOMENTS)
def test_land_killed_at_its_put(own, when):
    event = batch(message([line("acme", "a"), line("acme", "b")]), message([line("acme", "c")]))
    assert own.killed("land", event, when, "PUT", r"/landing/arrival=")
    landed = len(own.lake.keys(own.landing, "landing/"))
    assert landed == (0 if when == "before" else 1)
    own.land(event)
    assert len(own.lake.keys(own.landing, "landing/")) == landed + 1
    own.seal_through(now())
    assert own.archived() == ["a", "b", "c"]


def test_land_killed_between_its_put_and_the_fence(own):
    """The object is there, nobody said so: it is sealed all the same, and its copy collapses with it."""
    event = batch(message([line("acme", "a")]))
    with own.run("land") as runtime:  # lake.json is there from now on
        runtime.invoke(batch(message([line("acme", "first")])))
    assert own.killed("land", event, "before", "HEAD", r"\.close\.json")
    own.land(event)
    totals = own.seal_through(now())
    assert own.archived() == ["a", "first"]
    assert totals["duplicates"] == 1


def test_a_message_delivered_again_after_the_seal_is_one_event(own):
    event = batch(message([line("acme", "a"), line("acme", "b")]))
    own.land(event)
    own.seal_through(now())
    own.land(event)
    totals = own.seal_through(now())
    assert own.archived() == ["a", "b"]
    assert totals["duplicates"] == 2


def test_compact_killed_at_every_step_of_a_seal(lake):
    """One lake a step and moment, all prepared at once. Another run finishes what the killed one began."""
    event = batch(message([line("acme", "a"), line("acme", "b")]), message([line("acme", "c"), line("globex", "d")]))
    cases = {(step, when): OwnLake(lake, f"killed-{step}-{when}") for step in STEPS for when in MOMENTS}
    for own in cases.values():
        own.land(event)
        own.land(batch(message([line("acme", "a")])))
    landed = now()
    for (step, when), own in cases.items():
        def killed(own=own, step=step, when=when):
            return own.killed("compact", {"tick": True}, when, "PUT", STEPS[step])

        # Until the period is due nothing is closed.
        until(f"compact is killed {when} its {step}", killed, 60, between=1)
        own.seal_through(landed)
        assert own.archived() == ["a", "b", "c", "d"], (step, when)
        records = [json.loads(lake.read(own.archive, key)) for key in lake.keys(own.archive, "seals/") if "/_" not in key]
        assert sum(record["rows_out"] for record in records) == 4 and sum(record["duplicates"] for record in records) == 1
        times = [record["seal_time"] for record in records]
        assert len(times) == len(set(times))


def test_two_compacts_at_once_come_to_the_same_seal(own):
    event = batch(message([line("acme", f"e{number}") for number in range(50)]))
    own.land(event)
    landed = now()

    def both():
        with own.run("compact") as one, own.run("compact") as two:
            asked = [(runtime, runtime.begin({"tick": True})) for runtime in (one, two)]
            answers = [runtime.finish(request) for runtime, request in asked]
        return all(answer["sealed_until"] > landed.strftime("%Y-%m-%dT%H:%M:%S") for answer in answers)

    until("both have sealed", both, 90, between=1)
    assert own.archived() == sorted(f"e{number}" for number in range(50))


def test_ingest_killed_before_it_answered(lake, organization):
    """The client has no answer and posts again, with the same ids."""
    events = make_events(3)
    for when in MOMENTS:
        with HoldingProxy(lake.ministack.endpoint) as proxy:
            environment = lake.environment("ingest", AWS_ENDPOINT_URL=proxy.endpoint, AUDITLAKE_QUEUE_URL=queue_through(lake, proxy))
            with Runtime(bootstrap_of("ingest"), environment, "ingest") as runtime:
                # All that it posts is its message.
                proxy.hold(when, "POST", "/")
                asked = runtime.begin(gateway_request(organization, events))
                until("ingest sends its message", proxy.reached.is_set, 30, between=0.02)
                runtime.kill()
                with pytest.raises(Died):
                    runtime.finish(asked, 10)
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    until("the queue is empty", lambda: lake.waiting("IngestQueue") == 0, 60)
    lake.seal_through(now())
    assert sorted(row["event_id"] for row in lake.archived(organization)) == sorted(event["event_id"] for event in events)


def queue_through(lake, proxy):
    """The queue's address on the proxy."""
    return lake.outputs["IngestQueueUrl"].replace(lake.ministack.endpoint, proxy.endpoint)


def gateway_request(organization, events):
    """A post as the gateway hands it over."""
    return {
        "version": "2.0", "routeKey": "POST /v1/events", "rawPath": "/v1/events", "rawQueryString": "", "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "a", "domainName": "a.example.com", "domainPrefix": "a", "requestId": "r", "routeKey": "POST /v1/events",
            "stage": "$default", "time": "01/Mar/2026:10:00:00 +0000", "timeEpoch": 1772359200000,
            "http": {"method": "POST", "path": "/v1/events", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "tests"},
            "authorizer": {"jwt": {"claims": {"tenant": organization, "permissions": "[iam:tenant:iam:audit:write]"}, "scopes": None}},
        },
        "body": json.dumps(events), "isBase64Encoded": False,
    }


def test_a_message_whose_function_crashed_is_delivered_again(lake, organization):
    """The deployed function itself: its process is killed, its queue brings the message again."""
    queue = lake.outputs["IngestQueueUrl"]
    before = lake.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
    lake.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "2"})
    code = lake.functions.get_function_configuration(FunctionName="lake-land")
    try:
        # A function that cannot start: as deployed, but without the setting it needs.
        variables = dict(code["Environment"]["Variables"])
        del variables["AUDITLAKE_LANDING_BUCKET"]
        lake.functions.update_function_configuration(FunctionName="lake-land", Environment={"Variables": variables})
        events = make_events(4)
        assert lake.post(organization, events).status_code == 202

        def tried():
            attributes = lake.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])["Attributes"]
            return int(attributes["ApproximateNumberOfMessagesNotVisible"]) > 0

        until("the message was taken", tried, 30, between=0.05)
        assert not lake.landed(organization)
    finally:
        lake.functions.update_function_configuration(FunctionName="lake-land", Environment=code["Environment"])
        lake.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": before})
    lake.wait_until_landed(organization, [event["event_id"] for event in events], 90)
    lake.seal_through(now())
    assert len(lake.archived(organization)) == 4
