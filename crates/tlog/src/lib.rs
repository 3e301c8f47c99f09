//! The pure part of the lake's transparency log: formats, trees and rules, without files, network, clock or random numbers.
//!
//! The formats are those of the C2SP specifications (<https://c2sp.org>), so that tools of others can verify a lake:
//!
//! - a **note** is a text with signatures ([`note`], *signed-note*), made by a [`key`];
//! - a **checkpoint** is a note that states the size and root of a log ([`checkpoint`], *tlog-checkpoint*);
//! - **tiles** hold the log's hashes, **entry bundles** its entries ([`tiles`], *tlog-tiles*);
//! - a **proof** shows that an entry is in a log, or that one log is the beginning of another ([`proof`], RFC 9162, *tlog-proof*);
//! - a **witness** adds a [`cosignature`] to a checkpoint after it has checked that the log has only grown ([`witness`],
//!   *tlog-witness*, *tlog-cosignature*);
//! - a **signer** remembers what it signed and refuses forks ([`guard`]);
//! - a **policy** says which logs and how many witnesses are enough ([`policy`], *tlog-policy*).
//!
//! The rest is the lake's own: its log entries and its origin ([`entry`]), the tree of the organizations' heads ([`heads`]) and the
//! receipt in the answer to a post ([`receipt`]).
//!
//! Every parser accepts exactly what the writer of the same type writes, with two exceptions where a specification leaves room:
//! the spaces and comments of a policy, and signatures of keys that are not known, which are kept as they are. No parser
//! panics, and all refuse inputs above a stated size before they look at them.

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod guard;
pub mod hash;
pub mod heads;
pub mod key;
pub mod note;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod signature;
pub mod signing;
pub mod text;
pub mod tiles;
pub mod time;
pub mod witness;

pub use hash::Hash;
