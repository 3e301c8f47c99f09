//! Group commit: posts that arrive while a landing object is being written are written together as the next one.
//!
//! Guarantees:
//! - a post is answered only after its events are durable and behind the landing writer's fence; a failed write answers every
//!   post in it with the failure;
//! - what waits is bounded, by posts and by bytes; beyond that a post is refused at once ([`DoorError::Busy`]);
//! - a post large enough to be an object of its own is written straight away, beside the others.
//!
//! Many small objects make reading and sealing slow. Where posts come side by side they wait a little for each other
//! ([`Gathering`]): as long as waiting brings company, and no longer. A client that posts one event after the other would make an
//! object of each; after the first ten thousand of an hour such posts wait a little as well ([`wait_for_company`]).
//!
//! The task that writes never ends before its door is gone: a write that panics answers its posts with a failure, and the task goes on.

mod gathering;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auditlake_api::{Door, DoorError};
use auditlake_event::Event;
use auditlake_lake::landing::LandingWriter;
use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use self::gathering::Gathering;
use crate::vitals::{TaskHealth, panic_text};

/// Most posts that wait to be written.
const MAX_WAITING_POSTS: usize = 8_192;
/// Most bytes of events that wait to be written (64 MiB).
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Most events of one landing object made of several posts.
const MAX_EVENTS: usize = 20_000;
/// Most bytes of events of one landing object made of several posts (16 MiB).
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// From this many events on a post is an object of its own.
const LARGE_POST_EVENTS: usize = 1_000;
/// From this many bytes on a post is an object of its own (1 MiB).
const LARGE_POST_BYTES: usize = 1024 * 1024;
/// Most large posts that are written at once.
const LARGE_POSTS_AT_ONCE: usize = 2;
/// Most large posts that are written or wait.
const MAX_WAITING_LARGE_POSTS: usize = 32;
/// What an event costs in memory besides its texts.
const EVENT_OVERHEAD_BYTES: usize = 900;

/// From so many posts on a batch is in company and goes at once.
const COMPANY: usize = 16;
/// The pause after the task itself broke off.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Where a post's answer goes: written, or why not.
type AnswerTo = oneshot::Sender<Result<(), Arc<str>>>;

/// A post that waits to be written.
struct Post {
    events: Vec<Event<'static>>,
    bytes: usize,
    answer: AnswerTo,
    /// Given back when the post is answered.
    room: OwnedSemaphorePermit,
}

/// The door of the embedded lake.
pub struct GroupCommit {
    posts: mpsc::Sender<Post>,
    room: Arc<Semaphore>,
    writer: LandingWriter,
    large_at_once: Semaphore,
    large_waiting: Semaphore,
}

/// The size of an event in memory, roughly.
fn size_of(event: &Event<'_>) -> usize {
    event.text_bytes() + EVENT_OVERHEAD_BYTES
}

/// How long a landing object waits for more posts, given how many were written in this hour and how many posts it holds.
/// Nothing for the first 10,000 objects; then up to 250 ms, so that an hour cannot have many more than 30,000. A batch in company goes at once.
pub fn wait_for_company(objects_this_hour: u64, posts: usize) -> Duration {
    const FREE_OBJECTS: u64 = 10_000;
    if posts >= COMPANY {
        return Duration::ZERO;
    }
    Duration::from_millis((objects_this_hour.saturating_sub(FREE_OBJECTS) / 100).min(250))
}

impl GroupCommit {
    /// Starts the group commit on the present runtime. The task ends, after what waits is written, when the door is dropped.
    pub fn start(writer: LandingWriter, health: Arc<TaskHealth>) -> (Arc<Self>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_POSTS);
        let task = tokio::spawn(supervise(Committer { writer: writer.clone(), health, posts: receiver, left_over: None }));
        let door = Self {
            posts: sender,
            room: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
            writer,
            large_at_once: Semaphore::new(LARGE_POSTS_AT_ONCE),
            large_waiting: Semaphore::new(MAX_WAITING_LARGE_POSTS),
        };
        (Arc::new(door), task)
    }

    async fn land_alone(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        let Ok(_waiting) = self.large_waiting.try_acquire() else { return Err(DoorError::Busy) };
        let _turn = self.large_at_once.acquire().await.map_err(|_| closed())?;
        match self.writer.land(events).await {
            Ok(landed) => {
                tracing::debug!(key = %landed.key, rows = landed.rows, bytes = landed.bytes, "landed");
                Ok(())
            }
            Err(error) => Err(DoorError::Failed(error.to_string())),
        }
    }
}

fn closed() -> DoorError {
    DoorError::Failed("the server is stopping".to_owned())
}

#[async_trait]
impl Door for GroupCommit {
    async fn accept(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        let bytes: usize = events.iter().map(size_of).sum();
        if events.len() >= LARGE_POST_EVENTS || bytes >= LARGE_POST_BYTES {
            return self.land_alone(events).await;
        }
        let permits = u32::try_from(bytes).map_err(|_| DoorError::Busy)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| DoorError::Busy)?;
        let (answer, answered) = oneshot::channel();
        let events = events.iter().map(|event| event.clone().into_owned()).collect();
        match self.posts.try_send(Post { events, bytes, answer, room }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(DoorError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(closed()),
        }
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(DoorError::Failed(reason.as_ref().to_owned())),
            Err(_) => Err(closed()),
        }
    }
}

/// The posts of one landing object.
#[derive(Default)]
struct Batch {
    events: Vec<Event<'static>>,
    bytes: usize,
    answers: Vec<(AnswerTo, OwnedSemaphorePermit)>,
}

impl Batch {
    fn has_room_for(&self, post: &Post) -> bool {
        self.events.len() + post.events.len() <= MAX_EVENTS && self.bytes + post.bytes <= MAX_BYTES
    }

    fn add(&mut self, mut post: Post) {
        self.events.append(&mut post.events);
        self.bytes += post.bytes;
        self.answers.push((post.answer, post.room));
    }
}

/// Writes what waits.
struct Committer {
    writer: LandingWriter,
    health: Arc<TaskHealth>,
    posts: mpsc::Receiver<Post>,
    /// A post that did not fit into the last batch.
    left_over: Option<Post>,
}

/// Runs the committer to its end, however often it breaks off.
async fn supervise(mut committer: Committer) {
    while let Err(panic) = AssertUnwindSafe(committer.write_posts()).catch_unwind().await {
        let failures = committer.health.broke_off();
        tracing::error!(
            alarm = true,
            panic = panic_text(panic.as_ref()),
            failures,
            "the group commit broke off and begins anew"
        );
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}

impl Committer {
    /// Writes posts, as many at once as have gathered, until the door is gone and nothing waits.
    async fn write_posts(&mut self) {
        let mut gathering = Gathering::default();
        let mut objects_this_hour = 0;
        let mut hour_began = Instant::now();
        let mut last_ended: Option<Instant> = None;
        loop {
            let first = match self.left_over.take() {
                Some(post) => post,
                None => match self.posts.recv().await {
                    Some(post) => post,
                    None => return,
                },
            };
            if hour_began.elapsed() >= Duration::from_secs(3_600) {
                (hour_began, objects_this_hour) = (Instant::now(), 0);
            }
            let window = gathering.window(last_ended.map(|ended| ended.elapsed()));
            let mut batch = Batch::default();
            batch.add(first);
            self.gather(&mut batch);
            let began_waiting = Instant::now();
            while self.left_over.is_none() {
                let posts = batch.answers.len();
                let window = if posts < COMPANY { window } else { Duration::ZERO };
                let deadline = began_waiting + window.max(wait_for_company(objects_this_hour, posts));
                if deadline <= Instant::now() {
                    break;
                }
                match tokio::time::timeout_at(deadline, self.posts.recv()).await {
                    Ok(Some(post)) if batch.has_room_for(&post) => batch.add(post),
                    Ok(Some(post)) => self.left_over = Some(post),
                    Ok(None) | Err(_) => break,
                }
            }
            self.gather(&mut batch);
            objects_this_hour += 1;
            gathering.learn(batch.answers.len());
            self.land(batch).await;
            last_ended = Some(Instant::now());
        }
    }

    /// Takes everything that waits already, as far as it fits.
    fn gather(&mut self, batch: &mut Batch) {
        while self.left_over.is_none() {
            match self.posts.try_recv() {
                Ok(post) if batch.has_room_for(&post) => batch.add(post),
                Ok(post) => self.left_over = Some(post),
                Err(_) => return,
            }
        }
    }

    async fn land(&self, batch: Batch) {
        let posts = batch.answers.len();
        let answer: Result<(), Arc<str>> = match AssertUnwindSafe(self.writer.land(&batch.events)).catch_unwind().await {
            Ok(Ok(landed)) => {
                self.health.succeeded();
                tracing::debug!(key = %landed.key, posts, rows = landed.rows, bytes = landed.bytes, "landed");
                Ok(())
            }
            Ok(Err(error)) => {
                let failures = self.health.failed();
                tracing::error!(%error, posts, failures, "landing failed");
                Err(Arc::from(error.to_string()))
            }
            Err(panic) => {
                let failures = self.health.broke_off();
                tracing::error!(alarm = true, panic = panic_text(panic.as_ref()), posts, failures, "landing broke off");
                Err(Arc::from("the write broke off"))
            }
        };
        for (post, room) in batch.answers {
            drop(room);
            if post.send(answer.clone()).is_err() {
                tracing::debug!("a client left before its events were acknowledged");
            }
        }
    }
}
