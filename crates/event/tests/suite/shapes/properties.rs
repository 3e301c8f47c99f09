//! Whatever the texts of a foreign event hold, they come back; whatever the bytes are, nothing panics.

use auditlake_event::input::Shape;
use auditlake_event::shapes::{ForeignShape, Outline};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{cloudevent, metadata, posted, read, retraced, text, with, workos};

fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,30}",
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just("\",\"event_time\":\"2026-03-01T00:00:00Z\",\"action\":\"forged".to_owned()),
        Just("},{\"crud\":\"c\"}]".to_owned()),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        free_text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(free_text(), inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_text_of_a_workos_event_comes_back(
        texts in prop::collection::vec(free_text(), 7),
        name in free_text(),
        value in any_json(),
        is_wrapped in any::<bool>(),
        is_enveloped in any::<bool>(),
    ) {
        let mut event = workos();
        for (pointer, text) in ["/action", "/actor/id", "/actor/name", "/context/user_agent"].iter().zip(&texts) {
            event = with(event, pointer, json!(text));
        }
        let targets = json!([{"id": texts[4], "name": texts[5], "type": texts[6], "metadata": {&name: &value}}]);
        event = with(with(event, "/targets", targets.clone()), "/metadata", json!({"k": value}));
        let event = if is_wrapped { json!({"organization_id": texts[0], "event": event}) } else { event };
        let event = if is_enveloped {
            cloudevent(&json!({"specversion": "1.0", "id": texts[1], "source": texts[2], "type": "t", "data": event}))
        } else {
            posted(&event)
        };
        prop_assert_eq!(event.action.as_ref(), texts[0].as_str());
        prop_assert_eq!([text(&event.actor_id), text(&event.actor_name), text(&event.user_agent)], [&texts[1], &texts[2], &texts[3]]);
        prop_assert_eq!([text(&event.resource_id), text(&event.resource_name), text(&event.resource_type)], [&texts[4], &texts[5], &texts[6]]);
        let kept = metadata(&event);
        prop_assert_eq!((&kept["targets"], &kept["k"]), (&targets, &value));
        prop_assert_eq!(kept.get("organization_id").cloned(), is_wrapped.then(|| json!(texts[0])));
        if is_enveloped {
            prop_assert_eq!((&kept["cloudevent"]["id"], &kept["cloudevent"]["source"]), (&json!(texts[1]), &json!(texts[2])));
        }
    }

    #[test]
    fn every_text_of_a_retraced_event_comes_back(
        texts in prop::collection::vec(free_text(), 8),
        fields in prop::collection::btree_map(free_text(), free_text(), 0..5),
        theirs in prop::collection::btree_map(free_text(), free_text(), 0..5),
        unknown in free_text(),
    ) {
        prop_assume!(!["crud", "metadata", unknown.as_str()].iter().any(|name| theirs.contains_key(*name)));
        let mut event = retraced();
        for (pointer, text) in ["/action", "/actor/id", "/actor/name", "/target/id", "/target/name", "/target/type", "/group/id", "/component"].iter().zip(&texts) {
            event = with(event, pointer, json!(text));
        }
        event["fields"] = json!(fields);
        event["metadata"] = json!(theirs);
        let unknown = format!("unknown {unknown}");
        event[&unknown] = json!(texts[0]);
        let event = posted(&event);
        let columns = [Some(&event.action), event.actor_id.as_ref(), event.actor_name.as_ref(), event.resource_id.as_ref(),
            event.resource_name.as_ref(), event.resource_type.as_ref(), event.scope_id.as_ref(), event.service_name.as_ref()];
        for (column, text) in columns.iter().zip(&texts) {
            prop_assert_eq!(column.map(|column| column.as_ref()), Some(text.as_str()));
        }
        let kept = metadata(&event);
        prop_assert_eq!(kept[&unknown].as_str(), Some(texts[0].as_str()));
        prop_assert_eq!(kept.get("fields").cloned(), Some(json!(fields)));
        for (name, value) in &theirs {
            prop_assert_eq!(kept[name].as_str(), Some(value.as_str()));
        }
    }

    #[test]
    fn nothing_panics_and_every_event_is_counted(
        value in any_json(),
        pointer in prop::sample::select(vec!["/actor", "/targets", "/context", "/metadata", "/action", "/occurred_at", "/group", "/target", "/id", "/organization_id", "/is_failure", "/external_id", "/idempotency_key", "/event", "/created"]),
        base in prop::sample::select(vec![workos(), retraced(), json!({"organization_id": "o", "event": workos()})]),
    ) {
        let event = with(base, pointer, value);
        let envelope = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": event});
        for (body, shape) in [(json!([event, event]), Shape::Json), (json!([envelope, event]), Shape::CloudEventBatch)] {
            let parsed = read(body.to_string().as_bytes(), shape, Some("acme")).unwrap();
            let mut refused: Vec<usize> = parsed.errors.iter().map(|error| error.index).collect();
            refused.dedup();
            prop_assert_eq!((parsed.count, parsed.events.len() + refused.len()), (2, 2));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,200}", cut in any::<prop::sample::Index>()) {
        let whole = json!({"event": workos(), "data": retraced(), "specversion": "1.0"}).to_string();
        let cut = cut.index(whole.len());
        for text in [String::from_utf8_lossy(&bytes).as_ref(), &json_like, &whole[..cut]] {
            let _outline = (Outline::of(text).shape(), Outline::of(text).list_at(), Outline::of(text).is_certain());
            for shape in [ForeignShape::CloudEvents, ForeignShape::WorkOs, ForeignShape::Retraced, ForeignShape::Exported] {
                if let Ok(converted) = shape.convert(text) {
                    prop_assert!(serde_json::from_str::<Value>(&converted.to_json()).is_ok());
                }
            }
            for shape in [Shape::Sniff, Shape::CloudEvent, Shape::CloudEventBatch] {
                let _parsed = read(text.as_bytes(), shape, Some("acme")).is_ok();
            }
        }
    }
}
