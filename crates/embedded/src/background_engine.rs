//! Lets an engine that answers in one go be asked as Athena is: what takes longer than a caller waits goes on in the background
//! and is kept in memory for a while.
//!
//! Bounded: a number of answers, a time to make one, a time to keep one. After a restart a ticket is unknown; the question is
//! then asked anew, so a caller that polls again still gets a result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_query::{Answer, Engine, EngineExt, Progress, QueryError, QueryErrorKind, Question, Ticket};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The name in tickets.
const NAME: &str = "background";

/// What may go on in the background.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most answers that are made or kept.
    pub most: usize,
    /// How long an answer may take.
    pub longest: Duration,
    /// How long an answer is kept.
    pub keep_for: Duration,
}

impl Default for Limits {
    /// 32 answers, half an hour, ten minutes.
    fn default() -> Self {
        Self { most: 32, longest: Duration::from_secs(30 * 60), keep_for: Duration::from_secs(10 * 60) }
    }
}

/// Asks another engine, in the background if need be.
pub struct BackgroundEngine {
    engine: Arc<dyn Engine>,
    limits: Limits,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    tasks: HashMap<String, Task>,
    /// Tells older tasks from newer ones.
    begun: u64,
}

type Outcome = Option<Result<Answer, QueryError>>;

/// A question that is being answered, or has been.
#[derive(Clone)]
struct Task {
    outcome: watch::Receiver<Outcome>,
    abort: AbortHandle,
    number: u64,
}

impl Task {
    fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some() || self.abort.is_finished()
    }

    /// The outcome; `None` if it is not there within `patience`.
    async fn wait(&mut self, patience: Duration) -> Option<Result<Answer, QueryError>> {
        match tokio::time::timeout(patience, self.outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone(),
            // The task went away without an outcome.
            Ok(Err(_)) => Some(Err(QueryError::new(QueryErrorKind::Cancelled, "the query was cancelled"))),
            Err(_) => None,
        }
    }
}

/// Ends a task that nobody can come back for.
struct AbortOnDrop(Option<AbortHandle>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(abort) = self.0.take() {
            abort.abort();
        }
    }
}

impl BackgroundEngine {
    /// Asks `engine`.
    pub fn new(engine: Arc<dyn Engine>, limits: Limits) -> Self {
        Self { engine, limits, kept: Arc::default() }
    }

    fn start(&self, question: Question) -> Task {
        let engine = Arc::clone(&self.engine);
        let (sender, outcome) = watch::channel(None);
        let work = tokio::spawn(async move {
            sender.send_replace(Some(engine.answer(&question).await));
        });
        Task { outcome, abort: work.abort_handle(), number: 0 }
    }

    fn task_of(&self, ticket: &Ticket) -> Option<Task> {
        let id: String = ticket.read(NAME)?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).tasks.get(&id).cloned()
    }

    /// Remembers a task until its time is over. Fails as throttled if too many are still being made.
    fn keep(&self, id: String, mut task: Task) -> Result<(), QueryError> {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.tasks.len() >= self.limits.most {
                let ended = kept.tasks.iter().filter(|(_, task)| task.has_ended()).min_by_key(|(_, task)| task.number);
                let Some(oldest) = ended.map(|(id, _)| id.clone()) else {
                    return Err(QueryError::new(QueryErrorKind::Throttled, "too many queries are still being answered"));
                };
                kept.tasks.remove(&oldest);
            }
            kept.begun += 1;
            task.number = kept.begun;
            kept.tasks.insert(id.clone(), task.clone());
        }
        let (kept, Limits { longest, keep_for, .. }) = (Arc::downgrade(&self.kept), self.limits);
        tokio::spawn(async move {
            if task.wait(longest).await.is_none() {
                tracing::warn!("a query in the background took too long and is stopped");
                task.abort.abort();
            }
            drop(task);
            tokio::time::sleep(keep_for).await;
            if let Some(kept) = kept.upgrade() {
                kept.lock().unwrap_or_else(PoisonError::into_inner).tasks.remove(&id);
            }
        });
        Ok(())
    }
}

impl Drop for BackgroundEngine {
    fn drop(&mut self) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tasks.values().for_each(|task| task.abort.abort());
    }
}

#[async_trait]
impl Engine for BackgroundEngine {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        let mut task = self.start(question.clone());
        let mut guard = AbortOnDrop(Some(task.abort.clone()));
        if let Some(answer) = task.wait(patience).await {
            return answer.map(Progress::Done);
        }
        let id = uuid::Uuid::new_v4().to_string();
        let ticket = Ticket::new(NAME, &id)?;
        self.keep(id, task)?;
        guard.0 = None;
        Ok(Progress::Pending(ticket))
    }

    async fn resume(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        let Some(mut task) = self.task_of(ticket) else { return self.ask(question, patience).await };
        match task.wait(patience).await {
            Some(answer) => answer.map(Progress::Done),
            None => Ok(Progress::Pending(ticket.clone())),
        }
    }

    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        if let Some(task) = self.task_of(ticket) {
            task.abort.abort();
        }
        Ok(())
    }
}
