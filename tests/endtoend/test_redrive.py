"""What the queues gave up comes back by one command of the command line."""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest

from test_poison import line, message
from waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def redrive(lake, *arguments):
    """Runs `auditlake redrive` as an operator would, and gives what it says."""
    binary = pathlib.Path(os.environ.get("AUDITLAKE_BINARY") or ROOT / "target/debug/auditlake")
    if not binary.is_file():
        pytest.fail(f"build the command first (cargo build -p auditlake): {binary} is missing", pytrace=False)
    command = [str(binary), "redrive", "--endpoint", lake.ministack.endpoint, "--queue-url", lake.outputs["IngestQueueUrl"], *arguments]
    environment = {"PATH": os.environ["PATH"], "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dead_letters_go_back_and_are_landed(lake, organization):
    dead = lake.outputs["IngestDeadLettersUrl"]
    lake.send("IngestDeadLetters", message([line(organization, "dead-0")]), message([line(organization, "dead-1")]))
    assert redrive(lake, "--dead-letter-queue-url", dead, "--dry-run").startswith("2 dead letters")
    assert lake.waiting("IngestDeadLetters") == 2, "a dry run leaves them"
    assert redrive(lake, "--dead-letter-queue-url", dead).startswith("2 dead letters")
    lake.wait_until_landed(organization, ["dead-0", "dead-1"])
    assert lake.waiting("IngestDeadLetters") == 0


def test_quarantined_messages_go_back_once(lake, organization):
    """As after an upgrade: what one version could not understand, the next one can."""
    body = message([line(organization, "understood-now")])
    key = f"quarantine/queue=ingest/{hashlib.sha256(body.encode()).hexdigest()}.json"
    document = json.dumps({"reason": "was not understood", "message_id": "m", "body": body})
    lake.s3.put_object(Bucket=lake.landing, Key=key, Body=document.encode())
    assert key in redrive(lake, "--bucket", lake.landing, "--dry-run")
    redrive(lake, "--bucket", lake.landing)
    lake.wait_until_landed(organization, ["understood-now"])
    until("the queue is empty", lambda: lake.waiting("IngestQueue") == 0, 60)
    assert "0 quarantined messages went back" in redrive(lake, "--bucket", lake.landing), "each goes back once"
