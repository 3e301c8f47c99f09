"""The API against its own description: schemathesis calls every operation with what the schemas allow, and with what they forbid.

AUDITLAKE_BINARY  the command; else target/debug/auditlake
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime, timezone

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CHECKS = "no_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture
def api(tmp_path):
    """A server with a few events, and with an organization that stands where none is named."""
    binary = pathlib.Path(os.environ.get("AUDITLAKE_BINARY") or REPOSITORY / "target/debug/auditlake")
    command = [binary, "serve", "--data", tmp_path / "lake", "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--organization", "acme", "--ready-json"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = json.loads(served.stdout.readline())["api"]
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {"event_id": "e-1", "event_time": moment, "action": "role_assign", "changes": [{"field": "role", "before": None, "after": "admin"}]}
        body = json.dumps([event, event | {"event_id": "e-2", "actor_id": "u-1", "metadata": {"k": [1, None]}}]).encode()
        posted = urllib.request.Request(f"{address}/v1/events", data=body, headers={"content-type": "application/json"})
        with urllib.request.urlopen(posted, timeout=30) as answer:
            assert json.load(answer)["accepted"] == 2
        yield address
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(30)


def test_no_call_fails_on_our_side_and_every_answer_is_as_described(api, tmp_path):
    schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
    command = [schemathesis, "run", f"{api}/openapi.json", "--checks", CHECKS, "--max-examples", "20", "--seed", "1"]
    hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path, env=os.environ | hooks)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
