//! Bearer tokens in `serve`: which are let in, by an issuer of the test's own; and what a served lake answers with them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

mod issuer;
mod served;

use auditlake_api::claims::{ClaimNames, READ};
use auditlake_api::{Caller, Problem};
use auditlake_embedded::tokens::{TokenCheck, TokenSettings};
use auditlake_event::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use issuer::{Issuer, Key, base64url, from_base64url, rfc7515};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use sha2::Sha256;

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

fn seconds(time: Timestamp) -> i64 {
    time.millis() / 1_000
}

fn check(issuer: &Issuer) -> TokenCheck {
    let names = ClaimNames { operator: Some("operate".to_owned()), ..ClaimNames::default() };
    TokenCheck::new(TokenSettings {
        issuer: issuer.url.clone(),
        audiences: vec!["lake".to_owned(), "console".to_owned()],
        names,
    })
    .unwrap()
}

/// Claims that are let in.
fn claims(issuer: &Issuer) -> Value {
    json!({
        "iss": issuer.url, "aud": "lake", "sub": "u1", "exp": seconds(now()) + 300, "iat": seconds(now()), "nbf": seconds(now()),
        "tenant": "acme", "permissions": [READ],
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

async fn caller(check: &TokenCheck, token: &str, now: Timestamp) -> Result<Caller, Problem> {
    check.caller(&bearer(token), now).await
}

async fn status(check: &TokenCheck, token: &str, now: Timestamp) -> u16 {
    caller(check, token, now).await.map_or_else(|problem| problem.status.as_u16(), |_| 200)
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_let_in_as_its_tenant() {
    let keys = [Key::rsa("a"), Key::ec("b"), Key::ed("c")];
    let issuer = Issuer::start(&keys.iter().collect::<Vec<_>>());
    let check = check(&issuer);
    for key in &keys {
        let caller = caller(&check, &key.sign(&claims(&issuer)), now()).await.unwrap();
        assert_eq!(caller.bound_to().unwrap().as_str(), "acme", "{}", key.algorithm());
        assert!(caller.organization_to_read(None).is_ok() && caller.check_write().is_err());
        assert_eq!(caller.identity().id.as_deref(), Some("u1"));
    }
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test]
async fn signatures_that_others_have_published_verify() {
    // Whatever it is for, making a check installs what verifies.
    drop(check(&Issuer::start(&[])));
    let joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let examples = [
        // RFC 7515, appendix A.2.
        (
            Algorithm::RS256,
            json!({"kty": "RSA", "n": rfc7515::N, "e": rfc7515::E}),
            format!("eyJhbGciOiJSUzI1NiJ9.{joe}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        // RFC 7515, appendix A.3.
        (
            Algorithm::ES256,
            json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            format!("eyJhbGciOiJFUzI1NiJ9.{joe}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        // RFC 8037, appendix A.4.
        (
            Algorithm::EdDSA,
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (algorithm, jwk, message, signature) in examples {
        let key = DecodingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap();
        assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap(), "{algorithm:?}");
        let other = message.replace('J', "K");
        assert!(!jsonwebtoken::crypto::verify(signature, other.as_bytes(), &key, algorithm).unwrap(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn claims_that_are_wrong_or_missing_are_refused_401() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]);
    let check = check(&issuer);
    let good = || claims(&issuer);
    let soon = seconds(now()) + 61;
    for (what, claims) in [
        ("has expired", with(good(), "exp", json!(seconds(now())))),
        ("expires, says a text", with(good(), "exp", json!((seconds(now()) + 300).to_string()))),
        ("never expires", without(good(), "exp")),
        ("is not valid yet", with(good(), "nbf", json!(soon))),
        ("is valid since a text", with(good(), "nbf", json!("0"))),
        ("was made in the future", with(good(), "iat", json!(soon))),
        ("is for another audience", with(good(), "aud", json!("other"))),
        ("is for other audiences", with(good(), "aud", json!(["other", "LAKE"]))),
        (
            "names us as client only beside another audience",
            with(with(good(), "aud", json!("other")), "client_id", json!("lake")),
        ),
        ("is for nobody", without(good(), "aud")),
        ("is of another issuer", with(good(), "iss", json!("https://id.example"))),
        ("is of nearly our issuer", with(good(), "iss", json!(format!("{}/", issuer.url)))),
        ("is of no issuer", without(good(), "iss")),
    ] {
        let problem = caller(&check, &key.sign(&claims), now()).await.expect_err(what);
        let response = problem.into_response("r");
        assert_eq!(response.status(), 401, "a token that {what}");
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
    }
    for (what, claims) in [
        ("one of several audiences", with(good(), "aud", json!(["other", "console"]))),
        ("a client id in the place of an audience", with(without(good(), "aud"), "client_id", json!("console"))),
        ("a clock that is a little ahead", with(good(), "nbf", json!(soon - 1))),
        ("no times but the end", without(without(good(), "nbf"), "iat")),
    ] {
        assert!(caller(&check, &key.sign(&claims), now()).await.is_ok(), "{what}");
    }
    // Let in, but for no tenant: the gateway's authorizer would not mind either.
    assert_eq!(status(&check, &key.sign(&without(good(), "tenant")), now()).await, 403);
    assert_eq!(status(&check, &key.sign(&with(good(), "tenant", json!("acme globex"))), now()).await, 403);
}

#[tokio::test]
async fn tokens_that_the_issuer_has_not_signed_are_refused_401() {
    let (rsa, ec) = (Key::rsa("rsa"), Key::ec("ec"));
    let issuer = Issuer::start(&[&rsa, &ec]);
    let check = check(&issuer);
    let good = claims(&issuer);
    let valid = rsa.sign(&good);
    let [header, payload, signature]: [&str; 3] = valid.split('.').collect::<Vec<_>>().try_into().unwrap();
    let encoded = |value: &Value| base64url(value.to_string().as_bytes());
    let other_tenant = encoded(&with(good.clone(), "tenant", json!("globex")));

    // What is public of the RSA key, taken for a secret: as modulus, as text, as published.
    let hs256 = |secret: &[u8]| {
        let message = format!("{}.{payload}", encoded(&json!({"typ": "JWT", "alg": "HS256", "kid": "rsa"})));
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(message.as_bytes()).finalize().into_bytes();
        format!("{message}.{}", base64url(&mac))
    };
    let none = |name: &str| format!("{}.{payload}.", encoded(&json!({"typ": "JWT", "alg": name, "kid": "rsa"})));
    let rsa_header = |more: Value| {
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header
    };
    for (what, token) in [
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg none with a signature", format!("{}{signature}", none("none"))),
        ("HS256 by the modulus", hs256(&from_base64url(rfc7515::N))),
        ("HS256 by the modulus as text", hs256(rfc7515::N.as_bytes())),
        ("HS256 by the published key", hs256(rsa.jwk().to_string().as_bytes())),
        ("another payload", format!("{header}.{other_tenant}.{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        ("a short signature", format!("{header}.{payload}.{}", &signature[..40])),
        ("the other key's signature", ec.sign_with(&rsa_header(json!({})), &good)),
        ("an algorithm that is not its key's", rsa.sign_with(&json!({"alg": "RS256", "kid": "ec"}), &good)),
        ("RS384", rsa.sign_with(&rsa_header(json!({"alg": "RS384"})), &good)),
        ("a stranger's key of the same id", Key::ec("ec").sign(&good)),
        (
            "a key that it brings along",
            Key::ec("x").sign_with(&json!({"alg": "ES256", "kid": "ec", "jwk": Key::ec("x").jwk()}), &good),
        ),
        ("no key id", rsa.sign_with(&json!({"alg": "RS256"}), &good)),
        ("an unknown key id", rsa.sign_with(&rsa_header(json!({"kid": "nobody"})), &good)),
        ("a critical extension", rsa.sign_with(&rsa_header(json!({"crit": ["b64"], "b64": true})), &good)),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{valid}.{signature}")),
        ("no JWT", "opaque".to_owned()),
        ("nothing", String::new()),
    ] {
        assert_eq!(status(&check, &token, now()).await, 401, "{what}");
    }
    assert_eq!(status(&check, &valid, now()).await, 200);
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_refused_401_without_asking_the_issuer() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]);
    let check = check(&issuer);
    let token = key.sign(&claims(&issuer));
    let values = |values: &[String]| {
        let pairs = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    };
    let twice = format!("Bearer {token}");
    for headers in [
        values(&[]),
        values(std::slice::from_ref(&token)),
        values(&[format!("Basic {token}")]),
        values(&["Bearer".to_owned()]),
        values(&[twice.clone(), twice.clone()]),
    ] {
        let response = check.caller(&headers, now()).await.expect_err("no token").into_response("r");
        assert_eq!(
            (response.status().as_u16(), &response.headers()[WWW_AUTHENTICATE]),
            (401, &HeaderValue::from_static("Bearer"))
        );
    }
    assert_eq!(issuer.key_fetches(), 0);
    assert!(check.caller(&values(&[format!("bearer {token}")]), now()).await.is_ok(), "the scheme has no case");
}

#[tokio::test]
async fn a_key_that_is_new_is_found_within_a_minute_and_one_that_is_gone_within_an_hour() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let issuer = Issuer::start(&[&old]);
    let check = check(&issuer);
    let long = with(claims(&issuer), "exp", json!(seconds(now()) + 100_000));
    let (by_old, by_new) = (old.sign(&long), new.sign(&long));
    assert_eq!((status(&check, &by_old, now()).await, status(&check, &by_new, now()).await), (200, 401));
    issuer.publish(&[&new]);
    assert_eq!(status(&check, &by_new, now().plus_millis(59_999)).await, 401);
    assert_eq!(issuer.key_fetches(), 1, "an unknown key asks once a minute at most");
    assert_eq!(status(&check, &by_new, now().plus_millis(60_000)).await, 200);
    assert_eq!(status(&check, &by_old, now().plus_millis(60_001)).await, 401);
    assert_eq!(issuer.key_fetches(), 2);
    // Nobody names an unknown key, and still what the issuer has withdrawn ends.
    issuer.publish(&[&old]);
    assert_eq!(status(&check, &by_new, now().plus_millis(3_600_000)).await, 200);
    assert_eq!(status(&check, &by_new, now().plus_millis(60_000 + 3_600_000)).await, 401);
    assert_eq!(issuer.key_fetches(), 3);
}

#[tokio::test]
async fn while_the_issuer_is_away_its_known_keys_are_good_for_a_day() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]);
    issuer.go_away();
    let check = check(&issuer);
    let token = key.sign(&with(claims(&issuer), "exp", json!(seconds(now()) + 1_000_000)));
    assert_eq!(status(&check, &token, now()).await, 503);
    issuer.publish(&[&key]);
    assert_eq!(status(&check, &token, now().plus_millis(60_000)).await, 200);
    issuer.go_away();
    assert_eq!(status(&check, &token, now().plus_millis(23 * 3_600_000)).await, 200);
    assert_eq!(status(&check, &token, now().plus_millis(25 * 3_600_000)).await, 503);
}

#[tokio::test]
async fn only_keys_that_sign_by_their_own_algorithm_are_used() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[]);
    let token = key.sign(&claims(&issuer));
    for (published, expected) in [
        (key.jwk(), 200),
        (without(without(key.jwk(), "use"), "alg"), 200),
        (with(key.jwk(), "use", json!("enc")), 401),
        (with(key.jwk(), "alg", json!("ES384")), 401),
        (with(key.jwk(), "alg", json!("ECDH-ES")), 401),
        (with(key.jwk(), "crv", json!("P-384")), 401),
        (json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}), 401),
    ] {
        // A set may hold what nobody here knows.
        issuer.publish_jwks(&[json!({"kty": "new", "kid": "a"}), json!(7), published.clone()]);
        assert_eq!(status(&check(&issuer), &token, now()).await, expected, "{published}");
    }
}

#[tokio::test]
async fn an_issuer_is_reached_by_tls_or_on_loopback() {
    let settings =
        |issuer: &str| TokenSettings { issuer: issuer.to_owned(), audiences: Vec::new(), names: ClaimNames::default() };
    for good in ["https://id.example/realms/a", "http://127.0.0.1:9000", "http://localhost:9000/x"] {
        assert!(TokenCheck::new(settings(good)).is_ok(), "{good}");
    }
    for bad in ["http://id.example", "ftp://id.example", "id.example", ""] {
        assert!(TokenCheck::new(settings(bad)).is_err(), "{bad}");
    }
}
