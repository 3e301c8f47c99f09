//! How long a batch waits for more posts: as long as waiting brings company.
//!
//! Posts that come while an object is written are together in the next one anyway. Under a load that leaves pauses between writes
//! most objects would still hold one post each, though the next post is only moments away. Whether waiting helps cannot be seen from
//! the rate: a client that posts as fast as it is answered never comes earlier for being kept waiting. So it is tried: now and then a
//! batch waits a little; where that brings company the next ones wait, up to [`LONGEST`], and where it does not they stop waiting
//! and the next try is put off twice as long.

use std::time::Duration;

/// The longest wait, and the one that is tried: ten posts a second are company.
const LONGEST: Duration = Duration::from_millis(100);
/// Below this waiting is given up.
const SHORTEST: Duration = Duration::from_millis(20);
/// After a pause this long there is no load: a post goes at once.
const IDLE: Duration = Duration::from_millis(500);
/// Lonely objects in a row before waiting is tried.
const FIRST_TRY_AFTER: u32 = 4;
/// Lonely objects between tries that brought nothing, at most.
const MOST_BETWEEN_TRIES: u32 = 1_024;

/// Finds how long to wait.
#[derive(Debug, Clone)]
pub struct Gathering {
    window: Duration,
    /// Lonely objects since the last try.
    lonely: u32,
    try_after: u32,
    /// Whether this wait is a try.
    is_try: bool,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { window: Duration::ZERO, lonely: 0, try_after: FIRST_TRY_AFTER, is_try: false }
    }
}

impl Gathering {
    /// How long the batch waits that begins now; `since_last` after the last one ended.
    pub fn window(&mut self, since_last: Option<Duration>) -> Duration {
        if since_last.is_none_or(|since| since >= IDLE) {
            *self = Self { try_after: self.try_after, ..Self::default() };
        } else if self.window.is_zero() && self.lonely >= self.try_after {
            (self.window, self.is_try) = (LONGEST, true);
        }
        self.window
    }

    /// How many posts the batch came to hold.
    pub fn learn(&mut self, posts: usize) {
        if posts > 1 {
            // It may have been the write before that brought them together; that they come side by side is true all the same.
            *self = Self { window: LONGEST, ..Self::default() };
            return;
        }
        if self.window.is_zero() {
            self.lonely = self.lonely.saturating_add(1);
            return;
        }
        self.window /= 2;
        if self.is_try || self.window < SHORTEST {
            let try_after = (self.try_after * 2).min(MOST_BETWEEN_TRIES);
            *self = Self { try_after, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Option<Duration> = Some(Duration::from_millis(3));

    #[test]
    fn the_first_post_and_one_after_a_pause_go_at_once() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.window(None), Duration::ZERO);
        for _ in 0..20 {
            gathering.window(SOON);
            gathering.learn(3);
        }
        assert_eq!(gathering.window(SOON), LONGEST);
        assert_eq!(gathering.window(Some(IDLE)), Duration::ZERO);
    }

    #[test]
    fn a_client_that_posts_one_by_one_hardly_ever_waits() {
        let mut gathering = Gathering::default();
        let mut waited = Duration::ZERO;
        for _ in 0..10_000 {
            waited += gathering.window(SOON);
            gathering.learn(1);
        }
        assert!(waited < Duration::from_secs(2), "{waited:?}");
    }

    #[test]
    fn posts_side_by_side_come_to_be_written_together() {
        // One post every 50 ms, each write takes 5 ms: without waiting every object holds one.
        let (mut gathering, mut now, mut ended) = (Gathering::default(), 0_u128, None);
        let (mut objects, mut next) = (0, 0_u128);
        while next < 60_000 {
            now = now.max(next);
            let since = ended.map(|ended| Duration::from_millis(u64::try_from(now - ended).unwrap()));
            now += gathering.window(since).as_millis();
            let mut posts = 0;
            while next <= now {
                (posts, next) = (posts + 1, next + 50);
            }
            gathering.learn(posts);
            now += 5;
            (objects, ended) = (objects + 1, Some(now));
        }
        assert!(objects < 1_200 / 2, "{objects} objects of 1,200 posts");
    }
}
