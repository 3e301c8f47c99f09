"""A proxy before the stand-in that holds a request of its caller's: so a function can be killed at one exact moment.

`before` holds the request back: the store has not seen it. `after` lets it through and holds the answer: the store has done it,
the function does not know.
"""

import http.client
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler

from runtime_api import QuietServer

# They speak of one connection, not of the request.
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


class HoldingProxy:
    """Forwards everything to `endpoint`; `hold` names the request to stop at."""

    def __init__(self, endpoint):
        self.target = urllib.parse.urlsplit(endpoint).netloc
        self.rule = None
        self.reached = threading.Event()
        self.released = threading.Event()
        self.seen = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.body()
                path = urllib.parse.unquote(self.path)
                proxy.seen.append((self.command, path))
                held = proxy.take(self.command, path)
                if held == "before":
                    return proxy.block(self)
                connection = http.client.HTTPConnection(proxy.target, timeout=120)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_CONNECTION}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                if held == "after":
                    proxy.block(self)
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in OF_THE_CONNECTION:
                        self.send_header(name, value)
                length = answer.getheader("content-length") if self.command == "HEAD" else str(len(data))
                self.send_header("content-length", length or "0")
                self.end_headers()
                self.wfile.write(data)
                connection.close()
                return None

            def body(self):
                if "chunked" not in self.headers.get("transfer-encoding", "").lower():
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                data = b""
                while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return data

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def hold(self, when, method, pattern):
        """Stops at the first request with this method in whose path (and query) the regular expression is found."""
        assert when in ("before", "after")
        self.rule = (when, method, re.compile(pattern))

    def take(self, method, path):
        if self.rule and self.rule[1] == method and self.rule[2].search(path):
            when, self.rule = self.rule[0], None
            return when
        return None

    def block(self, handler):
        """Says that the moment has come, and keeps its caller until `release`."""
        self.reached.set()
        self.released.wait(120)
        handler.close_connection = True

    def release(self):
        self.released.set()

    def stop(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()
