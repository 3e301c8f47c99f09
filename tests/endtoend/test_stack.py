"""The stack as a whole: what an update keeps, and what the deployed resources are."""

from lake import make_events, now
from ministack import REGION


def table_parameters(lake):
    glue = lake.ministack.client("glue")
    return {table["Name"]: table["Parameters"] for table in glue.get_tables(DatabaseName="auditlake")["TableList"]}


def test_an_update_keeps_the_data_and_what_runs(lake, organization):
    events = make_events(10)
    assert lake.post(organization, events[:5]).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events[:5]])
    lake.seal_through(now())
    objects = {bucket: set(lake.keys(bucket)) for bucket in (lake.landing, lake.archive)}
    outputs = dict(lake.stack.outputs)

    lake.stack.update(LogFilter="auditlake_lake=debug,info", LandBatchingWindowSeconds="2", Regions=f"{REGION},us-east-1,eu-central-1")
    assert {name: lake.stack.outputs[name] for name in outputs} == outputs
    for bucket, keys in objects.items():
        assert keys <= set(lake.keys(bucket)), "an update removes nothing"
    assert lake.stack.environment("compact")["AUDITLAKE_LOG"] == "auditlake_lake=debug,info"
    assert table_parameters(lake)["events"]["projection.region.values"] == f"{REGION},us-east-1,eu-central-1"

    assert lake.post(organization, events[5:]).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events[5:]])
    lake.seal_through(now())
    assert [row["event_id"] for row in lake.archived(organization)] == [event["event_id"] for event in events]


def test_a_lake_keeps_the_rule_it_was_made_with(lake, organization):
    """Other settings of a later update do not change how periods are cut; lake.json rules."""
    before = lake.read(lake.landing, "lake.json")
    lake.stack.update(SealPeriod="1m", Slack="5s")
    try:
        assert lake.post(organization, make_events(2)).status_code == 202
        lake.wait_until_landed(organization, ["e-0", "e-1"])
        lake.seal_through(now())
        assert len(lake.archived(organization)) == 2
        assert lake.read(lake.landing, "lake.json") == before
    finally:
        lake.stack.update(SealPeriod="10s", Slack="1s")


def test_queues_hand_failed_messages_on_one_by_one(lake):
    """Without it a failed message is deleted with its batch."""
    for mapping in lake.functions.list_event_source_mappings()["EventSourceMappings"]:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping["FunctionArn"]


def test_nothing_lies_in_a_dead_letter_queue(lake):
    """What the tests did so far crashed nothing for good."""
    for queue in ("IngestDeadLetters", "ImportDeadLetters"):
        assert lake.waiting(queue) == 0
