//! Measures the bytes that each typical question must read, for candidate layouts of archive objects.
//!
//! `layout_measure BUSY.ndjson SMALL.ndjson`: all events of the first file, their times squeezed together, make one busy hour
//! of one organization; of the second
//! file the region, organization and hour with the median number of events make a typical one. Prints one Markdown table each.
//!
//! What counts as read, for a reader that prunes and reads late: the footer and all page indexes; the bloom filter of a column
//! asked for a value; of the columns a question filters by, the dictionary and those pages that neither row-group nor page
//! statistics rule out; of the columns it returns, the dictionary and those pages that hold a hit. Row groups are read from the
//! newest to the oldest until the answer is full.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_select::take::take_record_batch;
use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::columns::archive_schema;
use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Column, Event, Region, Timestamp};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

type Failure = Box<dyn Error>;

/// In which order rows lie inside a row group; row groups are always in time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Time,
    Actor,
    Action,
}

/// Which columns have statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stats {
    /// Every column, also by page.
    All,
    /// `event_time` by page, the columns of the filters by row group.
    Filters,
    /// Those columns by page.
    FiltersByPage,
    /// `event_time` by page, nothing else.
    Time,
}

const FILTERS: [Column; 12] = [
    Column::ActorId,
    Column::ActorEmail,
    Column::Action,
    Column::Category,
    Column::Outcome,
    Column::ResourceType,
    Column::ResourceId,
    Column::Source,
    Column::SourceIp,
    Column::EventId,
    Column::EventTime,
    Column::SealTime,
];

#[derive(Debug, Clone)]
struct Layout {
    group_rows: usize,
    page_rows: usize,
    order: Order,
    stats: Stats,
    bloom: &'static [Column],
    fpp: f64,
    zstd: bool,
    plain: &'static [Column],
    /// Times as differences instead of plain values.
    delta: bool,
}

const BASE: Layout = Layout {
    group_rows: 32 * 1024,
    page_rows: 4 * 1024,
    order: Order::Time,
    stats: Stats::Filters,
    bloom: &[Column::EventId],
    fpp: 0.01,
    zstd: false,
    plain: &[Column::EventId, Column::RequestId, Column::HttpPath, Column::Metadata, Column::Changes, Column::ResourceId],
    delta: true,
};

impl Layout {
    fn name(&self) -> String {
        let bloom: Vec<&str> = self.bloom.iter().map(|column| column.name()).collect();
        let plain: Vec<&str> = self.plain.iter().map(|column| column.name()).collect();
        format!(
            "{}k rows, pages {}k, {:?}, stats {:?}, bloom [{}] {}, plain [{}]{}{}",
            self.group_rows / 1024,
            self.page_rows / 1024,
            self.order,
            self.stats,
            bloom.join(" "),
            self.fpp,
            plain.join(" "),
            if self.delta { ", delta" } else { "" },
            if self.zstd { ", zstd" } else { "" }
        )
    }

    fn properties(&self, rows: usize) -> Result<WriterProperties, Failure> {
        let path = |column: Column| ColumnPath::from(column.name());
        let by_default = if self.stats == Stats::All { EnabledStatistics::Page } else { EnabledStatistics::None };
        let mut builder = WriterProperties::builder()
            .set_compression(if self.zstd { Compression::ZSTD(ZstdLevel::try_new(3)?) } else { Compression::SNAPPY })
            .set_max_row_group_row_count(Some(self.group_rows))
            .set_data_page_row_count_limit(self.page_rows)
            .set_statistics_enabled(by_default);
        let of_filters = match self.stats {
            Stats::Filters => EnabledStatistics::Chunk,
            Stats::FiltersByPage => EnabledStatistics::Page,
            Stats::All | Stats::Time => by_default,
        };
        for column in FILTERS {
            builder = builder.set_column_statistics_enabled(path(column), of_filters);
        }
        builder = builder.set_column_statistics_enabled(path(Column::EventTime), EnabledStatistics::Page);
        for column in self.bloom {
            let most = u64::try_from(rows.min(self.group_rows))?;
            builder = builder
                .set_column_bloom_filter_max_ndv(path(*column), most)
                .set_column_bloom_filter_fpp(path(*column), self.fpp);
        }
        if self.delta {
            for column in [Column::EventTime, Column::ReceivedTime] {
                builder = builder
                    .set_column_dictionary_enabled(path(column), false)
                    .set_column_encoding(path(column), Encoding::DELTA_BINARY_PACKED);
            }
        }
        for column in self.plain {
            builder = builder.set_column_dictionary_enabled(path(*column), false);
        }
        Ok(builder.build())
    }
}

/// Rows in file order, the bytes of the file and its metadata.
struct Written {
    rows: RecordBatch,
    size: usize,
    footer: usize,
    indexes: usize,
    blooms: usize,
    metadata: ParquetMetaData,
    layout: Layout,
}

fn position(column: Column) -> Result<usize, Failure> {
    Ok(archive_schema().index_of(column.name())?)
}

fn texts(rows: &RecordBatch, column: Column) -> Result<&StringArray, Failure> {
    Ok(rows.column(position(column)?).as_string_opt::<i32>().ok_or("not text")?)
}

fn times(rows: &RecordBatch) -> Result<&[i64], Failure> {
    let array = rows.column(position(Column::EventTime)?).as_primitive_opt::<TimestampMillisecondType>();
    Ok(array.ok_or("not a time")?.values())
}

/// Puts rows, which are in time order, into the order of the layout.
fn ordered(rows: &RecordBatch, layout: &Layout) -> Result<RecordBatch, Failure> {
    let first = match layout.order {
        Order::Time => return Ok(rows.clone()),
        Order::Actor => Column::ActorId,
        Order::Action => Column::Action,
    };
    let mut groups = Vec::new();
    let mut start = 0;
    while start < rows.num_rows() {
        let group = rows.slice(start, layout.group_rows.min(rows.num_rows() - start));
        let column = |column: Column| -> Result<SortColumn, Failure> {
            Ok(SortColumn { values: ArrayRef::clone(group.column(position(column)?)), options: None })
        };
        let indices = lexsort_to_indices(&[column(first)?, column(Column::EventTime)?], None)?;
        groups.push(take_record_batch(&group, &indices)?);
        start += group.num_rows();
    }
    Ok(arrow_select::concat::concat_batches(&archive_schema(), &groups)?)
}

fn write(rows: &RecordBatch, layout: &Layout) -> Result<Written, Failure> {
    let rows = ordered(rows, layout)?;
    let mut bytes = Vec::new();
    let options =
        ArrowWriterOptions::new().with_properties(layout.properties(rows.num_rows())?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, archive_schema(), options)?;
    let mut start = 0;
    while start < rows.num_rows() {
        let count = 4096.min(rows.num_rows() - start);
        writer.write(&rows.slice(start, count))?;
        start += count;
    }
    writer.close()?;
    let size = bytes.len();
    let tail: [u8; 4] = bytes[size - 8..size - 4].try_into()?;
    let footer = u32::from_le_bytes(tail) as usize + 8;
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&Bytes::from(bytes))?;
    let metadata = reader.finish()?;
    let (mut indexes, mut blooms) = (0, 0);
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let ranges = column.column_index_range().into_iter().chain(column.offset_index_range());
        indexes += ranges.map(|range| (range.end - range.start) as usize).sum::<usize>();
        blooms += usize::try_from(column.bloom_filter_length().unwrap_or(0))?;
    }
    Ok(Written { rows, size, footer, indexes, blooms, metadata, layout: layout.clone() })
}

/// One page of a column chunk: rows of the file and bytes.
struct Page {
    start: usize,
    end: usize,
    bytes: usize,
}

impl Written {
    fn groups(&self) -> Vec<(usize, usize)> {
        let mut start = 0;
        let bounds = self.metadata.row_groups().iter().map(|group| {
            let end = start + usize::try_from(group.num_rows()).unwrap_or(0);
            let bounds = (start, end);
            start = end;
            bounds
        });
        bounds.collect()
    }

    /// The dictionary's bytes and the pages of a column in a row group.
    fn pages(&self, group: usize, column: Column) -> Result<(usize, Vec<Page>), Failure> {
        let index = position(column)?;
        let (start, end) = self.groups()[group];
        let page_index = self.metadata.page_index().ok_or("no page index")?;
        let locations = page_index.offset_index(group, index).ok_or("no offset index")?.page_locations();
        let chunk = self.metadata.row_group(group).column(index);
        let (chunk_start, _) = chunk.byte_range();
        let first = locations.first().map_or(0, |page| page.offset);
        let dictionary = usize::try_from(first)?.saturating_sub(usize::try_from(chunk_start)?);
        let mut pages = Vec::new();
        for (number, location) in locations.iter().enumerate() {
            let next = locations.get(number + 1).map(|page| page.first_row_index);
            pages.push(Page {
                start: start + usize::try_from(location.first_row_index)?,
                end: next.map_or(Ok(end), |row| usize::try_from(row).map(|row| start + row))?,
                bytes: usize::try_from(location.compressed_page_size)?,
            });
        }
        Ok((dictionary, pages))
    }

    /// The bytes of the pages of a column, and its dictionary, for which `is_needed(first row, end)` holds.
    fn read(&self, group: usize, column: Column, is_needed: impl Fn(usize, usize) -> bool) -> Result<usize, Failure> {
        let (dictionary, pages) = self.pages(group, column)?;
        let bytes: usize = pages.iter().filter(|page| is_needed(page.start, page.end)).map(|page| page.bytes).sum();
        Ok(if bytes == 0 { 0 } else { bytes + dictionary })
    }

    fn has_group_stats(&self, column: Column) -> bool {
        column == Column::EventTime
            || self.layout.stats == Stats::All
            || (self.layout.stats != Stats::Time && FILTERS.contains(&column))
    }

    fn has_page_stats(&self, column: Column) -> bool {
        let by_page = matches!(self.layout.stats, Stats::All | Stats::FiltersByPage);
        column == Column::EventTime || (by_page && self.has_group_stats(column))
    }
}

/// What the list of a console shows.
const LIST: [Column; 14] = [
    Column::EventId,
    Column::EventTime,
    Column::Source,
    Column::Action,
    Column::Category,
    Column::Outcome,
    Column::ActorId,
    Column::ActorName,
    Column::ActorEmail,
    Column::ResourceType,
    Column::ResourceId,
    Column::ResourceName,
    Column::SourceIp,
    Column::ErrorCode,
];

/// Whether a row of a batch answers a question.
type IsHit<'a> = Box<dyn Fn(&RecordBatch, usize) -> bool + 'a>;

/// A question: which rows it wants, by which columns, what may be skipped unread, and what it returns.
struct Question<'a> {
    name: &'static str,
    filters: &'a [Column],
    is_hit: IsHit<'a>,
    /// A text that a column must equal: statistics and bloom filters rule out pages and row groups.
    equals: Option<(Column, String)>,
    /// The times it is about, in ms.
    between: (i64, i64),
    output: &'a [Column],
    limit: usize,
}

impl Written {
    fn bytes_for(&self, question: &Question<'_>) -> Result<(usize, usize), Failure> {
        let times = times(&self.rows)?;
        let in_time = |start: usize, end: usize| {
            let range = &times[start..end];
            let (min, max) = (range.iter().min().copied().unwrap_or(0), range.iter().max().copied().unwrap_or(0));
            max >= question.between.0 && min < question.between.1
        };
        let mut bytes = self.footer + self.indexes;
        let mut hits = 0;
        for (group, (start, end)) in self.groups().into_iter().enumerate().rev() {
            if hits >= question.limit {
                break;
            }
            if !in_time(start, end) {
                continue;
            }
            let mut may_equal: Box<dyn Fn(usize, usize) -> bool> = Box::new(|_, _| true);
            if let Some((column, value)) = &question.equals {
                let values = texts(&self.rows, *column)?;
                let between = move |start: usize, end: usize| {
                    let present = || (start..end).filter(|row| values.is_valid(*row)).map(|row| values.value(row));
                    present().min().is_some_and(|min| min <= value.as_str())
                        && present().max().is_some_and(|max| max >= value.as_str())
                };
                if self.has_group_stats(*column) && !between(start, end) {
                    continue;
                }
                if self.layout.bloom.contains(column) {
                    let length = self.metadata.row_group(group).column(position(*column)?).bloom_filter_length();
                    bytes += usize::try_from(length.unwrap_or(0))?;
                    // False positives are rare enough to be left out.
                    if !(start..end).any(|row| values.is_valid(row) && values.value(row) == value) {
                        continue;
                    }
                }
                if self.has_page_stats(*column) {
                    may_equal = Box::new(between);
                }
            }
            // Pages of the filters: their rows may be hits as far as statistics tell.
            let time_pages: Vec<(usize, usize)> = {
                let (_, pages) = self.pages(group, Column::EventTime)?;
                pages.iter().filter(|page| in_time(page.start, page.end)).map(|page| (page.start, page.end)).collect()
            };
            let overlaps_time = |start: usize, end: usize| time_pages.iter().any(|page| page.0 < end && page.1 > start);
            for column in question.filters {
                bytes += self.read(group, *column, |start, end| overlaps_time(start, end) && may_equal(start, end))?;
            }
            let is_hit = |row: &usize| {
                (question.between.0..question.between.1).contains(&times[*row]) && (question.is_hit)(&self.rows, *row)
            };
            let mut rows: Vec<usize> = (start..end).filter(is_hit).collect();
            rows.sort_by_key(|row| std::cmp::Reverse(times[*row]));
            rows.truncate(question.limit - hits);
            hits += rows.len();
            rows.sort_unstable();
            let holds_hit = |start: usize, end: usize| {
                let after = rows.partition_point(|row| *row < start);
                rows.get(after).is_some_and(|row| *row < end)
            };
            for column in question.output.iter().filter(|column| !column.is_partition()) {
                if !question.filters.contains(column) {
                    bytes += self.read(group, *column, holds_hit)?;
                }
            }
        }
        Ok((bytes, hits))
    }
}

fn row_value(rows: &RecordBatch, column: Column, row: usize) -> Option<&str> {
    let values = texts(rows, column).ok()?;
    values.is_valid(row).then(|| values.value(row))
}

/// The value that `share` of the rows of other values are rarer than, by frequency.
fn value_of_rank(rows: &RecordBatch, column: Column, rank: usize) -> Result<String, Failure> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in texts(rows, column)?.iter().flatten() {
        *counts.entry(value).or_default() += 1;
    }
    let mut by_count: Vec<(usize, &str)> = counts.into_iter().map(|(value, count)| (count, value)).collect();
    by_count.sort_by_key(|entry| std::cmp::Reverse(entry.0));
    let rank = rank.min(by_count.len().saturating_sub(1));
    Ok(by_count.get(rank).ok_or("no values")?.1.to_owned())
}

fn questions(rows: &RecordBatch) -> Result<Vec<Question<'static>>, Failure> {
    let times = times(rows)?;
    let end = times.iter().max().copied().ok_or("no rows")? + 1;
    let always = (i64::MIN, i64::MAX);
    let middle = rows.num_rows() / 2;
    let id = row_value(rows, Column::EventId, middle).ok_or("no id")?.to_owned();
    let at = times[middle];
    let busy = value_of_rank(rows, Column::ActorId, 10)?;
    let rare = value_of_rank(rows, Column::ActorId, 500)?;
    let resource = value_of_rank(rows, Column::ResourceId, 5_000)?;
    let equals = |name: &'static str, column: Column, value: &str, filters: &'static [Column], between, output| {
        let wanted = value.to_owned();
        Question {
            name,
            filters,
            is_hit: Box::new(move |rows: &RecordBatch, row: usize| row_value(rows, column, row) == Some(wanted.as_str())),
            equals: Some((column, value.to_owned())),
            between,
            output,
            limit: 100,
        }
    };
    Ok(vec![
        Question {
            name: "newest 100",
            filters: &[Column::EventTime],
            is_hit: Box::new(|_, _| true),
            equals: None,
            between: (times[rows.num_rows().saturating_sub(100)], end),
            output: &LIST,
            limit: 100,
        },
        Question {
            name: "last 5 minutes, all",
            filters: &[Column::EventTime],
            is_hit: Box::new(|_, _| true),
            equals: None,
            between: (end - 300_000, end),
            output: &LIST,
            limit: usize::MAX,
        },
        equals("one id", Column::EventId, &id, &[Column::EventId], always, Column::ALL),
        equals("one id at its time", Column::EventId, &id, &[Column::EventTime, Column::EventId], (at, at + 1), Column::ALL),
        equals("busy actor", Column::ActorId, &busy, &[Column::ActorId, Column::EventTime], always, &LIST),
        equals("rare actor", Column::ActorId, &rare, &[Column::ActorId, Column::EventTime], always, &LIST),
        equals("rare resource", Column::ResourceId, &resource, &[Column::ResourceId, Column::EventTime], always, &LIST),
        Question {
            name: "failures",
            filters: &[Column::Outcome, Column::EventTime],
            is_hit: Box::new(|rows, row| row_value(rows, Column::Outcome, row) != Some("success")),
            equals: None,
            between: always,
            output: &LIST,
            limit: 100,
        },
        Question {
            name: "counts by outcome",
            filters: &[Column::Outcome],
            is_hit: Box::new(|_, _| false),
            equals: None,
            between: always,
            output: &[],
            limit: 1,
        },
        Question {
            name: "free text",
            filters: &[Column::ActorEmail, Column::ResourceId, Column::EventTime],
            is_hit: Box::new(|rows, row| row_value(rows, Column::ResourceId, row).is_some_and(|id| id.contains("-0777"))),
            equals: None,
            between: always,
            output: &LIST,
            limit: 100,
        },
    ])
}

fn candidates() -> Vec<Layout> {
    let mut layouts = vec![BASE];
    for group_rows in [8, 16, 64, 128] {
        layouts.push(Layout { group_rows: group_rows * 1024, ..BASE });
    }
    for page_rows in [1, 2, 8, 20] {
        layouts.push(Layout { page_rows: page_rows * 1024, ..BASE });
    }
    for order in [Order::Actor, Order::Action] {
        layouts.push(Layout { order, ..BASE });
        layouts.push(Layout { order, stats: Stats::FiltersByPage, ..BASE });
        layouts.push(Layout { order, stats: Stats::FiltersByPage, page_rows: 1024, ..BASE });
        layouts.push(Layout { order, group_rows: 128 * 1024, stats: Stats::FiltersByPage, ..BASE });
    }
    for stats in [Stats::All, Stats::FiltersByPage, Stats::Time] {
        layouts.push(Layout { stats, ..BASE });
    }
    const BLOOMS: [&[Column]; 4] = [
        &[],
        &[Column::EventId, Column::ActorId],
        &[Column::EventId, Column::ActorId, Column::ResourceId],
        &[Column::EventId, Column::ActorId, Column::ActorEmail, Column::ResourceId, Column::SourceIp],
    ];
    for bloom in BLOOMS {
        layouts.push(Layout { bloom, ..BASE });
    }
    for fpp in [0.05, 0.001] {
        layouts.push(Layout { fpp, ..BASE });
    }
    layouts.push(Layout { plain: &[], ..BASE });
    layouts.push(Layout { plain: &[], delta: false, ..BASE });
    layouts.push(Layout { plain: &[Column::EventId], ..BASE });
    layouts.push(Layout { delta: false, ..BASE });
    layouts.push(Layout { zstd: true, ..BASE });
    layouts
}

fn report(title: &str, rows: &RecordBatch) -> Result<(), Failure> {
    let questions = questions(rows)?;
    println!("\n## {title}: {} rows, KiB\n", rows.num_rows());
    let names: Vec<&str> = questions.iter().map(|question| question.name).collect();
    println!("| layout | file | footer | indexes | blooms | {} |", names.join(" | "));
    println!("|{}", "---|".repeat(names.len() + 5));
    for layout in candidates() {
        let written = write(rows, &layout)?;
        let kib = |bytes: usize| format!("{:.1}", bytes as f64 / 1024.0);
        let mut cells = vec![kib(written.size), kib(written.footer), kib(written.indexes), kib(written.blooms)];
        for question in &questions {
            cells.push(kib(written.bytes_for(question)?.0));
        }
        println!("| {} | {} |", layout.name(), cells.join(" | "));
    }
    Ok(())
}

/// Events in time order, as archive columns.
fn archive_rows(events: &[&Event<'_>]) -> Result<RecordBatch, Failure> {
    let mut builder = EventBatchBuilder::with_capacity(events.len());
    for event in events {
        builder.append(event, event.event_time.hour());
    }
    let landing = builder.finish()?;
    let kept = Column::ALL.iter().filter(|column| !column.is_partition());
    let columns = kept.map(|column| ArrayRef::clone(landing.column(column.index()))).collect();
    let rows = RecordBatch::try_new(archive_schema(), columns)?;
    let mut order: Vec<u32> = (0..u32::try_from(rows.num_rows())?).collect();
    let times = times(&rows)?.to_vec();
    order.sort_by_key(|row| times[*row as usize]);
    Ok(take_record_batch(&rows, &UInt32Array::from(order))?)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(busy), Some(small)) = (arguments.next(), arguments.next()) else {
        return Err("usage: layout_measure BUSY.ndjson SMALL.ndjson".into());
    };
    let region = Region::parse("us-east-1")?;
    let mut context = DoorContext::api(Timestamp::parse("2100-01-01T00:00:00Z")?, &region, None);
    context.max_events = usize::MAX;
    context.max_body_bytes = usize::MAX;

    let text = fs::read(&small)?;
    let parsed = parse_body(&text, Shape::Ndjson, &context, &mut || [0; 10])?;
    let mut partitions: BTreeMap<(&str, &str, Timestamp), Vec<&Event<'_>>> = BTreeMap::new();
    for event in &parsed.events {
        partitions.entry((&event.region, &event.organization, event.event_time.hour())).or_default().push(event);
    }
    let mut by_size: Vec<&Vec<&Event<'_>>> = partitions.values().collect();
    by_size.sort_by_key(|events| events.len());
    let median = by_size.get(by_size.len() / 2).ok_or("no events")?;
    report("a typical hour", &archive_rows(median)?)?;
    let large = by_size.get(by_size.len() * 95 / 100).ok_or("no events")?;
    report("a larger hour", &archive_rows(large)?)?;
    drop(partitions);
    drop(parsed);

    let text = fs::read(&busy)?;
    let parsed = parse_body(&text, Shape::Ndjson, &context, &mut || [0; 10])?;
    let mut events = parsed.events;
    let times = || events.iter().map(|event| event.event_time.millis());
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let start = Timestamp::from_millis(first).hour();
    for event in &mut events {
        let offset = (event.event_time.millis() - first) * (Timestamp::HOUR_MS - 1) / (last - first).max(1);
        event.event_time = start.plus_millis(offset);
        event.received_time = event.event_time.plus_millis(1_000);
    }
    let events: Vec<&Event<'_>> = events.iter().collect();
    report("a busy hour", &archive_rows(&events)?)
}
