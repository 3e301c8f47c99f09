"""An issuer of access tokens on loopback: the discovery document, its keys (JWKS) and RS256 tokens signed with them."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

READ = "iam:tenant:iam:audit:read"
WRITE = "iam:tenant:iam:audit:write"
OPERATOR = "iam:operator:iam:audit:read"
AUDIENCE = "auditlake"


class Issuer:
    """Serves its public key and signs tokens. `forger` signs with a key that it does not publish, under the same key id."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.forgers_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                document = issuer.documents().get(self.path)
                body = json.dumps(document or {"error": "not found"}).encode()
                self.send_response(200 if document else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self):
        key = json.loads(RSAAlgorithm.to_jwk(self.key.public_key())) | {"kid": "one", "use": "sig", "alg": "RS256"}
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [key]},
        }

    def token(self, tenant="acme", permissions=(READ, WRITE), forged=False, **claims):
        """A token; `claims` replace or, with None, remove what it would claim."""
        now = int(time.time())
        payload = {
            "iss": self.url, "aud": AUDIENCE, "sub": "tester", "iat": now - 5, "exp": now + 3600,
            "tenant": tenant, "permissions": list(permissions),
        } | claims
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, self.forgers_key if forged else self.key, algorithm="RS256", headers={"kid": "one"})

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
