"""The web console, served by the function `query` on the origin of the API: nobody needs a token for the page, everybody for the log."""

import re

from issuer import AUDIENCE

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "base-uri": "'none'",
    "form-action": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'",
}


def get(lake, path, encoding="identity"):
    return lake.call("GET", path, token="", headers={"accept-encoding": encoding})


def assets(page):
    return re.findall(r'"\.?(/assets/[^"]+)"', page)


def test_the_page_is_there_with_everything_it_loads(lake):
    page = get(lake, "/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), page.text
    assert page.headers["cache-control"] == "no-cache"
    found = assets(page.text)
    assert found, page.text
    for path in found:
        plain, compressed = get(lake, path), get(lake, path, "gzip")
        assert plain.status_code == compressed.status_code == 200, path
        assert plain.headers["content-type"].split(";")[0] in ("text/javascript", "text/css"), path
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        # requests inflates; a body that came through the gateway as base64 text would not.
        assert plain.content == compressed.content and "content-encoding" not in plain.headers, path
    assert any(get(lake, path, "gzip").headers.get("content-encoding") == "gzip" for path in found)
    icon = get(lake, "/favicon.svg")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    assert get(lake, "/assets/none.js").status_code == 404
    again = lake.call("GET", "/", token="", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_answer_is_guarded(lake):
    for path in ("/", "/console.json", "/favicon.svg", "/assets/none.js"):
        headers = get(lake, path).headers
        policy = dict(directive.strip().split(" ", 1) for directive in headers["content-security-policy"].split(";"))
        # Without a client nobody signs in, and the page speaks to no issuer.
        assert policy == POLICY | {"connect-src": "'self'"}, path
        assert headers["strict-transport-security"] == "max-age=31536000"
        for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
                            ("cross-origin-opener-policy", "same-origin")):
            assert headers[name] == value, (path, name)


def settings(lake):
    answer = get(lake, "/console.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return answer.json()


def test_the_page_is_told_how_to_sign_in(lake, issuer):
    plain = {"mode": "deployed", "organization": None, "organizations": [], "must_name_organization": False, "contact": None, "oidc": None}
    assert settings(lake) == plain | {"version": lake.get("acme", "/v1/status").json()["version"]}
    lake.stack.update(ConsoleClientId="console", ConsoleScope="openid lake", ConsoleContact="security@acme.example",
                      ConsoleConnectOrigins="https://tokens.example")
    try:
        told = settings(lake)
        assert told["contact"] == "security@acme.example"
        assert told["oidc"] == {"issuer": issuer.url, "client_id": "console", "scope": "openid lake", "audience": AUDIENCE}
        policy = get(lake, "/").headers["content-security-policy"]
        origin = "/".join(issuer.url.split("/")[:3])
        assert f"connect-src 'self' {origin} https://tokens.example;" in policy, policy
    finally:
        lake.stack.update(ConsoleClientId="", ConsoleScope="openid profile email", ConsoleContact="", ConsoleConnectOrigins="")


def test_the_log_still_needs_a_token(lake):
    for path in ("/v1/events", "/v1/stats", "/v1/status", "/v1/directory/actors"):
        assert get(lake, path).status_code == 401, path
    for path in ("/", "/console.json", "/favicon.svg"):
        assert lake.call("POST", path, token="").status_code in (404, 405), path


def test_without_the_console_there_is_no_page(lake):
    lake.stack.update(Console="false")
    try:
        for path in ("/", "/console.json", "/favicon.svg"):
            assert get(lake, path).status_code == 404, path
        assert lake.get("acme", "/v1/status").status_code == 200
    finally:
        lake.stack.update(Console="true")
    assert get(lake, "/").status_code == 200
