//! Rows with their sort keys at hand, and how rows of many batches are put in order and brought together.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array, new_null_array};
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave;
use auditlake_event::Column;
use auditlake_event::columns::archive_schema;

/// Where rows stand in the order of arrival: the rank of their landing object, then their place in it.
#[derive(Debug, Clone)]
pub(super) enum ArrivalOrder {
    /// Consecutive rows of one landing object.
    Landed {
        /// The rank of the object.
        ordinal: u32,
        /// The place of the batch's first row.
        first_row: u32,
    },
    /// Rows of many objects, or not in their object's order.
    Listed {
        /// The rank of each row's object.
        ordinals: UInt32Array,
        /// The place of each row in its object.
        rows: UInt32Array,
    },
}

/// A batch of archive columns whose rows lie in the order (partition, event_time, event_id, source, arrival).
#[derive(Debug)]
pub(super) struct KeyedBatch {
    columns: RecordBatch,
    times: TimestampMillisecondArray,
    ids: StringArray,
    sources: StringArray,
    /// Those columns of [`LONG_COLUMNS`] that hold anything.
    long_texts: Vec<StringArray>,
    order: ArrivalOrder,
}

/// The columns that decide how large a row is.
const LONG_COLUMNS: [Column; 6] =
    [Column::ErrorMessage, Column::Changes, Column::UserAgent, Column::HttpPath, Column::Metadata, Column::Raw];

/// What a row counts for beyond its long texts, in bytes.
const ROW_WEIGHT: usize = 512;

/// The position of a column in a batch of archive columns.
fn archive_position(column: Column) -> Result<usize, ArrowError> {
    archive_schema().index_of(column.name())
}

impl KeyedBatch {
    /// `columns` must have exactly the columns of the archive.
    pub fn new(columns: RecordBatch, order: ArrivalOrder) -> Result<Self, ArrowError> {
        let times = columns.column(archive_position(Column::EventTime)?).as_primitive_opt::<TimestampMillisecondType>();
        let ids = columns.column(archive_position(Column::EventId)?).as_string_opt::<i32>();
        let sources = columns.column(archive_position(Column::Source)?).as_string_opt::<i32>();
        let (Some(times), Some(ids), Some(sources)) = (times, ids, sources) else {
            return Err(ArrowError::SchemaError("a key column has another type".to_owned()));
        };
        let (times, ids, sources) = (times.clone(), ids.clone(), sources.clone());
        let mut long_texts = Vec::new();
        for column in LONG_COLUMNS {
            let texts = columns.column(archive_position(column)?).as_string_opt::<i32>();
            long_texts.extend(texts.filter(|texts| texts.null_count() < texts.len()).cloned());
        }
        Ok(Self { columns, times, ids, sources, long_texts, order })
    }

    /// The archive columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// The event time of a row, in ms.
    pub fn time(&self, row: u32) -> i64 {
        self.times.value(row as usize)
    }

    /// The first row in `start..end` (rows of one partition) whose event time is not before `time`.
    pub fn first_not_before(&self, start: u32, end: u32, time: i64) -> u32 {
        let times = &self.times.values()[start as usize..end as usize];
        start + index_u32(times.partition_point(|candidate| *candidate < time))
    }

    /// The size of a row in memory, about: a function of its content alone.
    fn weight(&self, row: u32) -> usize {
        let lengths = self.long_texts.iter().map(|texts| texts.value_length(row as usize).unsigned_abs() as usize);
        ROW_WEIGHT + lengths.sum::<usize>()
    }

    fn arrival(&self, row: u32) -> (u32, u32) {
        match &self.order {
            ArrivalOrder::Landed { ordinal, first_row } => (*ordinal, first_row + row),
            ArrivalOrder::Listed { ordinals, rows } => (ordinals.value(row as usize), rows.value(row as usize)),
        }
    }

    /// Compares two rows of one partition: (event_time, event_id, source, arrival). Two rows are never equal.
    pub fn compare(&self, row: u32, other: &Self, other_row: u32) -> Ordering {
        self.time(row).cmp(&other.time(other_row)).then_with(|| self.compare_at_equal_times(row, other, other_row))
    }

    fn compare_at_equal_times(&self, row: u32, other: &Self, other_row: u32) -> Ordering {
        let (index, other_index) = (row as usize, other_row as usize);
        self.ids
            .value(index)
            .cmp(other.ids.value(other_index))
            .then_with(|| self.sources.value(index).cmp(other.sources.value(other_index)))
            .then_with(|| self.arrival(row).cmp(&other.arrival(other_row)))
    }

    /// Whether two rows of one partition are copies of one event.
    fn is_same_event(&self, row: u32, other: &Self, other_row: u32) -> bool {
        self.time(row) == other.time(other_row)
            && self.ids.value(row as usize) == other.ids.value(other_row as usize)
            && self.sources.value(row as usize) == other.sources.value(other_row as usize)
    }

    /// The first row in `start..end` that comes after row `bound_row` of `bound`.
    pub fn first_after(&self, start: u32, end: u32, bound: &Self, bound_row: u32) -> u32 {
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.compare(middle, bound, bound_row) == Ordering::Greater {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// A reference to a row for sorting; `slot` says where this batch is found again.
    pub fn reference(&self, slot: u32, row: u32) -> RowRef {
        let id = self.ids.value(row as usize).as_bytes();
        let mut start = [0; 8];
        let length = id.len().min(8);
        start[..length].copy_from_slice(&id[..length]);
        RowRef { time: self.time(row), id_start: u64::from_be_bytes(start), slot, row }
    }
}

/// One row of one of several batches, with as much of its key as decides nearly every comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowRef {
    time: i64,
    /// The first eight bytes of the id, big-endian, so that they compare as the text does.
    id_start: u64,
    /// Which batch.
    pub slot: u32,
    /// Which row of it.
    pub row: u32,
}

/// Sorts rows of one partition by (event_time, event_id, source, arrival). Runs that are in order already are cheap.
pub(super) fn sort_rows(batches: &[Arc<KeyedBatch>], rows: &mut [RowRef]) {
    rows.sort_by(|left, right| {
        (left.time, left.id_start).cmp(&(right.time, right.id_start)).then_with(|| {
            let (left_batch, right_batch) = (&batches[left.slot as usize], &batches[right.slot as usize]);
            left_batch.compare_at_equal_times(left.row, right_batch, right.row)
        })
    });
}

/// How large a batch may become.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimit {
    /// Most rows.
    pub rows: usize,
    /// The batch ends with the row that reaches this size in memory, in bytes, about.
    pub bytes: usize,
}

/// Rows waiting to be brought together, in order, and the batches that hold them.
#[derive(Debug, Default)]
pub(super) struct RowQueue {
    batches: Vec<Arc<KeyedBatch>>,
    rows: Vec<RowRef>,
    taken: usize,
    /// The row taken last.
    last: Option<(Arc<KeyedBatch>, u32)>,
}

/// Sorted rows, with the copies of events apart. The columns are those of the archive.
#[derive(Debug)]
pub struct SortedBatch {
    /// The first arrived row of each event.
    pub rows: RecordBatch,
    /// Rows that are copies of an earlier one, in order.
    pub copies: RecordBatch,
    /// For each copy, the position in `rows` of the row it is a copy of; `None` for the last of `rows` of the batches before.
    pub copy_of: Vec<Option<usize>>,
}

/// Rows of a queue in the form that Arrow's `interleave` takes: the batches in use and the place of each row in them.
struct Picked<'a> {
    batches: Vec<&'a KeyedBatch>,
    places: Vec<(usize, usize)>,
}

impl RowQueue {
    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.rows.len() - self.taken
    }

    /// How many of the waiting rows make a full batch: `limit.rows` of them or as many as reach `limit.bytes`. `None` while
    /// too few wait.
    pub fn full_batch(&self, limit: BatchLimit) -> Option<usize> {
        let mut bytes = 0;
        for (index, row) in self.rows[self.taken..].iter().enumerate() {
            bytes += self.batches[row.slot as usize].weight(row.row);
            if index + 1 >= limit.rows || bytes >= limit.bytes {
                return Some(index + 1);
            }
        }
        None
    }

    /// Appends rows that come after all that wait; their slots count within `batches`.
    pub fn push(&mut self, batches: Vec<Arc<KeyedBatch>>, rows: Vec<RowRef>) {
        if self.len() == 0 {
            *self = Self { batches, rows, taken: 0, last: self.last.take() };
            return;
        }
        if self.taken > 0 {
            self.forget_taken();
        }
        let offset = index_u32(self.batches.len());
        self.batches.extend(batches);
        self.rows.extend(rows.into_iter().map(|row| RowRef { slot: row.slot + offset, ..row }));
    }

    /// Lets go of the batches that no waiting row lies in.
    fn forget_taken(&mut self) {
        self.rows.drain(..self.taken);
        self.taken = 0;
        let mut new_slots: Vec<Option<u32>> = vec![None; self.batches.len()];
        let mut kept = Vec::new();
        for row in &mut self.rows {
            let slot = &mut new_slots[row.slot as usize];
            let new_slot = *slot.get_or_insert_with(|| {
                kept.push(Arc::clone(&self.batches[row.slot as usize]));
                index_u32(kept.len() - 1)
            });
            row.slot = new_slot;
        }
        self.batches = kept;
    }

    fn pick<'a>(&'a self, rows: impl ExactSizeIterator<Item = &'a RowRef>) -> Picked<'a> {
        let mut new_slots: Vec<Option<usize>> = vec![None; self.batches.len()];
        let mut batches: Vec<&KeyedBatch> = Vec::new();
        let mut places = Vec::with_capacity(rows.len());
        for row in rows {
            let slot = new_slots[row.slot as usize].get_or_insert_with(|| {
                batches.push(&self.batches[row.slot as usize]);
                batches.len() - 1
            });
            places.push((*slot, row.row as usize));
        }
        Picked { batches, places }
    }

    fn is_copy(&self, row: &RowRef, previous: &RowRef) -> bool {
        row.time == previous.time
            && row.id_start == previous.id_start
            && self.batches[row.slot as usize].is_same_event(row.row, &self.batches[previous.slot as usize], previous.row)
    }

    /// The next `count` rows (no more than wait).
    pub fn take(&mut self, count: usize) -> Result<SortedBatch, ArrowError> {
        let taken = &self.rows[self.taken..self.taken + count];
        let (mut firsts, mut copies, mut copy_of) = (Vec::with_capacity(count), Vec::new(), Vec::new());
        for (index, row) in taken.iter().enumerate() {
            let is_copy = match (index.checked_sub(1), &self.last) {
                (Some(previous), _) => self.is_copy(row, &taken[previous]),
                (None, Some((batch, last))) => self.batches[row.slot as usize].is_same_event(row.row, batch, *last),
                (None, None) => false,
            };
            if is_copy {
                copies.push(row);
                copy_of.push(usize::checked_sub(firsts.len(), 1));
            } else {
                firsts.push(row);
            }
        }
        let last = taken.last().map(|row| (Arc::clone(&self.batches[row.slot as usize]), row.row));
        let rows = self.pick(firsts.into_iter()).columns()?;
        let copies = match copies.is_empty() {
            true => RecordBatch::new_empty(archive_schema()),
            false => self.pick(copies.into_iter()).columns()?,
        };
        self.taken += count;
        self.last = last;
        Ok(SortedBatch { rows, copies, copy_of })
    }

    /// The next `count` rows (no more than wait) with their arrival order.
    pub fn take_keyed(&mut self, count: usize) -> Result<(RecordBatch, UInt32Array, UInt32Array), ArrowError> {
        let picked = self.pick(self.rows[self.taken..self.taken + count].iter());
        let arrivals = picked.places.iter().map(|(slot, row)| picked.batches[*slot].arrival(index_u32(*row)));
        let (ordinals, rows): (Vec<u32>, Vec<u32>) = arrivals.unzip();
        let columns = picked.columns()?;
        self.taken += count;
        Ok((columns, ordinals.into(), rows.into()))
    }
}

impl Picked<'_> {
    fn columns(&self) -> Result<RecordBatch, ArrowError> {
        let schema = archive_schema();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        for (position, field) in schema.fields().iter().enumerate() {
            let sources: Vec<&dyn Array> =
                self.batches.iter().map(|batch| batch.columns.column(position).as_ref()).collect();
            let holds_nothing = sources.iter().all(|source| source.null_count() == source.len());
            columns.push(if holds_nothing {
                new_null_array(field.data_type(), self.places.len())
            } else {
                interleave(&sources, &self.places)?
            });
        }
        RecordBatch::try_new(schema, columns)
    }
}

/// A position as the 32 bits it is kept in. Batches are far smaller; a larger one is refused where it comes in.
#[expect(clippy::cast_possible_truncation, reason = "batches of more than 2^31 rows are refused by Gatherer::add")]
pub(super) fn index_u32(index: usize) -> u32 {
    index as u32
}
