"""What schemathesis needs to send bodies of media types that it does not know, and what counts as a failure of the server."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    """A text as it stands; anything else as one line of JSON a value."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    values = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(each) for each in values).encode()


@schemathesis.check
def no_server_error(_context, response, _case):
    """No status from 500 on, except 503 with `Retry-After`: the server is busy, for example with as many exports as it runs at once."""
    is_busy = response.status_code == 503 and "retry-after" in response.headers
    assert response.status_code < 500 or is_busy, f"{response.status_code}: {response.text[:500]}"
