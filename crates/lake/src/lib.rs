//! The heart of the lake: where objects lie, how events land, how a period is sealed, what proves it.
//!
//! Vocabulary:
//!
//! - **landing** is the private zone of small, short-lived objects in which organizations are mixed;
//! - a landing object's **arrival** is the moment its writer fixed its name;
//! - a **seal period** is the span that is sealed at once, **seal time** the start of the period a row is sealed with;
//! - to **seal** is to copy everything that belongs to one period from landing into the **archive**, write-once;
//! - **sealed until** is the start of the first period that is not sealed yet;
//! - a **digest** states what one seal added to an organization's archive, a **seal record** what one seal did.

pub mod archive;
pub mod checksums;
pub mod clock;
pub mod damage;
pub mod format;
pub mod hash;
mod json_line;
pub mod lake_file;
pub mod landing;
pub mod layout;
pub mod length;
pub mod opening;
mod page_crc;
pub mod period;
pub mod piece;
mod row_key;
pub mod seal;
pub mod status;

pub use format::Codec;
pub use lake_file::{DEFAULT_SLACK_MS, Lake};
pub use period::{Arrival, Period, SealTime};
