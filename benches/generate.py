#!/usr/bin/env python3
"""Writes audit events as NDJSON for the benchmarks: realistic in size and skew, the same for the same seed.

  benches/generate.py OUT.ndjson EVENTS [--seed N] [--start 2026-03-01T00:00:00] [--hours 24]

20 organizations in 2 regions, 2,000 people, 60 actions, 100,000 resources, each chosen by Zipf's law; load rises and falls with the
day; events stand in the order in which a collector would send them, which is nearly that of their times. 6 % fail, a fifth state what
changed, a third carry metadata. One million events are some 660 MB. Needs nothing but Python.
"""

import argparse
import bisect
import heapq
import itertools
import json
import math
import random
from datetime import datetime, timezone

ORGANIZATIONS = "acme globex initech umbrella hooli stark wayne wonka cyberdyne tyrell aperture soylent massive oscorp vandelay dunder pied gringotts monarch nakatomi".split()
FIRST_NAMES = "alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter xena".split()
VERBS = "create delete update list get assign revoke invite enable disable export rotate".split()
RESOURCE_TYPES = ["role", "user", "object", "policy", "token", "project", "bucket", "dataset"]
REQUESTS = [("GET", "/v1/objects"), ("POST", "/v1/roles/assign"), ("POST", "/v1/users/invite"), ("DELETE", "/v1/tokens"), ("PATCH", "/v1/policies"), ("GET", "/v1/permissions/check")]
SERVICES = [f"svc-{name}" for name in "iam gateway storage billing console scheduler notifier search ingest audit export admin".split()]
LEVELS = ["viewer", "editor", "admin", "owner"]
FAILURES = [400, 401, 403, 404, 500]
PEOPLE, RESOURCES, ADDRESSES = 2_000, 100_000, 30_000
MEAN_LAG_MS = 1_500


class Zipf:
    """Chooses a position below `count` with a probability that falls with it."""

    def __init__(self, count, exponent):
        self.sums = list(itertools.accumulate((position + 1) ** -exponent for position in range(count)))

    def choose(self, chance):
        return min(bisect.bisect(self.sums, chance.random() * self.sums[-1]), len(self.sums) - 1)


def scattered(position):
    """A number that looks random and is another for every position (Knuth's multiplicative hash)."""
    return position * 2_654_435_761 % 2**32


def actions():
    common = ["permission_check", "list_objects", "role_assign", "user_invite"]
    nouns = ["role", "user", "objects", "policy", "token"]
    return (common + [f"{noun}_{verb}" for verb in VERBS for noun in nouns])[:60]


def user_agents():
    for version in range(50):
        if version % 3:
            yield f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{100 + version}.0.{4000 + version * 37}.{version * 3} Safari/537.36"
        else:
            yield f"aws-cli/2.{version}.{version % 7} Python/3.11.{version % 9} Linux/5.10.{200 + version} exe/x86_64.amzn.2"


def text_of(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def times(count, start, hours):
    """Times in their order, more of them in the first half of the span than in the second."""
    span = hours * 3_600_000
    for position in range(count):
        share = (position + 0.5) / count
        yield start + int(min(max(share + 0.03 * math.sin(2 * math.pi * share), 0), 0.9999999) * span)


def events(count, seed, start, hours):
    """The events in the order in which they are sent."""
    chance = random.Random(seed)
    organizations = [f"{name}-{position:02d}" for position, name in enumerate(ORGANIZATIONS)]
    people = [
        (f"{FIRST_NAMES[i % 20]}.{i * 7919 % 65536:04x}@{ORGANIZATIONS[i % 20]}.example.com", f"usr_{scattered(i):08x}{i:06x}")
        for i in range(PEOPLE)
    ]
    resources = [f"{RESOURCE_TYPES[i % 8]}/{scattered(i):08x}-{i:06d}" for i in range(RESOURCES)]
    addresses = [".".join(str(chance.randrange(1, 254)) for _ in range(4)) for _ in range(ADDRESSES)]
    agents, names = list(user_agents()), actions()
    person_of, action_of, resource_of = Zipf(PEOPLE, 1.0), Zipf(len(names), 0.9), Zipf(RESOURCES, 0.6)
    organization_of, agent_of, service_of = Zipf(20, 1.1), Zipf(len(agents), 1.0), Zipf(len(SERVICES), 0.8)
    waiting = []
    for number, millis in enumerate(times(count, start, hours)):
        person = person_of.choose(chance)
        email, actor = people[person]
        resource = resource_of.choose(chance)
        method, path = chance.choice(REQUESTS)
        failed = chance.random() < 0.06
        request = f"{chance.getrandbits(64):016x}"
        service, duration = service_of.choose(chance), chance.randrange(1, 900)
        identity = f"{chance.getrandbits(128):032x}"
        event = {
            "event_id": f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-a{identity[17:20]}-{identity[20:]}",
            "event_time": text_of(millis),
            "organization": organizations[organization_of.choose(chance) if chance.random() < 0.9 else person % 20],
            "region": "eu-west-1" if chance.random() < 0.35 else "us-east-1",
            "actor_id": actor,
            "actor_email": email,
            "actor_type": "service" if person % 17 == 0 else "user",
            "action": names[action_of.choose(chance)],
            "resource_type": RESOURCE_TYPES[resource % 8],
            "resource_id": resources[resource],
            "outcome": "failure" if failed else "success",
            "source_ip": addresses[(person * 15 + chance.randrange(15)) % ADDRESSES],
            "user_agent": agents[agent_of.choose(chance)],
            "request_id": request,
            "http_method": method,
            "http_path": f"{path}/{resources[resource].split('/')[1][:8]}",
            "http_status": chance.choice(FAILURES) if failed else 200,
            "service_name": SERVICES[service],
        }
        if chance.random() < 0.2:
            level = chance.randrange(4)
            event["changes"] = {
                "before": {"role": LEVELS[level], "enabled": True, "quota": duration},
                "after": {"role": LEVELS[(level + 1) % 4], "enabled": failed, "quota": duration + 10},
            }
        if chance.random() < 0.3:
            event["metadata"] = {"trace": request[::-1], "duration_ms": str(duration), "client": SERVICES[(service + 1) % len(SERVICES)]}
        sent = millis + 20 + int(chance.expovariate(1 / MEAN_LAG_MS))
        heapq.heappush(waiting, (sent, number, event))
        while waiting and waiting[0][0] <= millis:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("events", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", default="2026-03-01T00:00:00", help="the first event's time, UTC")
    parser.add_argument("--hours", type=float, default=24, help="the span of the events' times")
    options = parser.parse_args()
    start = int(datetime.fromisoformat(options.start).replace(tzinfo=timezone.utc).timestamp() * 1000)
    with open(options.out, "w", encoding="utf-8", buffering=1 << 20) as out:
        for event in events(options.events, options.seed, start, options.hours):
            out.write(json.dumps(event, separators=(",", ":")))
            out.write("\n")


if __name__ == "__main__":
    main()
