//! Events in the shapes of other systems, as events of ours: one JSON object in, one JSON object out, or a list of what is wrong
//! under the names that the sender knows.
//!
//! - a **shape** ([`ForeignShape`]) is a published JSON model of one event: CloudEvents, WorkOS, Retraced, and what a lake
//!   exported itself;
//! - a conversion ([`ForeignShape::convert`]) only says which member is which column. Every rule about the values is the
//!   door's own: [`crate::input::read_converted`] reads the result like a posted event and translates its errors back;
//! - nothing is lost: a member without a column is kept in `metadata`, numbers stand there as they were sent;
//! - nothing is invented: what a shape does not state is left out.
//!
//! What each shape maps to what: the pages of its module.

mod cloudevents;
mod converted;
mod errors;
mod exported;
mod outline;
mod record;
mod retraced;
mod shape;
mod workos;

use crate::input::FieldError;
use crate::json::Reader;
use crate::normal_json::Tree;

pub use converted::{Converted, OwnId};
pub use outline::Outline;
pub use shape::ForeignShape;

use converted::Draft;
use errors::{WHOLE_EVENT, error, fault_error};
use record::Record;

impl ForeignShape {
    /// The shape of an event that was posted as JSON and is none of ours, by members that our model lacks. `None` for one that
    /// states `event_time` or `event_id`, and for CloudEvents, whose media type says what they are.
    pub fn of_posted(text: &str) -> Option<Self> {
        Outline::of(text).posted_shape()
    }

    /// Makes an event of ours of one event in this shape. `text` is one JSON value.
    ///
    /// Fails with everything that keeps a member from being read, by its name in this shape. The `index` of these errors is 0.
    pub fn convert(self, text: &str) -> Result<Converted, Vec<FieldError>> {
        let mut reader = Reader::new(text);
        reader.skip_whitespace();
        let mut tree = Tree::default();
        let root = tree.read(&mut reader, 0).map_err(|fault| vec![fault_error(fault)])?;
        let Some(record) = Record::of(&tree, root) else {
            return Err(vec![error(WHOLE_EVENT, "must be a JSON object")]);
        };
        let mut draft = Draft::default();
        match self {
            ForeignShape::CloudEvents => cloudevents::convert(record, &mut draft),
            ForeignShape::WorkOs => workos::convert(record, "", &mut draft),
            ForeignShape::Retraced => retraced::convert(record, "", &mut draft),
            ForeignShape::Exported => exported::convert(record, &mut draft),
        }
        draft.finish()
    }
}
