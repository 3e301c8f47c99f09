//! How the server does: its tasks, its memory, its caches.
//!
//! A task that nobody asks for (the seal, the group commit) must not end silently: it reports each try here, is started again when it
//! breaks off, and `GET /v1/status` says how it does.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use auditlake_api::Room;
use auditlake_api::Vitals;
use auditlake_api::status::{CacheStatus, ServerStatus, TaskState, TaskStatus};
use auditlake_lake::seal::HeldUp;
use auditlake_query::ScanEngine;

const RUNNING: u8 = 0;
const FAILING: u8 = 1;
const WAITING_FOR_CLOCK: u8 = 2;

/// How one task does.
#[derive(Debug)]
pub struct TaskHealth {
    name: &'static str,
    state: AtomicU8,
    failures: AtomicU32,
    restarts: AtomicU32,
    held_up: Mutex<Option<HeldUp>>,
}

impl TaskHealth {
    /// A task that does well.
    #[must_use]
    pub fn new(name: &'static str) -> Arc<Self> {
        let (state, failures, restarts) = (AtomicU8::new(RUNNING), AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Self { name, state, failures, restarts, held_up: Mutex::new(None) })
    }

    /// A try went well.
    pub fn succeeded(&self) {
        self.set_held_up(None);
        self.failures.store(0, Ordering::Relaxed);
        self.state.store(RUNNING, Ordering::Relaxed);
    }

    /// A try failed; how many in a row that makes.
    pub fn failed(&self) -> u32 {
        self.state.store(FAILING, Ordering::Relaxed);
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// What a failed try says that it cannot get past; `None` if it may go on by itself.
    pub fn set_held_up(&self, held_up: Option<HeldUp>) {
        *self.held_up.lock().unwrap_or_else(PoisonError::into_inner) = held_up;
    }

    /// What it cannot get past, by its last try.
    #[must_use]
    pub fn held_up(&self) -> Option<HeldUp> {
        self.held_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A try broke off with a panic and the task begins anew; how many failures in a row that makes.
    pub fn broke_off(&self) -> u32 {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.failed()
    }

    /// It does nothing until the clock is believed.
    pub fn waits_for_clock(&self) {
        self.state.store(WAITING_FOR_CLOCK, Ordering::Relaxed);
    }

    /// How it does.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        let state = match self.state.load(Ordering::Relaxed) {
            RUNNING => TaskState::Running,
            WAITING_FOR_CLOCK => TaskState::WaitingForClock,
            _ => TaskState::Failing,
        };
        let (failures, restarts) = (self.failures.load(Ordering::Relaxed), self.restarts.load(Ordering::Relaxed));
        TaskStatus { name: self.name, state, failures, restarts }
    }
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

/// The vitals of `serve`.
pub struct ServerVitals {
    /// Whose caches are shown.
    pub scanner: Arc<ScanEngine>,
    /// Room for bodies.
    pub room: Room,
    /// The seal schedule.
    pub seal: Arc<TaskHealth>,
    /// The group commit.
    pub landing: Arc<TaskHealth>,
}

impl Vitals for ServerVitals {
    fn held_up(&self) -> Option<HeldUp> {
        self.seal.held_up()
    }

    fn vitals(&self) -> ServerStatus {
        let caches = self.scanner.caches().into_iter();
        let mut caches: Vec<CacheStatus> = caches
            .map(|cache| CacheStatus { name: cache.name, bytes: cache.bytes, budget_bytes: cache.budget_bytes })
            .collect();
        caches.push(CacheStatus {
            name: "request_bodies",
            bytes: self.room.claimed_bytes(),
            budget_bytes: self.room.bytes(),
        });
        let tasks = vec![self.seal.status(), self.landing.status()];
        ServerStatus { tasks, memory_bytes: resident_bytes(), caches }
    }
}

/// The resident memory of this process, as Linux tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_tells_failures_in_a_row_and_all_restarts() {
        let health = TaskHealth::new("seal");
        assert_eq!((health.failed(), health.broke_off()), (1, 2));
        assert_eq!(health.status(), TaskStatus { name: "seal", state: TaskState::Failing, failures: 2, restarts: 1 });
        health.succeeded();
        assert_eq!(health.status(), TaskStatus { name: "seal", state: TaskState::Running, failures: 0, restarts: 1 });
        health.waits_for_clock();
        assert_eq!(health.status().state, TaskState::WaitingForClock);
    }

    #[test]
    fn linux_tells_the_memory_of_a_process() {
        if cfg!(target_os = "linux") {
            assert!(resident_bytes().is_some_and(|bytes| bytes > 1_000_000));
        }
    }
}
