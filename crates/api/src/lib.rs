//! The HTTP API of the lake as plain handlers: `http::Request<Bytes>` in, `http::Response<Bytes>` out, no server inside. The same
//! handlers run in the functions and in `serve`; an **edge** (a function's event, a server) verifies the **caller**, hands the
//! request over and sends the answer back.
//!
//! - the **door** takes accepted events in for good; it answers only after they are durable;
//! - the **reader** answers questions through an engine of the typed query;
//! - a **question** that takes longer than its caller waits goes on under a signed id;
//! - errors are RFC 9457 **problems**.

pub mod answer;
pub mod body;
pub mod caller;
pub mod claims;
pub mod cloudevent_headers;
pub mod context;
pub mod delivery;
pub mod directory;
pub mod door;
pub mod event_json;
pub mod handlers;
pub mod openapi;
pub mod parameters;
pub mod problem;
mod question;
pub mod recording;
pub mod room;
pub mod router;
pub mod state;

pub use answer::Counted;
pub use caller::{Caller, Identity};
pub use directory::Directory;
pub use door::{Door, DoorError};
pub use handlers::ingest::Ingest;
pub use handlers::status::{self, Vitals};
pub use problem::Problem;
pub use recording::Recorder;
pub use room::Room;
pub use router::Api;
pub use state::Reader;
