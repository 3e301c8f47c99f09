//! Group commit: posts that arrive while a landing object is being written are written together as the next one.
//!
//! Guarantees:
//! - a post is answered only after its events are durable and behind the landing writer's fence; a failed write answers every
//!   post in it with the failure;
//! - what waits is bounded, by posts and by bytes; beyond that a post is refused at once ([`DoorError::Busy`]);
//! - a post large enough to be an object of its own is written straight away, beside the others.
//!
//! Many small objects make reading and sealing slow. A client that posts one event after the other would make an object of each;
//! after the first ten thousand of an hour such posts therefore wait a little for company ([`wait_for_company`]).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auditlake_api::{Door, DoorError};
use auditlake_event::Event;
use auditlake_lake::landing::{LandError, LandingWriter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

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

/// Where a post's answer goes.
type AnswerTo = oneshot::Sender<Result<(), Arc<LandError>>>;

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
    const COMPANY: usize = 16;
    if posts >= COMPANY {
        return Duration::ZERO;
    }
    Duration::from_millis((objects_this_hour.saturating_sub(FREE_OBJECTS) / 100).min(250))
}

impl GroupCommit {
    /// Starts the group commit on the present runtime. The task ends, after what waits is written, when the door is dropped.
    pub fn start(writer: LandingWriter) -> (Arc<Self>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_POSTS);
        let task = tokio::spawn(write_posts(writer.clone(), receiver));
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
            Ok(Err(error)) => Err(DoorError::Failed(error.to_string())),
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

/// Writes posts, as many at once as have gathered, until the door is gone and nothing waits.
async fn write_posts(writer: LandingWriter, mut posts: mpsc::Receiver<Post>) {
    let mut left_over: Option<Post> = None;
    let mut objects_this_hour = 0;
    let mut hour_began = Instant::now();
    loop {
        let first = match left_over.take() {
            Some(post) => post,
            None => match posts.recv().await {
                Some(post) => post,
                None => return,
            },
        };
        if hour_began.elapsed() >= Duration::from_secs(3_600) {
            (hour_began, objects_this_hour) = (Instant::now(), 0);
        }
        let mut batch = Batch::default();
        batch.add(first);
        gather(&mut batch, &mut posts, &mut left_over);
        let began_waiting = Instant::now();
        while left_over.is_none() {
            let deadline = began_waiting + wait_for_company(objects_this_hour, batch.answers.len());
            if deadline <= Instant::now() {
                break;
            }
            match tokio::time::timeout_at(deadline, posts.recv()).await {
                Ok(Some(post)) if batch.has_room_for(&post) => batch.add(post),
                Ok(Some(post)) => left_over = Some(post),
                Ok(None) | Err(_) => break,
            }
        }
        gather(&mut batch, &mut posts, &mut left_over);
        objects_this_hour += 1;
        land(&writer, batch).await;
    }
}

/// Takes everything that waits already, as far as it fits.
fn gather(batch: &mut Batch, posts: &mut mpsc::Receiver<Post>, left_over: &mut Option<Post>) {
    while left_over.is_none() {
        match posts.try_recv() {
            Ok(post) if batch.has_room_for(&post) => batch.add(post),
            Ok(post) => *left_over = Some(post),
            Err(_) => return,
        }
    }
}

async fn land(writer: &LandingWriter, batch: Batch) {
    let result = writer.land(&batch.events).await.map_err(Arc::new);
    match &result {
        Ok(landed) => {
            tracing::debug!(key = %landed.key, posts = batch.answers.len(), rows = landed.rows, bytes = landed.bytes, "landed");
        }
        Err(error) => tracing::error!(%error, posts = batch.answers.len(), "landing failed"),
    }
    let answer = result.map(|_| ());
    for (post, room) in batch.answers {
        drop(room);
        if post.send(answer.clone()).is_err() {
            tracing::debug!("a client left before its events were acknowledged");
        }
    }
}
