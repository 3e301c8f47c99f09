//! `import`: objects of other systems to landing.
//!
//! Which objects are whose is said by rules: the longest prefix that fits wins. An object is streamed in bounded memory, however
//! large; each record becomes an event or goes to quarantine. Delivered again, an object changes nothing.

mod rules;
mod stream;

use std::sync::Arc;

use auditlake_importer::{Imported, import_object};
use auditlake_sources::ImportContext;
use auditlake_store::s3::S3Store;
use auditlake_store::{ErrorKind, SharedStore};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use lambda_runtime::Error;
use serde::Serialize;
use serde_json::Value;

use crate::clients::LakeAccess;
use crate::environment::{Environment, InvalidEnvironment};
use crate::notification::{Created, created};
use crate::quarantine;
use crate::runtime::Invocation;
use crate::sqs::{self, Message};
use crate::telemetry::{Metrics, Unit};
pub use rules::{ImportRule, ImportRules};
pub use stream::ObjectStream;

/// The buckets that objects are read from.
pub trait Buckets: Send + Sync {
    /// A bucket.
    fn bucket(&self, name: &str) -> SharedStore;
}

impl Buckets for S3Store {
    fn bucket(&self, name: &str) -> SharedStore {
        Arc::new(self.sibling(name))
    }
}

/// The function.
pub struct ImportFunction {
    access: Arc<LakeAccess>,
    buckets: Arc<dyn Buckets>,
    rules: ImportRules,
    keep_raw: bool,
}

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ImportAnswer {
    /// To a queue: which messages must come again.
    Batch(SqsBatchResponse),
    /// To anybody else: how many objects were imported.
    Direct {
        /// The objects.
        objects: u64,
    },
}

/// Why an object was not imported.
enum Refusal {
    /// It never will be: the reason.
    Never(String),
    /// It may be later.
    Later(String),
}

#[derive(Default)]
struct Totals {
    objects: u64,
    records: u64,
    quarantined: u64,
    left_out: u64,
    failed: u64,
}

impl ImportFunction {
    /// A function with the settings of its environment.
    pub fn new(
        environment: &Environment,
        access: Arc<LakeAccess>,
        buckets: Arc<dyn Buckets>,
    ) -> Result<Self, InvalidEnvironment> {
        let rules = environment.parsed("AUDITLAKE_IMPORT_RULES", ImportRules::parse)?.unwrap_or_default();
        let keep_raw = environment.parsed_or("AUDITLAKE_KEEP_RAW", true, |text| text.parse::<bool>())?;
        Ok(Self { access, buckets, rules, keep_raw })
    }

    async fn import(&self, object: &Created) -> Result<Option<Imported>, Refusal> {
        let Some(rule) = self.rules.of(&object.bucket, &object.key) else {
            tracing::warn!(
                bucket = object.bucket,
                key = object.key,
                "no rule of AUDITLAKE_IMPORT_RULES is about this object"
            );
            return Ok(None);
        };
        let later = |error: &dyn std::fmt::Display| Refusal::Later(error.to_string());
        let writer = self.access.writer().await.map_err(|error| later(&error))?;
        let bucket = self.buckets.bucket(&object.bucket);
        let size = match bucket.head(&object.key).await {
            Ok(Some(meta)) => meta.size,
            Ok(None) => return Err(Refusal::Never("the object is gone".to_owned())),
            Err(error) if error.kind == ErrorKind::Denied => {
                return Err(Refusal::Later(format!("the object must not be read: {error}")));
            }
            Err(error) => return Err(later(&error)),
        };
        let region = rule.region.clone().unwrap_or_else(|| self.access.settings.region.clone());
        let mut context = ImportContext::new(region, rule.organization.clone(), self.access.clock.now());
        context.lead_ms = writer.lake().lead_ms;
        context.keep_raw = self.keep_raw;
        context.account_organizations.clone_from(&rule.accounts);
        let name = format!("s3://{}/{}", object.bucket, object.key);
        let stream = ObjectStream::new(bucket, object.key.clone(), size, tokio::runtime::Handle::current());
        let imported = import_object(stream, name, rule.source, context, &writer, Arc::clone(&self.access.store)).await;
        imported.map(Some).map_err(|error| later(&error))
    }

    /// Imports what a notification names. `Err` if it must come again.
    async fn notified(&self, id: &str, body: &str, totals: &mut Totals) -> Result<(), String> {
        let parsed = serde_json::from_str::<Value>(body).map_err(|error| format!("not JSON: {error}"));
        let objects = match parsed.and_then(|value| created(&value).map_err(|error| error.to_string())) {
            Ok(objects) => objects,
            Err(reason) => return self.set_aside(id, body, &reason, totals).await,
        };
        for object in objects {
            match self.import(&object).await {
                Ok(None) => totals.left_out += 1,
                Ok(Some(imported)) => {
                    let summary = imported.summary;
                    tracing::info!(
                        bucket = object.bucket,
                        key = object.key,
                        source = imported.source,
                        events = summary.events,
                        quarantined = summary.quarantined,
                        set_aside = summary.set_aside,
                        set_aside_by_kind = %summary.set_aside_by_kind,
                        bytes = summary.bytes,
                        objects = imported.landed.objects,
                        "imported"
                    );
                    totals.objects += 1;
                    totals.records += summary.events;
                    totals.quarantined += summary.quarantined;
                }
                Err(Refusal::Never(reason)) => {
                    // Once it is mended, the same notification can be brought back.
                    let about = crate::notification::of(&object).to_string();
                    self.set_aside(id, &about, &reason, totals).await?;
                }
                Err(Refusal::Later(reason)) => return Err(format!("s3://{}/{}: {reason}", object.bucket, object.key)),
            }
        }
        Ok(())
    }

    async fn set_aside(&self, id: &str, body: &str, reason: &str, totals: &mut Totals) -> Result<(), String> {
        quarantine::put(&self.access, "import", id, body, reason).await.map_err(|error| error.to_string())?;
        totals.quarantined += 1;
        Ok(())
    }

    /// Imports what a trigger names: a notification of S3 or EventBridge, or messages of a queue that hold them.
    pub async fn handle(
        &self,
        event: Value,
        invocation: Invocation,
        mut metrics: Metrics,
    ) -> (Result<ImportAnswer, Error>, Metrics) {
        let mut totals = Totals::default();
        let answer = match sqs::messages(&event) {
            Some(messages) => {
                let mut failures = Vec::new();
                for Message { id, body } in messages {
                    let is_late = self.access.clock.now() >= invocation.stop_at();
                    let notified = if is_late {
                        Err("the invocation's time is up".to_owned())
                    } else {
                        self.notified(id, body, &mut totals).await
                    };
                    if let Err(reason) = notified {
                        tracing::error!(message_id = id, reason, "message must come again");
                        failures.push(id.to_owned());
                    }
                }
                totals.failed = failures.len() as u64;
                Ok(ImportAnswer::Batch(sqs::failed(failures)))
            }
            None => match self.notified("direct", &event.to_string(), &mut totals).await {
                Ok(()) => Ok(ImportAnswer::Direct { objects: totals.objects }),
                // Lambda tries an asynchronous invocation again that failed.
                Err(reason) => Err(Error::from(reason)),
            },
        };
        metrics
            .put("ObjectsImported", Unit::Count, totals.objects)
            .put("RecordsImported", Unit::Count, totals.records)
            .put("RecordsQuarantined", Unit::Count, totals.quarantined)
            .put("ObjectsLeftOut", Unit::Count, totals.left_out)
            .put("MessagesFailed", Unit::Count, totals.failed);
        (answer, metrics)
    }
}
