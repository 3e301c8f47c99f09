"""Lambda's Runtime API for one process: runs a release `bootstrap` as Lambda does, without Lambda.

The process asks for its next event with a long poll and posts the answer. Between two events it stays, so that warm
invocations are tried too; `kill` ends it in the middle of one.
"""

import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/2018-06-01/runtime/"
PAGE = os.sysconf("SC_PAGE_SIZE")
DEFAULT_TIMEOUT_SECONDS = 30


class FunctionError(Exception):
    """The function reported an error: what Lambda would count, retry and, in the end, give to a dead-letter queue."""


class Died(FunctionError):
    """The process ended before it answered."""


class QuietServer(ThreadingHTTPServer):
    """A server to which a killed process is no news."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def memory_of(process_id):
    """Resident memory of a process in bytes: all of it, and the part that is its own."""
    fields = pathlib.Path(f"/proc/{process_id}/statm").read_text().split()
    resident, shared = int(fields[1]) * PAGE, int(fields[2]) * PAGE
    return resident, resident - shared


class Runtime:
    """A running function. `environment` is added to the least that Lambda gives; nothing else of ours reaches the process."""

    def __init__(self, bootstrap, environment=None, name="function", timeout=DEFAULT_TIMEOUT_SECONDS, memory_mb=1024):
        self.timeout = timeout
        self.name = name
        self.events = queue.Queue()
        self.answers = {}
        self.spawned = threading.Event()
        self.first_poll = threading.Event()
        self.first_poll_at = None
        self.memory_at_first_poll = None
        self.process = None
        self.init_error = None
        self.server = self.make_server()
        self.log = tempfile.TemporaryFile()
        given = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb), "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local", "AWS_LAMBDA_LOG_FORMAT": "JSON", "_HANDLER": "bootstrap",
            "LAMBDA_TASK_ROOT": str(pathlib.Path(bootstrap).resolve().parent), "PATH": os.environ.get("PATH", ""), "TZ": ":UTC", "LANG": "en_US.UTF-8",
        }
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(
            [bootstrap], env=given | (environment or {}), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        self.spawned.set()

    def make_server(self):
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Small answers go out at once.
            disable_nagle_algorithm = True

            def do_GET(self):
                if self.path != PREFIX + "invocation/next":
                    return self.answer(404)
                if runtime.first_poll_at is None:
                    runtime.first_poll_at = time.perf_counter()
                    runtime.spawned.wait()
                    runtime.memory_at_first_poll = memory_of(runtime.process.pid)
                    runtime.first_poll.set()
                taken = runtime.events.get()
                if taken is None:
                    self.close_connection = True
                    return None
                request_id, event = taken
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + runtime.timeout) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:eu-west-1:000000000000:function:{runtime.name}",
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
                }
                return self.answer(200, event, headers)

            def do_POST(self):
                body = self.body()
                parts = self.path.removeprefix(PREFIX).split("/")
                if parts == ["init", "error"]:
                    runtime.init_error = body.decode("utf-8", "replace")
                    runtime.first_poll.set()
                elif len(parts) == 3 and parts[0] == "invocation" and parts[1] in runtime.answers:
                    failed = parts[2] == "error" or self.headers.get("Lambda-Runtime-Function-Error-Type")
                    runtime.answers[parts[1]].put((failed, body))
                else:
                    return self.answer(404)
                return self.answer(202)

            def body(self):
                if "chunked" not in self.headers.get("transfer-encoding", "").lower():
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                data = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return data

            def answer(self, status, body=b"", headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until_ready(self, seconds=30):
        """Waits for the first poll; the seconds from the start of the process to it."""
        deadline = time.monotonic() + seconds
        while not self.first_poll.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Died(f"{self.name} did not ask for an event (exit {self.process.poll()}): {self.printed()}")
        if self.init_error:
            raise FunctionError(self.init_error)
        return self.first_poll_at - self.started_at

    def begin(self, event):
        """Gives the process an event (a value, or bytes as they are); `finish` waits for its answer."""
        request_id = str(uuid.uuid4())
        self.answers[request_id] = queue.Queue()
        self.events.put((request_id, event if isinstance(event, bytes) else json.dumps(event).encode()))
        return request_id

    def finish(self, request_id, seconds=None):
        """The answer to an event. Fails with FunctionError where the function does, with Died where the process ended."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while True:
            try:
                failed, body = self.answers[request_id].get(timeout=0.05)
                break
            except queue.Empty:
                if self.init_error:
                    raise FunctionError(self.init_error) from None
                if self.process.poll() is not None:
                    raise Died(f"{self.name} ended ({self.process.returncode}): {self.printed()}") from None
                if time.monotonic() > deadline:
                    self.kill()
                    raise Died(f"{self.name} timed out: {self.printed()}") from None
        del self.answers[request_id]
        if failed:
            raise FunctionError(body.decode("utf-8", "replace"))
        return json.loads(body) if body else None

    def invoke(self, event, seconds=None):
        return self.finish(self.begin(event), seconds)

    def printed(self):
        """What the process wrote to its log."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def kill(self):
        """As a crash does: at once, with no chance to finish anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()
