"""Trino 435, the engine that Athena is, over the buckets of an S3 server; started by tests/trino/trino.sh."""

import os
import pathlib
import shutil
import subprocess

import requests

from waiting import Process, free_port, until

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "trino/trino.sh"
CATALOG = "awsdatacatalog"


def home():
    """Where its jars stay between runs; the same place as that of the tests of crates/athena."""
    if named := os.environ.get("AUDITLAKE_TRINO_HOME"):
        return pathlib.Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(cache) / "auditlake/trino-435"


def why_not():
    """Why it cannot run on this machine, or None."""
    if not shutil.which("java") or not shutil.which("javac"):
        return "Trino, in Athena's place, needs a Java 17 development kit on the path"
    if not (home() / "complete").exists() and not shutil.which("mvn"):
        return "Trino, in Athena's place, is fetched by Maven, which is not on the path"
    return None


class TrinoError(Exception):
    """A statement failed; `name` is Trino's name of the error, as Athena shows it."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name


class Statement:
    """A statement on its way: `advance` until it is done."""

    def __init__(self, session, answer):
        self.session = session
        self.columns = []
        self.rows = []
        self.scanned_bytes = 0
        self.queue_ms = 0
        self.engine_ms = 0
        self.take(answer)

    def take(self, answer):
        self.next = answer.get("nextUri")
        stats = answer.get("stats", {})
        self.scanned_bytes = max(self.scanned_bytes, stats.get("physicalInputBytes", 0))
        self.queue_ms = stats.get("queuedTimeMillis", self.queue_ms)
        self.engine_ms = stats.get("elapsedTimeMillis", self.engine_ms)
        if "columns" in answer:
            self.columns = [(column["name"], column["type"]) for column in answer["columns"]]
        self.rows.extend(answer.get("data", ()))
        if error := answer.get("error"):
            raise TrinoError(error.get("errorName", "UNKNOWN"), error["message"])

    def advance(self):
        """Waits for the next part of the answer. Says whether there is more."""
        if self.next:
            answer = self.session.get(self.next, timeout=120)
            answer.raise_for_status()
            self.take(answer.json())
        return bool(self.next)

    def cancel(self):
        if self.next:
            self.session.delete(self.next, timeout=30)
            self.next = None


class Trino:
    """A running engine. Its metastore lies in `bucket`, which must be there; it reads every bucket of the endpoint."""

    def __init__(self, folder, endpoint, bucket, region):
        subprocess.run([SCRIPT, "fetch", home()], check=True)
        self.port = free_port()
        environment = os.environ | {"TRINO_CATALOG": CATALOG, "AWS_REGION": region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        self.folder = folder
        self.process = Process(
            "trino", [SCRIPT, "run", home(), folder, str(self.port), endpoint, bucket], folder / "start.log", environment
        )
        self.base = f"http://127.0.0.1:{self.port}"
        until("trino answers", self._answers, 180)

    def _answers(self):
        log = self.folder / "trino.log"
        assert self.process.is_running(), log.read_text("utf-8", "replace")[-4000:] if log.exists() else "no log"
        try:
            return self.run(f"SELECT count(*) FROM {CATALOG}.information_schema.schemata")
        except (requests.RequestException, TrinoError):
            return None

    def start(self, text, schema=None):
        """Starts a statement in the session of a schema. Fails with TrinoError where it is refused at once."""
        session = requests.Session()
        headers = {"X-Trino-User": "athena", "X-Trino-Catalog": CATALOG, "X-Trino-Time-Zone": "UTC"}
        if schema:
            headers["X-Trino-Schema"] = schema
        answer = session.post(f"{self.base}/v1/statement", data=text.encode(), headers=headers, timeout=120)
        answer.raise_for_status()
        return Statement(session, answer.json())

    def run(self, text, schema=None):
        """Runs a statement to its end."""
        statement = self.start(text, schema)
        while statement.advance():
            pass
        return statement

    def stop(self):
        self.process.stop()
