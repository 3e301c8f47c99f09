//! The client against a served lake.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

use auditlake_client::{Change, Client, Error, NewEvent, Question};
use auditlake_embedded::serve::{self, Serving, Settings};
use auditlake_event::{Organization, Region};
use serde_json::json;

struct Served {
    serving: Serving,
    client: Client,
    _data: tempfile::TempDir,
}

async fn served() -> Served {
    let data = tempfile::tempdir().unwrap();
    let acme = Organization::parse("acme").unwrap();
    let settings = Settings::on_free_ports(data.path().to_owned(), acme, Region::parse("eu-west-1").unwrap());
    let serving = serve::start(settings).await.unwrap();
    let client = Client::new(format!("http://{}/", serving.api_address), None);
    Served { serving, client, _data: data }
}

fn event(number: usize) -> NewEvent {
    NewEvent {
        action: if number.is_multiple_of(3) { "role_assign" } else { "login" }.to_owned(),
        event_time: format!("2026-03-01T12:00:{:02}Z", number % 60),
        event_id: Some(format!("e-{number:03}")),
        outcome: Some("success".to_owned()),
        actor_id: Some("u & ü=1".to_owned()),
        changes: vec![Change { field: "role".to_owned(), before: None, after: Some(json!("admin")) }],
        more: [("ticket".to_owned(), json!(7))].into(),
        ..NewEvent::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_posted_is_answered_page_after_page() {
    let Served { serving, client, _data } = served().await;
    let asked = tokio::task::spawn_blocking(move || {
        let events: Vec<NewEvent> = (0..50).map(event).collect();
        let receipts = client.post(&events).unwrap();
        assert_eq!((receipts.accepted, receipts.refused, receipts.receipts[49].event_id.as_str()), (50, 0, "e-049"));

        let question = Question::new().from("2026-03-01").to("2026-03-02").any_of("actor", ["u & ü=1"]).page_size(7);
        let found: Vec<String> = client.events(&question).map(|event| event.unwrap().event_id).collect();
        let newest_first: Vec<String> = (0..50).rev().map(|number| format!("e-{number:03}")).collect();
        assert_eq!(found, newest_first);

        let assigned = Question::new().from("2026-03-01").none_of("action", ["login"]);
        let first = client.events(&assigned).next().unwrap().unwrap();
        let full = client.event(first.link.as_deref().unwrap()).unwrap();
        assert_eq!((full.action.as_str(), full.changes[0].after.clone()), ("role_assign", Some(json!("admin"))));
        assert_eq!(full.metadata, Some(json!({"ticket": 7})));

        let counts = client.count_by(&Question::new().from("2026-03-01"), "action").unwrap();
        let counted: Vec<_> = counts.counts.iter().map(|count| (count.value.as_deref().unwrap(), count.count)).collect();
        assert_eq!(counted, [("login", 33), ("role_assign", 17)]);
        let hours = client.count_over_time(&Question::new().from("2026-03-01"), "hour").unwrap();
        assert_eq!((hours.counts[0].time.as_deref(), hours.counts[0].count), (Some("2026-03-01T12:00:00.000Z"), 50));
        assert!(client.status().unwrap().lag_seconds < 3_601 + 300);
    });
    asked.await.unwrap();
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_says_what_and_whether_to_try_again() {
    let Served { serving, client, _data } = served().await;
    let asked = tokio::task::spawn_blocking(move || {
        let bad = NewEvent { event_time: "yesterday".to_owned(), ..event(1) };
        let receipts = client.post(&[event(0), bad.clone()]).unwrap();
        assert_eq!((receipts.accepted, receipts.refused), (1, 1));
        assert_eq!((receipts.errors[0].index, receipts.errors[0].field.as_str()), (Some(1), "event_time"));
        let Error::Problem(problem) = client.post(&[bad]).unwrap_err() else { panic!("a problem") };
        assert_eq!((problem.status, problem.r#type.as_str()), (422, "urn:auditlake:problem:invalid-event"));
        let misspelt = NewEvent { outcome: None, more: [("outcom".to_owned(), json!("denied"))].into(), ..event(2) };
        let Error::Problem(problem) = client.post(std::slice::from_ref(&misspelt)).unwrap_err() else { panic!("a problem") };
        assert_eq!(problem.errors[0].field, "outcom");
        assert_eq!(client.clone().keeping_unknown_members().post(&[misspelt]).unwrap().accepted, 1);
        let refused = client.page(&Question::new().any_of("colour", ["red"]), None).unwrap_err();
        assert!(!refused.may_retry() && refused.to_string().contains("colour"), "{refused}");
        let nobody = Client::new("http://127.0.0.1:9", None).status().unwrap_err();
        assert!(matches!(nobody, Error::Transport(_)) && nobody.may_retry());
    });
    asked.await.unwrap();
    serving.stop().await;
}
