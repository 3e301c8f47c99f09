"""`compact` by schedule, by hand, and with many shards."""

import random
from datetime import timedelta
from string import ascii_letters

from lake import instant, make_events, now, rfc3339
from waiting import until


def listing(lake):
    return {bucket: sorted(lake.keys(bucket)) for bucket in (lake.landing, lake.archive)}


def test_a_dry_run_says_what_is_due_and_writes_nothing(lake, organization):
    lake.seal_through(now())
    assert lake.post(organization, make_events(3)).status_code == 202
    lake.wait_until_landed(organization, ["e-0", "e-1", "e-2"])

    def told():
        before = listing(lake)
        answer = lake.invoke("compact", {"dry_run": True})
        # The schedule may tick at any moment; then the comparison is made again.
        if listing(lake) != before:
            return None
        assert answer["dry_run"] is True and answer["sealed_until"]
        return any(period["rows"] >= 3 for period in answer["due"])

    until("the period with the events is due", told, 60, between=1)


def test_an_hour_by_hand_is_sealed_to_its_end_and_no_further(lake, organization):
    """Every hour before this one is sealed already, so that only the answer's bound can be seen."""
    sealed_until = lake.seal_through(now())
    earlier = rfc3339(sealed_until - timedelta(hours=3))
    answer = lake.invoke("compact", {"hour": earlier})
    assert instant(answer["sealed_until"]) >= sealed_until and answer["rows_in"] == 0
    assert lake.post(organization, make_events(2)).status_code == 202
    lake.wait_until_landed(organization, ["e-0", "e-1"])
    landed = now()

    def sealed():
        return instant(lake.invoke("compact", {"hour": rfc3339(now())})["sealed_until"]) > landed

    until("this hour is sealed as far as it is due", sealed, 60, between=1)
    assert len(lake.archived(organization)) == 2


def test_an_hour_that_is_none_is_an_error(lake):
    answer = lake.functions.invoke(FunctionName="lake-compact", Payload=b'{"hour":"10 o\'clock"}')
    assert answer.get("FunctionError") and b"hour" in answer["Payload"].read()


def test_the_schedule_seals_without_anybody_s_call(lake, organization):
    assert lake.post(organization, make_events(3)).status_code == 202
    lake.wait_until_landed(organization, ["e-0", "e-1", "e-2"])
    until("a tick of the schedule has sealed", lambda: len(lake.archived(organization)) == 3, 150, between=2)


def test_a_large_period_is_written_by_many_invocations(lake, organization):
    """Shards of 1 MB, four tenants: the tick sends them to the queue, whose consumers write them."""
    name = f"{lake.stack.name}-compact"
    before = lake.functions.get_function_configuration(FunctionName=name)["Environment"]
    lake.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": before["Variables"] | {"AUDITLAKE_SHARD_MB": "1", "AUDITLAKE_OBJECT_MB": "1"}}
    )
    chance = random.Random(11)
    wanted = {}
    try:
        for tenant in range(4):
            own = f"{organization}-{tenant}"[:60]
            wanted[own] = make_events(900)
            for event in wanted[own]:
                event["metadata"] = {"noise": "".join(chance.choices(ascii_letters, k=3000))}
            assert lake.post(own, wanted[own]).status_code == 202
        landed = now()
        waiting = 0

        def sealed():
            nonlocal waiting
            answer = lake.tick()
            waiting = max(waiting, answer["waiting_shards"])
            return instant(answer["sealed_until"]) > landed

        until("the large period is sealed", sealed, 120, between=1)
    finally:
        lake.functions.update_function_configuration(FunctionName=name, Environment=before)
    assert waiting > 1, "shards were sent to the queue"
    for own, events in wanted.items():
        assert sorted(row["event_id"] for row in lake.archived(own)) == sorted(event["event_id"] for event in events)
    objects = [key for key in lake.keys(lake.archive, "etl/v1/data/") if f"org-{organization}" in key]
    assert len(objects) >= 4
    until("the queue of shards is empty", lambda: lake.waiting("ShardQueue") == 0, 60)
