"""Who is let in: the gateway refuses what is no valid token, the function refuses what the token does not allow."""

import time

import pytest

from issuer import OPERATOR, READ, WRITE
from lake import make_events

GATEWAYS_OWN = {
    "no token": lambda issuer: "",
    "no token at all": lambda issuer: "not.a.token",
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "not valid yet": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "of another issuer": lambda issuer: issuer.token(iss="https://login.example.com/"),
    "for another audience": lambda issuer: issuer.token(aud="somebody-else"),
    "signed by somebody else": lambda issuer: issuer.token(forged=True),
}


@pytest.mark.parametrize("wrong", GATEWAYS_OWN)
@pytest.mark.parametrize("call", [("POST", "/v1/events"), ("GET", "/v1/events"), ("GET", "/v1/events/x"), ("GET", "/v1/stats"), ("GET", "/v1/status"), ("GET", "/v1/queries/x"), ("DELETE", "/v1/queries/x")])
def test_the_gateway_refuses_what_is_no_valid_token(lake, issuer, wrong, call):
    answer = lake.call(*call, token=GATEWAYS_OWN[wrong](issuer))
    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthorized"}, "the gateway's own refusal, which reaches no function"


def is_refused(answer):
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json"), "our own refusal, from the function"
    return True


def test_writing_needs_its_permission(lake, organization):
    assert is_refused(lake.post(organization, make_events(1), permissions=[READ]))
    assert is_refused(lake.post(organization, make_events(1), permissions=[]))
    assert is_refused(lake.post(organization, make_events(1), permissions=[WRITE + "x"]))


def test_reading_needs_its_permission(lake, organization):
    for path in ("/v1/events", "/v1/events/x", "/v1/stats", "/v1/queries/x"):
        assert is_refused(lake.call("GET", path, organization, permissions=[WRITE]))


def test_a_tenant_asks_about_no_other(lake):
    for path in ("/v1/events", "/v1/events/x", "/v1/stats"):
        assert is_refused(lake.get("acme-tenant", path, organization="globex-tenant"))


def test_a_tenant_writes_for_no_other(lake, organization):
    answer = lake.post(organization, make_events(1, organization="globex-tenant"))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "organization"
    mixed = lake.post(organization, [*make_events(1, "own"), *make_events(1, "foreign", organization="globex-tenant")])
    assert mixed.status_code == 207
    lake.wait_until_landed(organization, ["own-0"])
    assert not lake.landed("globex-tenant")


@pytest.mark.parametrize("tenant", [None, "acme globex", ["acme"], ["acme", "globex"], "../acme", "ACME", ""])
def test_a_token_that_names_no_single_organization_opens_nothing(lake, issuer, tenant):
    token = issuer.token(tenant=tenant, permissions=[READ, WRITE])
    assert is_refused(lake.call("GET", "/v1/events", token=token))
    assert is_refused(lake.call("POST", "/v1/events", token=token, json=make_events(1), headers={"content-type": "application/json"}))


def test_an_operator_names_the_organization(lake, issuer, organization):
    token = issuer.token(tenant=None, permissions=[OPERATOR])
    named = lake.call("POST", "/v1/events", token=token, json=make_events(1, organization=organization))
    assert named.status_code == 202, named.text
    nameless = lake.call("POST", "/v1/events", token=token, json=make_events(1))
    assert nameless.status_code == 422
    lake.wait_until_landed(organization, ["e-0"])
    assert lake.call("GET", "/v1/events", token=token).status_code == 400


def test_there_is_nothing_at_other_paths(lake, organization):
    for method, path in (("GET", "/v1/nothing"), ("DELETE", "/v1/events"), ("PUT", "/v1/events/x")):
        assert lake.call(method, path, organization).status_code in (404, 405)
