#!/usr/bin/env python3
"""Posts single events to a server of its own for a while, reads beside it, and watches its memory.

    tests/long/soak.py [--binary target/release/auditlake] [--minutes 30] [--rate 20] [--clients 8] [--readers 2]
                       [--landing-objects 0] [--most-mb 150]

Prints a line each half minute: seconds, events acknowledged and counted, landing objects, memory, cache bytes. Fails if the memory
ever exceeds --most-mb, or if what was acknowledged is not what is counted at the end. --landing-objects lets that many objects land first,
one event each, which takes some minutes for 100,000. Needs nothing but Python 3.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime, timezone


def call(url, body=None):
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def event(number):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({
        "event_id": f"soak-{number}", "organization": "acme", "event_time": now, "action": f"action_{number % 7}", "outcome": "success",
        "actor_id": f"user-{number % 50}", "resource_type": "document", "resource_id": f"d{number % 1000}",
    }).encode()


class Soak:
    def __init__(self, api, options):
        self.api, self.options = api, options
        self.lock = threading.Lock()
        self.begun = self.acknowledged = self.reads = 0
        self.failures = []
        self.ends = time.monotonic() + options.minutes * 60

    def next_number(self):
        with self.lock:
            self.begun += 1
            return self.begun

    def post(self):
        pause = self.options.clients / self.options.rate
        due = time.monotonic()
        while time.monotonic() < self.ends:
            due += pause
            try:
                accepted = call(f"{self.api}/v1/events", event(self.next_number()))["accepted"]
                with self.lock:
                    self.acknowledged += accepted
            except Exception as error:  # counted and shown: the soak goes on
                self.failures.append(f"post: {error}")
            time.sleep(max(0, due - time.monotonic()))

    def read(self):
        questions = ["/v1/events?organization=acme&limit=50", "/v1/stats?organization=acme&group_by=action",
                     "/v1/events?organization=acme&actor=user-7&limit=20"]
        while time.monotonic() < self.ends:
            try:
                call(self.api + questions[self.reads % len(questions)])
                self.reads += 1
            except Exception as error:
                self.failures.append(f"read: {error}")
            time.sleep(1)


def land_many(api, wanted):
    """One event an object: posts one after the other, each as soon as the last one is answered."""
    for number in range(wanted):
        call(f"{api}/v1/events", event(-1 - number))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/auditlake")
    for name, default in [("minutes", 30.0), ("rate", 20.0)]:
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, default in [("clients", 8), ("readers", 2), ("landing-objects", 0), ("most-mb", 150)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "lake"
        command = [options.binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--ready-json"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            api = json.loads(server.stdout.readline())["api"]
            return run(api, data, options)
        finally:
            server.terminate()
            server.wait(timeout=30)


def run(api, data, options):
    land_many(api, options.landing_objects)
    soak = Soak(api, options)
    threads = [threading.Thread(target=soak.post) for _ in range(options.clients)]
    threads += [threading.Thread(target=soak.read) for _ in range(options.readers)]
    for thread in threads:
        thread.start()
    began, most = time.monotonic(), 0
    print("seconds  acknowledged  objects  memory MB  caches MB  reads  failures")
    while any(thread.is_alive() for thread in threads):
        time.sleep(min(30, max(1, options.minutes * 6)))
        server = call(f"{api}/v1/status")["server"]
        memory = server["memory_bytes"] / 1e6
        caches = sum(cache["bytes"] for cache in server["caches"]) / 1e6
        most = max(most, memory)
        objects = sum(1 for _ in data.glob("landing/*/*.parquet"))
        line = (int(time.monotonic() - began), soak.acknowledged, objects, memory, caches, soak.reads, len(soak.failures))
        print("{:7}  {:12,}  {:7,}  {:9.1f}  {:9.1f}  {:5}  {:8}".format(*line), flush=True)
    counts = call(f"{api}/v1/stats?organization=acme")["counts"]
    counted = sum(count["count"] for count in counts)
    expected = soak.acknowledged + options.landing_objects
    print(f"{expected:,} events acknowledged, {counted:,} counted, at most {most:.1f} MB; {len(soak.failures)} failures {soak.failures[:3]}")
    return 0 if counted == expected and most <= options.most_mb and not soak.failures else 1


if __name__ == "__main__":
    sys.exit(main())
