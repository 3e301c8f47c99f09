//! The receipt in the answer to a post: a signed promise that the lake received these events.
//!
//! The text of the note is
//!
//! ```text
//! auditlake/receipt/v1
//! <origin>/receipts
//! <received: 2026-03-01T12:00:00.123Z>
//! <number of events>
//! <base64 of the Merkle root over the event hashes, in the order of the post>
//! ```
//!
//! signed by a key of type 0x01 named `<origin>/receipts`, of its own: the key of the log signs nothing else. No text of a receipt
//! is one of a checkpoint (the second line is no number) or of a cosignature. A leaf of the tree is the 32 bytes of an event's
//! hash ([`leaf_hash`]), as in the trees of archive objects.

use crate::entry::Origin;
use crate::hash::{Hash, MAX_TREE_SIZE, TreeHasher, leaf_hash};
use crate::key::{Signer, VerifierKey};
use crate::note::{Note, NoteError};
use crate::signing::{SigningError, check_note_text};
use crate::text::{FormatError, Lines, parse_decimal};
use crate::time::UtcTime;

const FORMAT: &str = "auditlake/receipt/v1";

/// What a receipt states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The log of the lake.
    pub origin: Origin,
    /// When the lake received the events.
    pub received: UtcTime,
    /// How many events there were.
    pub events: u64,
    /// The Merkle root over the events' hashes (RFC 9162, section 2.1.1).
    pub root: Hash,
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not written as one.
    #[error("not a receipt: {0}")]
    Format(#[from] FormatError),
    /// Its signature does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It names another key than the one it is verified with.
    #[error("the receipt is one of {found:?}, the key of {expected:?}")]
    OtherKey {
        /// The name of the key.
        expected: String,
        /// The name in the receipt.
        found: String,
    },
    /// The events are not those of the receipt.
    #[error("the receipt is over {expected} events with the root {expected_root}, not over these {found}")]
    OtherEvents {
        /// The number in the receipt.
        expected: u64,
        /// The root in the receipt.
        expected_root: Hash,
        /// The number that was given.
        found: u64,
    },
}

impl Receipt {
    /// The receipt over events in the order of the post, by their hashes.
    pub fn new(origin: Origin, received: UtcTime, event_hashes: &[Hash]) -> Self {
        let (events, root) = root_over(event_hashes);
        Self { origin, received, events, root }
    }

    /// Reads the text of a receipt's note.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        check_note_text(text)?;
        let mut lines = Lines::new(text);
        if lines.expect("the format")? != FORMAT {
            return Err(lines.error(format!("the first line must be {FORMAT:?}")));
        }
        let origin = lines.expect("the name of the key")?.strip_suffix("/receipts");
        let origin = origin.ok_or_else(|| lines.error("must be the origin of a lake's log and \"/receipts\""))?;
        let origin = Origin::parse(origin).map_err(|error| lines.error(error.to_string()))?;
        let received = UtcTime::parse(lines.expect("the time")?)
            .ok_or_else(|| lines.error("the time must have the form 2026-03-01T12:00:00.123Z"))?;
        let events = parse_decimal(lines.expect("the number of events")?, MAX_TREE_SIZE)
            .ok_or_else(|| lines.error("the number of events is a decimal number without leading zeros"))?;
        let root =
            Hash::from_base64(lines.expect("the root")?).ok_or_else(|| lines.error("the root is the base64 of 32 bytes"))?;
        lines.finish()?;
        Ok(Self { origin, received, events, root })
    }

    /// The signed note.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Note, SigningError> {
        Note::sign(&self.to_string(), &[signer])
    }

    /// The receipt in a signed note, if `key` is the lake's key for receipts and has signed it.
    pub fn verify(note: &Note, key: &VerifierKey) -> Result<Self, ReceiptError> {
        note.verify([key])?;
        let receipt = Self::parse(note.text())?;
        let found = receipt.origin.receipts();
        if found == key.name() {
            Ok(receipt)
        } else {
            Err(ReceiptError::OtherKey { expected: key.name().to_owned(), found })
        }
    }

    /// Checks that the receipt is over exactly these events in this order.
    pub fn verify_events(&self, event_hashes: &[Hash]) -> Result<(), ReceiptError> {
        let (found, root) = root_over(event_hashes);
        if (found, root) == (self.events, self.root) {
            return Ok(());
        }
        Err(ReceiptError::OtherEvents { expected: self.events, expected_root: self.root, found })
    }
}

fn root_over(event_hashes: &[Hash]) -> (u64, Hash) {
    let mut tree = TreeHasher::new();
    tree.extend(event_hashes.iter().map(|hash| leaf_hash(hash.as_bytes())));
    (tree.size(), tree.root())
}

impl std::fmt::Display for Receipt {
    /// The text of the note.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { origin, received, events, root } = self;
        writeln!(formatter, "{FORMAT}\n{}\n{received}\n{events}\n{}", origin.receipts(), root.to_base64())
    }
}
