//! Counting: numbers of events by time bucket and value.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int64Array};
use auditlake_event::{Column, Timestamp};

use super::json_member;
use crate::answer::Count;
use crate::buckets::Interval;
use crate::buckets::{self, TimeZone};
use crate::error::{QueryError, QueryErrorKind};
use crate::fold::fold;
use crate::question::{CountRequest, GroupBy};

/// Most different values, and most groups, that are counted.
const MAX_GROUPS: usize = 1_000_000;
/// The number that stands for null.
const NULL: u32 = u32::MAX;

/// The text of a value, if it has one.
pub fn text_at(values: &ArrayRef, index: usize) -> Option<Cow<'_, str>> {
    if values.is_null(index) {
        return None;
    }
    if let Some(numbers) = values.as_primitive_opt::<Int32Type>() {
        return Some(Cow::Owned(numbers.value(index).to_string()));
    }
    values.as_string_opt::<i32>().map(|texts| Cow::Borrowed(texts.value(index)))
}

/// Counts so far.
#[derive(Debug)]
pub struct Tally {
    interval: Option<Interval>,
    time_zone: Option<TimeZone>,
    group_by: Option<GroupBy>,
    /// The column counted by.
    pub column: Option<Column>,
    values: HashMap<Box<str>, u32>,
    counts: HashMap<(i64, u32), u64>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(request: &CountRequest) -> Self {
        Self {
            interval: request.interval,
            time_zone: request.time_zone.clone(),
            group_by: request.group_by,
            column: request.group_by.map(GroupBy::column),
            values: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    fn bucket(&self, time: i64) -> i64 {
        self.interval.map_or(0, |interval| buckets::start(interval, self.time_zone.as_ref(), time))
    }

    /// The bucket that all of `min..=max` lie in, if it is one.
    pub fn common_bucket(&self, min: i64, max: i64) -> Option<i64> {
        let bucket = self.bucket(min);
        (bucket == self.bucket(max)).then_some(bucket)
    }

    fn value_number(&mut self, value: Option<&str>) -> Result<u32, QueryError> {
        let counted = match (self.group_by, value) {
            (Some(GroupBy::ActorEmail), Some(value)) => Some(fold(value)),
            (Some(GroupBy::Metadata(key)), Some(value)) => {
                key.paths().iter().find_map(|path| json_member::at_path(value, path))
            }
            (_, value) => value.map(Cow::Borrowed),
        };
        let Some(value) = counted.as_deref() else { return Ok(NULL) };
        if let Some(number) = self.values.get(value) {
            return Ok(*number);
        }
        if self.values.len() >= MAX_GROUPS {
            return Err(too_many());
        }
        let number = u32::try_from(self.values.len()).map_err(|_| too_many())?;
        self.values.insert(value.into(), number);
        Ok(number)
    }

    fn add_number(&mut self, bucket: i64, number: u32, count: u64) -> Result<(), QueryError> {
        *self.counts.entry((bucket, number)).or_default() += count;
        if self.counts.len() > MAX_GROUPS { Err(too_many()) } else { Ok(()) }
    }

    /// Adds `count` events of one bucket when nothing is grouped by value.
    pub fn add_rows(&mut self, bucket: i64, count: u64) -> Result<(), QueryError> {
        if count == 0 { Ok(()) } else { self.add_number(bucket, NULL, count) }
    }

    /// Adds one event.
    pub fn add_row(&mut self, time: i64, value: Option<&str>) -> Result<(), QueryError> {
        let number = self.value_number(value)?;
        self.add_number(self.bucket(time), number, 1)
    }

    /// Adds events by their times.
    pub fn add_times(&mut self, times: &Int64Array) -> Result<(), QueryError> {
        let mut run: Option<(i64, u64)> = None;
        for time in times.values() {
            let bucket = self.bucket(*time);
            run = match run {
                Some((of, count)) if of == bucket => Some((of, count + 1)),
                Some((of, count)) => {
                    self.add_rows(of, count)?;
                    Some((bucket, 1))
                }
                None => Some((bucket, 1)),
            };
        }
        if let Some((bucket, count)) = run {
            self.add_rows(bucket, count)?;
        }
        Ok(())
    }

    /// Adds events of one bucket by their values.
    pub fn add_values(&mut self, bucket: i64, values: &ArrayRef) -> Result<(), QueryError> {
        for (number, count) in self.numbers(values)?.1 {
            self.add_number(bucket, number, count)?;
        }
        Ok(())
    }

    /// Adds events by times and values.
    pub fn add_times_and_values(&mut self, times: &Int64Array, values: &ArrayRef) -> Result<(), QueryError> {
        let (numbers, _) = self.numbers(values)?;
        for (time, number) in times.values().iter().zip(numbers) {
            self.add_number(self.bucket(*time), number, 1)?;
        }
        Ok(())
    }

    /// The number of each row's value, and how often each number occurs.
    fn numbers(&mut self, values: &ArrayRef) -> Result<(Vec<u32>, HashMap<u32, u64>), QueryError> {
        let mut numbers = Vec::with_capacity(values.len());
        if let Some(dictionary) = values.as_dictionary_opt::<Int32Type>() {
            let texts = dictionary.values().as_string_opt::<i32>();
            let texts = texts.ok_or_else(|| QueryError::new(QueryErrorKind::Internal, "a dictionary without texts"))?;
            let mut number_of_key = Vec::with_capacity(texts.len());
            for text in texts {
                number_of_key.push(self.value_number(text)?);
            }
            let known = |key: Option<i32>| key.and_then(|key| number_of_key.get(usize::try_from(key).ok()?).copied());
            numbers.extend(dictionary.keys().iter().map(|key| known(key).unwrap_or(NULL)));
        } else if let Some(values) = values.as_primitive_opt::<Int32Type>() {
            for number in values {
                let text = number.map(|number| number.to_string());
                numbers.push(self.value_number(text.as_deref())?);
            }
        } else {
            let texts = values.as_string_opt::<i32>();
            let texts = texts.ok_or_else(|| QueryError::new(QueryErrorKind::Internal, "a text column without texts"))?;
            for text in texts {
                numbers.push(self.value_number(text)?);
            }
        }
        let mut counts = HashMap::new();
        for number in &numbers {
            *counts.entry(*number).or_default() += 1;
        }
        Ok((numbers, counts))
    }

    /// The groups in the order of an answer, and whether values were left out.
    pub fn finish(self, request: &CountRequest) -> (Vec<Count>, bool) {
        if request.interval.is_none() && request.group_by.is_none() {
            let count = self.counts.values().sum();
            return (vec![Count { time: None, value: None, count }], false);
        }
        let mut values: Vec<Option<String>> = vec![None; self.values.len()];
        for (value, number) in self.values {
            values[number as usize] = Some(value.into());
        }
        let value_of = |number: u32| values.get(number as usize).cloned().flatten();
        let mut totals: HashMap<u32, u64> = HashMap::new();
        for ((_, number), count) in &self.counts {
            *totals.entry(*number).or_default() += count;
        }
        // Null sorts last, as it does in SQL.
        let order = |number: u32| (number == NULL, value_of(number));
        let mut ranking: Vec<(u32, u64)> = totals.into_iter().collect();
        ranking.sort_by_cached_key(|(number, total)| (std::cmp::Reverse(*total), order(*number)));
        let is_grouped = request.group_by.is_some();
        let truncated = is_grouped && ranking.len() > request.limit;
        if truncated {
            ranking.truncate(request.limit);
        }
        let kept: std::collections::HashSet<u32> = ranking.into_iter().map(|(number, _)| number).collect();
        let mut counts: Vec<(i64, u32, u64)> = self
            .counts
            .into_iter()
            .filter(|((_, number), _)| kept.contains(number))
            .map(|((bucket, number), count)| (bucket, number, count))
            .collect();
        counts.sort_by_cached_key(|(bucket, number, count)| (*bucket, std::cmp::Reverse(*count), order(*number)));
        let counts = counts.into_iter().map(|(bucket, number, count)| Count {
            time: request.interval.map(|_| Timestamp::from_millis(bucket)),
            value: value_of(number),
            count,
        });
        (counts.collect(), truncated)
    }
}

fn too_many() -> QueryError {
    let message =
        format!("more than {MAX_GROUPS} groups: narrow the time range, add conditions or count by something coarser");
    QueryError::new(QueryErrorKind::TooLarge, message)
}
