"""A local archive, made by the command, with events of the day that docs/analysts.md asks about.

AUDITLAKE_BINARY  the command; else target/release/auditlake or target/debug/auditlake
"""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120


def binary():
    named = os.environ.get("AUDITLAKE_BINARY")
    candidates = [pathlib.Path(named)] if named else [REPOSITORY / "target" / kind / "auditlake" for kind in ("release", "debug")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    pytest.fail(f"build the command first (cargo build): none of {', '.join(map(str, candidates))} is there", pytrace=False)


def events():
    """Events of two organizations on the day of the examples, and before it."""
    day = datetime(2026, 3, 1, tzinfo=timezone.utc)
    listed = []
    for number in range(240):
        moment = day - timedelta(hours=6) + timedelta(minutes=7 * number, milliseconds=number)
        actor = number % 6 if moment < day else number % 8
        listed.append(
            {
                "organization": "globex" if number % 5 == 0 else "acme", "event_id": f"e-{number}",
                "event_time": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                "action": ["login", "role_assign", "read"][number % 3], "outcome": ["success", "denied", "failure", "success"][number % 4],
                "actor_id": f"u-{actor}", "actor_email": f"u{actor}@acme.example", "resource_id": f"role/{number % 4}",
            }
            | ({"category": "role_management", "changes": [{"field": "role", "before": None, "after": f"r{number}"}, {"field": "n", "before": number, "after": "it's"}]} if number % 3 == 1 else {})
        )
    return listed


def ask(address, path, body=None):
    request = urllib.request.Request(address + path, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="session")
def posted():
    return events()


@pytest.fixture(scope="session")
def archive(tmp_path_factory, posted):
    """The folder in whose `etl/v1/data` everything lies sealed, with a slash at its end."""
    folder = tmp_path_factory.mktemp("lake")
    command = [binary(), "serve", "--data", folder, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--seal-period", "10s", "--slack", "1s"]
    served = subprocess.Popen([*command, "--region", "eu-west-1", "--ready-json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = json.loads(served.stdout.readline())["api"]
        assert ask(address, "/v1/events", json.dumps(posted).encode())["accepted"] == len(posted)
        landed = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ask(address, "/v1/status")["sealed_until"] <= landed:
            assert time.monotonic() < deadline, "the period was not sealed in time"
            time.sleep(0.2)
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(30)
    return f"{folder}/"


@pytest.fixture(scope="session")
def of_the_day(posted):
    """acme's events of the day that the examples ask about."""
    return [event for event in posted if event["organization"] == "acme" and event["event_time"].startswith("2026-03-01")]


@pytest.fixture(scope="session")
def imported(tmp_path_factory):
    """The folder of a lake into which the fixtures of every source were imported, sealed, with a slash at its end."""
    folder = tmp_path_factory.mktemp("imported")
    fixtures = REPOSITORY / "crates/sources/tests/fixtures"
    command = [binary(), "import", fixtures, "--data", folder, "--organization", "acme", "--region", "eu-west-1", "--seal-period", "10s", "--slack", "1s"]
    # Some fixtures are broken on purpose, which the exit code says.
    assert subprocess.run(command, capture_output=True, timeout=60).returncode in (0, 3)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list((folder / "etl").rglob("*.parquet")):
        assert time.monotonic() < deadline, "the period was not sealed in time"
        time.sleep(1)
        subprocess.run([binary(), "seal", "--data", folder], check=True, capture_output=True, timeout=60)
    return f"{folder}/"
