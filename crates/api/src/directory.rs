//! The directory of actors: who an `actor_id` is. An organization states e-mail addresses and names of the ids that its events hold;
//! answers show them beside the event, and filters find by them.
//!
//! - What an event says is never changed: the directory's words stand in a member of their own, `actor_directory`.
//! - A filter by `actor`, `actor_email` or `q` is widened by the ids that the directory knows by the value; engines compare ids.
//! - The directory of an organization is one object of JSON lines, `directory/organization=org-<organization>/actors.ndjson`,
//!   which analysts read as the table `actors`. The last upload wins; each is recorded as an event.

mod handlers;
mod upload;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use auditlake_event::Organization;
use auditlake_query::{Field, Query, fold};
use auditlake_store::{ErrorKind, SharedStore, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

pub(crate) use handlers::{list_actors, replace_actors};
pub use upload::MAX_ACTORS;

/// Prefix of all directories.
pub const DIRECTORY: &str = "directory/";
/// Most ids that one filter is widened by; a value that is known of more actors must be narrowed.
const MAX_IDS: usize = 500;
/// Most organizations whose directory is kept in memory.
const MAX_CACHED: usize = 32;

/// What the directory says of one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The readable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One line of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The id, as in the column `actor_id`.
    pub actor_id: String,
    /// Who it is.
    #[serde(flatten)]
    pub actor: Actor,
}

/// The actors of one organization, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actors(BTreeMap<String, Actor>);

impl Actors {
    /// The actor of an id.
    pub fn get(&self, actor_id: &str) -> Option<&Actor> {
        self.0.get(actor_id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those after an id, in the order of ids.
    pub fn after<'a>(&'a self, actor_id: Option<&str>) -> impl Iterator<Item = (&'a str, &'a Actor)> {
        use std::ops::Bound;
        let start = actor_id.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.range::<str, _>((start, Bound::Unbounded)).map(|(id, actor)| (id.as_str(), actor))
    }

    fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (actor_id, actor) in &self.0 {
            let entry = Entry { actor_id: actor_id.clone(), actor: actor.clone() };
            // An entry of texts can always be written.
            lines.extend(serde_json::to_vec(&entry).unwrap_or_default());
            lines.push(b'\n');
        }
        lines
    }

    fn of_lines(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines.map(serde_json::from_slice::<Entry>);
        entries.map(|entry| entry.map(|entry| (entry.actor_id, entry.actor))).collect::<Result<_, _>>().map(Self)
    }

    /// The ids that a field's value may also mean, as [`Field`] compares the columns.
    fn ids_known_by(&self, field: Field, value: &str) -> Vec<String> {
        let folded = fold::fold(value);
        let contains = |text: &Option<String>| text.as_ref().is_some_and(|text| fold::fold(text).contains(&*folded));
        let is = |text: &Option<String>| text.as_ref().is_some_and(|text| fold::equal(text, value));
        let is_known = |actor: &Actor| match field {
            Field::Actor if fold::is_address(value) => is(&actor.name) || is(&actor.email),
            Field::Actor => actor.name.as_deref() == Some(value) || actor.email.as_deref() == Some(value),
            Field::ActorEmail => is(&actor.email),
            Field::Text => contains(&actor.email) || contains(&actor.name),
            _ => false,
        };
        self.0.iter().filter(|(_, actor)| is_known(actor)).map(|(id, _)| id.clone()).collect()
    }

    /// The same question, also asking for the ids that the directory knows by the values. Fails with 422 if they are too many.
    pub(crate) fn widen(&self, query: &Query) -> Result<Query, Problem> {
        let mut widened = query.clone();
        for condition in &mut widened.conditions {
            if !matches!(condition.field, Field::Actor | Field::ActorEmail | Field::Text) {
                continue;
            }
            let mut ids: Vec<String> =
                condition.values.iter().flat_map(|value| self.ids_known_by(condition.field, value)).collect();
            ids.sort_unstable();
            ids.dedup();
            if ids.len() > MAX_IDS {
                let detail = format!(
                    "the directory knows {} actors by these words, a question may be about {MAX_IDS}: say more of whom you mean",
                    ids.len()
                );
                return Err(Problem::query_too_large(detail));
            }
            condition.actor_ids = ids;
        }
        Ok(widened)
    }
}

/// The directories of all organizations, read from storage and kept as long as they are unchanged.
#[derive(Clone)]
pub struct Directory {
    store: SharedStore,
    kept: Arc<Mutex<HashMap<Organization, Kept>>>,
}

/// A directory in memory, and the entity tag of the object it was read from.
type Kept = (String, Arc<Actors>);

impl Directory {
    /// The directories in a store.
    pub fn new(store: SharedStore) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// Where the directory of an organization lies.
    pub fn key(organization: &Organization) -> String {
        format!("{DIRECTORY}organization=org-{organization}/actors.ndjson")
    }

    fn kept(&self, organization: &Organization, etag: &str) -> Option<Arc<Actors>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(organization).filter(|(known, _)| known == etag).map(|(_, actors)| Arc::clone(actors))
    }

    fn keep(&self, organization: &Organization, etag: String, actors: &Arc<Actors>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_CACHED && !kept.contains_key(organization) {
            kept.clear();
        }
        kept.insert(organization.clone(), (etag, Arc::clone(actors)));
    }

    /// The actors of an organization as of now; none if nobody uploaded any. One small request where they are kept.
    pub async fn actors(&self, organization: &Organization) -> Result<Arc<Actors>, StoreError> {
        let key = Self::key(organization);
        let Some(meta) = self.store.head(&key).await? else { return Ok(Arc::default()) };
        if let Some(actors) = self.kept(organization, &meta.etag) {
            return Ok(actors);
        }
        let object = match self.store.get(&key).await {
            Ok(object) => object,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(error),
        };
        let actors = Actors::of_lines(&object.bytes)
            .map_err(|error| StoreError::new(ErrorKind::Invalid, "get", &key, format!("no directory: {error}")))?;
        let actors = Arc::new(actors);
        self.keep(organization, object.etag, &actors);
        Ok(actors)
    }

    /// Puts these actors in the place of those that were there.
    pub async fn replace(&self, organization: &Organization, actors: &Actors) -> Result<(), StoreError> {
        self.store.replace(&Self::key(organization), Bytes::from(actors.to_lines())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditlake_query::Condition;
    use auditlake_store::memory::MemoryStore;

    fn actors() -> Actors {
        let actor = |email: &str, name: &str| Actor { email: Some(email.to_owned()), name: Some(name.to_owned()) };
        Actors(BTreeMap::from([
            ("00u1".to_owned(), actor("Ada@acme.example", "Ada Lovelace")),
            ("00u2".to_owned(), actor("bob@acme.example", "Bob")),
            ("00u3".to_owned(), Actor { email: None, name: Some("Ada Lovelace".to_owned()) }),
        ]))
    }

    fn widened(field: Field, negated: bool, values: &[&str]) -> Vec<String> {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let mut query = Query::all(Organization::parse("acme").unwrap());
        query.conditions.push(Condition { negated, ..Condition::any_of(field, values) });
        actors().widen(&query).unwrap().conditions.remove(0).actor_ids
    }

    #[test]
    fn filters_find_by_what_the_directory_knows_as_they_compare_columns() {
        for (field, values, ids) in [
            (Field::ActorEmail, &["ADA@acme.example"][..], &["00u1"][..]),
            (Field::ActorEmail, &["ada"], &[]),
            (Field::Actor, &["Ada Lovelace"], &["00u1", "00u3"]),
            (Field::Actor, &["ada lovelace"], &[]),
            (Field::Actor, &["bob@acme.example", "Bob"], &["00u2"]),
            (Field::Actor, &["ada@ACME.example"], &["00u1"]),
            (Field::Actor, &["BOB@acme.example", "Ada Lovelace"], &["00u1", "00u2", "00u3"]),
            (Field::Text, &["ACME"], &["00u1", "00u2"]),
            (Field::Text, &["lovel"], &["00u1", "00u3"]),
            (Field::ResourceId, &["Bob"], &[]),
        ] {
            assert_eq!(widened(field, false, values), ids, "{field:?} {values:?}");
            assert_eq!(widened(field, true, values), ids, "whom one excludes, one excludes by any name");
        }
    }

    #[test]
    fn a_word_that_fits_too_many_is_refused_rather_than_cut() {
        let actor = Actor { email: None, name: Some("same".to_owned()) };
        let many = Actors((0..=MAX_IDS).map(|number| (number.to_string(), actor.clone())).collect());
        let mut query = Query::all(Organization::parse("acme").unwrap());
        query.conditions.push(Condition::any_of(Field::Text, vec!["same".to_owned()]));
        assert_eq!(many.widen(&query).unwrap_err().status, 422);
    }

    #[tokio::test]
    async fn a_directory_is_read_anew_when_it_changes_and_only_then() {
        let (store, acme) = (MemoryStore::new(), Organization::parse("acme").unwrap());
        let directory = Directory::new(Arc::new(store.clone()));
        assert!(directory.actors(&acme).await.unwrap().is_empty());
        directory.replace(&acme, &actors()).await.unwrap();
        let first = directory.actors(&acme).await.unwrap();
        assert_eq!(*first, actors());
        assert!(Arc::ptr_eq(&first, &directory.actors(&acme).await.unwrap()));
        directory.replace(&acme, &Actors::default()).await.unwrap();
        assert!(directory.actors(&acme).await.unwrap().is_empty());
        assert!(directory.actors(&Organization::parse("acme-eu").unwrap()).await.unwrap().is_empty());
        let lines = String::from_utf8(actors().to_lines()).unwrap();
        assert!(
            lines.starts_with("{\"actor_id\":\"00u1\",\"email\":\"Ada@acme.example\",\"name\":\"Ada Lovelace\"}\n"),
            "{lines}"
        );
    }
}
