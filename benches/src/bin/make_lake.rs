//! Makes a lake of sealed hours on disk out of NDJSON in near time order, quickly: the archive is written directly, with the
//! archive writer that seals use, as if every event had arrived in time.
//!
//! `benches/generate.py /dev/stdout 10000000 --hours 720 | make_lake FOLDER [UNSEALED]`
//!
//! With a second folder the same events also become a lake of which nothing is sealed yet: landing objects of some 12,000 events.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_select::take::take_record_batch;
use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::canonical::ColumnarHasher;
use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Column, Event, Organization, Region, Timestamp};
use auditlake_lake::archive::file::ArchiveEncoder;
use auditlake_lake::hash::{Hash, sha256_hex};
use auditlake_lake::landing::file::encode;
use auditlake_lake::layout::{self, ArchiveKey, LandingKey, Partition};
use auditlake_lake::seal::plan;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::{Arrival, Codec, Lake, Period, SealTime};

/// How much of the input is parsed at once.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// How long after its end an hour is closed: collectors send events out of order by seconds.
const CLOSE_AFTER_MS: i64 = 120_000;

struct Maker {
    folder: PathBuf,
    unsealed: Option<PathBuf>,
    landed: u64,
    open: BTreeMap<(i64, String, String), EventBatchBuilder>,
    first_hour: Option<i64>,
    last_hour: i64,
    objects: u64,
    bytes: u64,
    rows: u64,
}

impl Maker {
    fn take(&mut self, body: &[u8]) -> Result<(), Box<dyn Error>> {
        let region = Region::parse("us-east-1")?;
        let mut context = DoorContext::api(Timestamp::parse("2100-01-01T00:00:00Z")?, &region, None);
        context.max_events = usize::MAX;
        context.max_body_bytes = usize::MAX;
        let parsed = parse_body(body, Shape::Ndjson, &context, &mut || [0; 10])?;
        if let Some(error) = parsed.errors.first() {
            return Err(format!("{error:?}").into());
        }
        let Some(newest) = parsed.events.iter().map(|event| event.event_time.millis()).max() else { return Ok(()) };
        self.land(&parsed.events, newest)?;
        for event in &parsed.events {
            let hour = event.event_time.hour();
            let key = (hour.millis(), event.region.to_string(), event.organization.to_string());
            self.open.entry(key).or_insert_with(|| EventBatchBuilder::with_capacity(1024)).append(event, hour);
        }
        self.close_before(newest - CLOSE_AFTER_MS - Timestamp::HOUR_MS)
    }

    /// Writes a landing object that arrived just after the newest of its events.
    fn land(&mut self, events: &[Event<'_>], newest: i64) -> Result<(), Box<dyn Error>> {
        let Some(folder) = &self.unsealed else { return Ok(()) };
        let arrival = Arrival(Timestamp::from_millis(newest + 1_000));
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.landed.to_be_bytes());
        let path = folder.join(LandingKey::new(arrival, random).to_string());
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, encode(events, arrival, &lake_of(Timestamp::from_millis(newest)).rule())?.bytes)?;
        self.landed += 1;
        Ok(())
    }

    /// Writes the hours that begin before `time`.
    fn close_before(&mut self, time: i64) -> Result<(), Box<dyn Error>> {
        while let Some(entry) = self.open.first_entry().filter(|entry| entry.key().0 <= time) {
            let ((hour, region, organization), mut builder) = entry.remove_entry();
            let (region, organization) = (Region::parse(&region)?, Organization::parse(&organization)?);
            let partition = Partition { region, organization, hour: Timestamp::from_millis(hour) };
            self.first_hour = Some(self.first_hour.map_or(hour, |first| first.min(hour)));
            self.last_hour = self.last_hour.max(hour);
            self.write(partition, &builder.finish()?)?;
        }
        Ok(())
    }

    fn write(&mut self, partition: Partition, rows: &RecordBatch) -> Result<(), Box<dyn Error>> {
        let kept: Vec<usize> =
            Column::ALL.iter().filter(|column| !column.is_partition()).map(|column| column.index()).collect();
        let sort = [Column::EventTime, Column::EventId, Column::Source];
        let sort = sort.map(|column| SortColumn { values: rows.column(column.index()).clone(), options: None });
        let rows = take_record_batch(rows, &lexsort_to_indices(&sort, None)?)?;
        let seal_time = SealTime::from_start(partition.hour);
        let hashes: Vec<Hash> = ColumnarHasher::new(&rows, None)?.hashes().into_iter().map(Hash::new).collect();
        let key = ArchiveKey { partition, seal_time, part: 0, codec: Codec::Snappy };
        let mut encoder = ArchiveEncoder::new(key.clone(), rows.num_rows() as u64);
        encoder.push(&rows.project(&kept)?, &hashes)?;
        let Some((bytes, facts)) = encoder.finish()? else { return Ok(()) };
        let path = self.folder.join(key.to_string());
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, &bytes)?;
        self.objects += 1;
        self.bytes += facts.bytes;
        self.rows += facts.rows;
        Ok(())
    }

    /// Writes `lake.json` and the seal records.
    fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        self.close_before(i64::MAX)?;
        let first = SealTime::from_start(Timestamp::from_millis(self.first_hour.ok_or("no events")?));
        let lake = lake_of(first.start());
        for folder in [Some(&self.folder), self.unsealed.as_ref()].into_iter().flatten() {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(layout::LAKE_FILE), lake.to_bytes()?)?;
        }
        let (mut period, mut previous) = (first, None);
        while period.start().millis() <= self.last_hour {
            let plan = plan::empty(period, lake.codec).to_bytes()?;
            let record = SealRecord::of_nothing(period, sha256_hex(&plan), previous).to_bytes()?;
            previous = Some(sha256_hex(&record));
            for (key, bytes) in [(layout::plan_key(period), plan), (layout::record_key(period), record)] {
                let path = self.folder.join(key);
                fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
                fs::write(path, bytes)?;
            }
            period = lake.period().next(period);
        }
        println!("{} rows, {} objects, {} bytes", self.rows, self.objects, self.bytes);
        Ok(())
    }
}

/// The lake whose first period starts at `first`: it was created when the slack and what clocks may differ had passed.
fn lake_of(first: Timestamp) -> Lake {
    Lake::new(first.plus_millis(310_000), Period::HOUR, 300_000, 300_000, Codec::Snappy)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        return Err("usage: make_lake FOLDER [UNSEALED] < EVENTS.ndjson".into());
    };
    let mut maker = Maker {
        folder: folder.into(),
        unsealed: arguments.next().map(PathBuf::from),
        landed: 0,
        open: BTreeMap::new(),
        first_hour: None,
        last_hour: i64::MIN,
        objects: 0,
        bytes: 0,
        rows: 0,
    };
    let mut input = std::io::stdin().lock();
    let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK_BYTES * 2);
    loop {
        let read = input.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut buffer)?;
        if read == 0 {
            break;
        }
        if let Some(end) = buffer.iter().rposition(|byte| *byte == b'\n') {
            maker.take(&buffer[..=end])?;
            buffer.drain(..=end);
        }
    }
    maker.finish()
}
