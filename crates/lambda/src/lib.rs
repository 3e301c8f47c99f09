//! The lake's functions: what AWS hands over in, the library's calls out. The binaries under `functions/` only wire.
//!
//! - an **edge** turns a trigger's payload into the library's own values ([`http_edge`], [`sqs`], [`queue`], [`notification`]);
//! - a **handler** does one function's work: [`ingest`], [`land`], [`import`], [`compact`], [`query`] (with [`asking`], its own settings);
//! - [`quarantine`] keeps what cannot be understood;
//! - [`environment`] reads the settings, [`clients`] makes the AWS clients, [`telemetry`] writes logs and metrics.
//!
//! Guarantees:
//! - nothing is acknowledged before it is durable: `ingest` answers after the queue or landing has the events, `land` and
//!   `import` report a message as done only after the landing writer's fence;
//! - what cannot be understood is put under `quarantine/` with its reason and blocks nothing; what may work later is reported as
//!   failed, so that the queue brings it again;
//! - no function deletes an object; logs and metrics never hold an event's content.

pub mod asking;
pub mod clients;
pub mod compact;
pub mod environment;
pub mod http_edge;
pub mod import;
pub mod ingest;
pub mod land;
pub mod notification;
pub mod quarantine;
pub mod query;
pub mod queue;
pub mod runtime;
pub mod sqs;
pub mod telemetry;
