//! What the archives in an object may cost.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use crate::reader::{broken, broken_content};

/// Most members of all archives in one object, folders and links included.
pub(super) const MAX_MEMBERS: u64 = 1_000_000;
/// How many times its size an object may inflate to, if it is an archive or holds some. Logs that repeat themselves reach 100; the
/// most that deflate can do is 1,032.
pub(super) const MAX_RATIO: u64 = 250;
/// What an object may inflate to however small it is (256 MiB).
pub(super) const FREE_BYTES: u64 = 256 * 1024 * 1024;

/// Counts what is inflated in an object and how many members it has.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Most bytes, whatever the object's size.
    most: u64,
    /// The object's bytes so far, as they come.
    taken: Cell<u64>,
    /// What they were inflated to, archives in archives again.
    given: Cell<u64>,
    members: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, taken: Cell::new(0), given: Cell::new(0), members: Cell::new(0) }
    }

    /// How many bytes may still be inflated.
    pub(super) fn left(&self) -> u64 {
        let allowed = self.taken.get().saturating_mul(MAX_RATIO).max(FREE_BYTES).min(self.most);
        allowed.saturating_sub(self.given.get())
    }

    /// So many bytes were inflated.
    pub(super) fn spend(&self, bytes: u64) {
        self.given.set(self.given.get().saturating_add(bytes));
    }

    /// Counts a member; false if it is one too many.
    pub(super) fn count_member(&self) -> bool {
        self.members.set(self.members.get() + 1);
        self.members.get() <= MAX_MEMBERS
    }
}

/// An object's own bytes, counted as they are read.
pub(crate) struct Weighed<R> {
    inner: R,
    budget: Rc<Budget>,
}

impl<R> Weighed<R> {
    pub(crate) fn new(inner: R, budget: Rc<Budget>) -> Self {
        Self { inner, budget }
    }
}

impl<R: Read> Read for Weighed<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target)?;
        self.budget.taken.set(self.budget.taken.get() + count as u64);
        Ok(count)
    }
}

/// Inflated content; breaks where the budget ends.
pub(crate) struct Metered<R> {
    inner: R,
    /// `None`: nothing is counted.
    budget: Option<Rc<Budget>>,
    has_ended: bool,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, budget: None, has_ended: false }
    }

    /// From now on what is read counts.
    pub(crate) fn count(&mut self, budget: Rc<Budget>) {
        self.budget = Some(budget);
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.has_ended {
            return Ok(&[]);
        }
        if self.budget.as_ref().is_some_and(|budget| budget.left() == 0) && !self.inner.fill_buf()?.is_empty() {
            self.has_ended = true;
            return Err(broken(format!(
                "the archive inflates to more than is allowed: {MAX_RATIO} times its size, or {} MiB if it is small",
                FREE_BYTES >> 20
            )));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(budget) = &self.budget {
            budget.spend(amount as u64);
        }
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

/// Why bytes that are there cannot be read, if that is what an error says; else the error, which trying again may mend.
pub(super) fn reason_of(error: io::Error) -> Result<String, io::Error> {
    match broken_content(&error) {
        Some(reason) => Ok(reason.to_string()),
        None => Err(error),
    }
}
