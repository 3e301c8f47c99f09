//! Sorted runs on disk: Arrow IPC in a nameless temporary file that vanishes with the process.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use auditlake_event::columns::archive_schema;

use super::error::GatherError;
use super::keyed::{ArrivalOrder, BatchLimit, KeyedBatch, RowQueue, RowRef, index_u32};

/// Consecutive rows of one partition in one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// Which batch.
    pub batch: u32,
    /// The first row.
    pub start: u32,
    /// After the last row.
    pub end: u32,
    /// The event time of the first row, in ms.
    pub min_time: i64,
    /// The event time of the last row, in ms.
    pub max_time: i64,
}

/// The segments of each partition (by its number), in order.
pub(super) type Segments = BTreeMap<u32, Vec<Segment>>;

/// A run that is being written. Columns that hold nothing in the whole run are left out.
pub(super) struct RunWriter {
    writer: FileWriter<BufWriter<File>>,
    present: Vec<bool>,
    schema: SchemaRef,
    segments: Segments,
    queue: RowQueue,
    /// The partition of the waiting rows and how many of them there are, in order.
    queued_partitions: VecDeque<(u32, u32)>,
    limit: BatchLimit,
    batches: u32,
}

impl RunWriter {
    /// `present[i]`: whether archive column `i` holds anything.
    pub fn create(directory: Option<&Path>, present: Vec<bool>, limit: BatchLimit) -> Result<Self, GatherError> {
        let file = match directory {
            Some(directory) => tempfile::tempfile_in(directory)?,
            None => tempfile::tempfile()?,
        };
        let archive = archive_schema();
        let kept =
            archive.fields().iter().zip(&present).filter(|(_, present)| **present).map(|(field, _)| Arc::clone(field));
        let mut fields: Vec<Arc<Field>> = kept.collect();
        fields.push(Arc::new(Field::new("ordinal", DataType::UInt32, false)));
        fields.push(Arc::new(Field::new("row", DataType::UInt32, false)));
        let schema = Arc::new(Schema::new(fields));
        let writer = FileWriter::try_new(BufWriter::with_capacity(1 << 20, file), &schema)?;
        let segments = Segments::new();
        let (queue, queued_partitions) = (RowQueue::default(), VecDeque::new());
        Ok(Self { writer, present, schema, segments, queue, queued_partitions, limit, batches: 0 })
    }

    /// Appends rows of one partition, which come after all before. Partitions must come in order.
    pub fn push(&mut self, partition: u32, batches: Vec<Arc<KeyedBatch>>, rows: Vec<RowRef>) -> Result<(), GatherError> {
        let count = index_u32(rows.len());
        match self.queued_partitions.back_mut() {
            Some((last, waiting)) if *last == partition => *waiting += count,
            _ => self.queued_partitions.push_back((partition, count)),
        }
        self.queue.push(batches, rows);
        while let Some(count) = self.queue.full_batch(self.limit) {
            self.write_batch(count)?;
        }
        Ok(())
    }

    fn write_batch(&mut self, count: usize) -> Result<(), GatherError> {
        let (columns, ordinals, rows) = self.queue.take_keyed(count)?;
        let times = KeyedBatch::new(columns.clone(), ArrivalOrder::Landed { ordinal: 0, first_row: 0 })?;
        let mut start = 0;
        let count = index_u32(count);
        while start < count {
            let Some((partition, waiting)) = self.queued_partitions.front_mut() else { break };
            let end = count.min(start + *waiting);
            let (min_time, max_time) = (times.time(start), times.time(end - 1));
            let segment = Segment { batch: self.batches, start, end, min_time, max_time };
            self.segments.entry(*partition).or_default().push(segment);
            *waiting -= end - start;
            if *waiting == 0 {
                self.queued_partitions.pop_front();
            }
            start = end;
        }
        let kept = columns.columns().iter().zip(&self.present).filter(|(_, present)| **present);
        let mut arrays: Vec<ArrayRef> = kept.map(|(array, _)| Arc::clone(array)).collect();
        arrays.push(Arc::new(ordinals));
        arrays.push(Arc::new(rows));
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)?;
        self.batches += 1;
        Ok(())
    }

    /// Writes what waits and opens the run for reading.
    pub fn finish(mut self) -> Result<SpilledRun, GatherError> {
        if self.queue.len() > 0 {
            self.write_batch(self.queue.len())?;
        }
        let mut file = self.writer.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        let reader = FileReader::try_new(BufReader::new(file), None)?;
        Ok(SpilledRun { reader, present: self.present, segments: self.segments, loaded: None })
    }
}

/// A sorted run on disk.
pub(super) struct SpilledRun {
    reader: FileReader<BufReader<File>>,
    /// Which archive columns hold anything.
    pub present: Vec<bool>,
    /// Where each partition lies.
    pub segments: Segments,
    /// The batch read last: the next piece often begins in it.
    loaded: Option<(u32, Arc<KeyedBatch>)>,
}

impl SpilledRun {
    /// Reads a batch.
    pub fn load(&mut self, batch: u32) -> Result<Arc<KeyedBatch>, GatherError> {
        if let Some((number, loaded)) = &self.loaded
            && *number == batch
        {
            return Ok(Arc::clone(loaded));
        }
        self.reader.set_index(batch as usize)?;
        let Some(read) = self.reader.next().transpose()? else { return Err(GatherError::SpillLost) };
        let rows = read.num_rows();
        let mut stored = read.columns().iter();
        let archive = archive_schema();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.present.len());
        for (field, present) in archive.fields().iter().zip(&self.present) {
            columns.push(match present {
                true => Arc::clone(stored.next().ok_or(GatherError::SpillLost)?),
                false => new_null_array(field.data_type(), rows),
            });
        }
        let mut order = stored.filter_map(|array| array.as_primitive_opt::<UInt32Type>().cloned());
        let (Some(ordinals), Some(rows)) = (order.next(), order.next()) else { return Err(GatherError::SpillLost) };
        let columns = RecordBatch::try_new(archive, columns)?;
        let loaded = Arc::new(KeyedBatch::new(columns, ArrivalOrder::Listed { ordinals, rows })?);
        self.loaded = Some((batch, Arc::clone(&loaded)));
        Ok(loaded)
    }
}
