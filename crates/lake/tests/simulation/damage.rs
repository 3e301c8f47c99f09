//! Bits that storage alters, in every kind of object: found, named, and in nobody else's way.

use std::sync::Arc;

use auditlake_lake::checksums::check_object;
use auditlake_lake::landing::file::{decode_named, read_index};
use auditlake_lake::layout::{ARCHIVE, LandingKey};
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::{RunLimits, SealError, SealRun, SealSettings, Sealer};
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::block_on;
use crate::crash::{Prepared, prepare};
use crate::random::Random;
use crate::world::SkewedClock;

/// One bit of `bytes`, anywhere, is another.
fn flipped(bytes: &Bytes, random: &mut Random) -> Bytes {
    let mut damaged = bytes.to_vec();
    let place = random.below(damaged.len() as u64) as usize;
    damaged[place] ^= 1 << random.below(8);
    damaged.into()
}

fn seal(store: &MemoryStore, prepared: &Prepared) -> (Result<SealRun, SealError>, Vec<SealRecord>) {
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut sealer = Sealer::new(Arc::new(store.clone()), prepared.lake.clone(), clock, SealSettings::default());
    let mut records = Vec::new();
    let result = block_on(sealer.run(RunLimits::default(), &mut |record| records.push(record.clone())));
    (result, records)
}

fn keys(store: &MemoryStore, prefix: &str) -> Vec<(String, Bytes)> {
    store.snapshot().into_iter().filter(|(key, _)| key.starts_with(prefix)).collect()
}

#[test]
fn every_flipped_bit_of_a_landing_object_is_found() {
    let prepared = prepare();
    let mut random = Random::new(11);
    let sound: Vec<(LandingKey, Bytes)> = keys(&prepared.store, "landing/")
        .into_iter()
        .filter_map(|(key, bytes)| Some((LandingKey::parse(&key)?, bytes)))
        .filter(|(key, bytes)| decode_named(bytes.clone(), *key, &prepared.lake.rule()).is_ok())
        .collect();
    assert!(sound.len() >= 4);
    for _ in 0..400 {
        let (key, bytes) = &sound[random.below(sound.len() as u64) as usize];
        let damaged = flipped(bytes, &mut random);
        assert!(decode_named(damaged.clone(), *key, &prepared.lake.rule()).is_err());
        // The footer alone: the same index, or none.
        if let Ok(index) = read_index(&damaged, damaged.len() as u64, key.arrival()) {
            assert_eq!(Ok(index), read_index(bytes, bytes.len() as u64, key.arrival()));
        }
    }
}

#[test]
fn a_landing_object_that_is_replaced_by_another_sound_one_is_found_by_its_name() {
    let prepared = prepare();
    let rule = prepared.lake.rule();
    let objects = keys(&prepared.store, "landing/");
    let mut parsed = objects.iter().filter_map(|(key, bytes)| Some((LandingKey::parse(key)?, bytes.clone())));
    let (key, bytes) = parsed.rfind(|(key, bytes)| decode_named(bytes.clone(), *key, &rule).is_ok()).unwrap();
    let mut other = [0; 10];
    other[9] = 1;
    let elsewhere = LandingKey::new(key.arrival(), other);
    let error = decode_named(bytes, elsewhere, &rule).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn a_damaged_landing_object_is_set_aside_and_the_others_are_sealed() {
    let prepared = prepare();
    let mut random = Random::new(12);
    let undisturbed = prepared.store.fork();
    let (result, _) = seal(&undisturbed, &prepared);
    let expected = result.unwrap();
    let sealed_before: Vec<String> = keys(&prepared.store, "landing/")
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| prepared.store.tags(key).contains_key("sealed"))
        .collect();
    let waiting: Vec<(String, Bytes)> = keys(&prepared.store, "landing/")
        .into_iter()
        .filter(|(key, bytes)| key.ends_with(".parquet") && bytes.len() > 100 && !sealed_before.contains(key))
        .collect();
    assert_eq!(waiting.len(), 4);
    for _ in 0..80 {
        let (key, bytes) = &waiting[random.below(waiting.len() as u64) as usize];
        let store = prepared.store.fork();
        store.overwrite(key, flipped(bytes, &mut random));
        let rows = decode_named(bytes.clone(), LandingKey::parse(key).unwrap(), &prepared.lake.rule()).unwrap();
        let (result, _) = seal(&store, &prepared);
        let result = result.unwrap();
        assert_eq!(result.sealed_until, expected.sealed_until);
        assert!(result.set_aside.iter().any(|object| object.key == *key), "{key}");
        assert_eq!(result.rows_in, expected.rows_in - rows.index.rows() as u64);
        assert!(store.snapshot().contains_key(&format!("quarantine/{key}")));
    }
}

#[test]
fn a_damaged_archive_object_does_not_stop_the_seal_of_late_events() {
    let prepared = prepare();
    let mut random = Random::new(13);
    let (result, _) = seal(&prepared.store.fork(), &prepared);
    let expected = result.unwrap();
    let archived = keys(&prepared.store, ARCHIVE);
    // The prepared lake has late events for the organizations of both.
    let archived: Vec<_> =
        archived.into_iter().filter(|(key, _)| key.contains("region-0") && key.contains("hour=23")).collect();
    assert_eq!(archived.len(), 2);
    for _ in 0..80 {
        let (key, bytes) = &archived[random.below(2) as usize];
        let damaged = flipped(bytes, &mut random);
        assert!(check_object(&damaged).is_err());
        let store = prepared.store.fork();
        store.overwrite(key, damaged);
        let (result, records) = seal(&store, &prepared);
        let result = result.unwrap();
        assert_eq!((result.sealed_until, result.rows_in), (expected.sealed_until, expected.rows_in));
        let unsearched: Vec<&str> =
            records.iter().flat_map(|record| &record.unsearched).map(|object| object.key.as_str()).collect();
        assert_eq!(unsearched, [key], "the record says where late events were not looked for");
    }
}

/// A reader of the compact protocol, no more than page headers need: the i32 fields of a structure.
fn fields(bytes: &[u8], position: &mut usize) -> Vec<(u8, i64)> {
    let mut found = Vec::new();
    let mut field = 0;
    loop {
        let head = bytes[*position];
        *position += 1;
        if head == 0 {
            return found;
        }
        field += head >> 4;
        match head & 0x0f {
            1 | 2 => {}
            5 => {
                let (mut value, mut shift) = (0_u64, 0);
                loop {
                    let byte = bytes[*position];
                    *position += 1;
                    value |= u64::from(byte & 0x7f) << shift;
                    shift += 7;
                    if byte < 0x80 {
                        break;
                    }
                }
                found.push((field, (value >> 1) as i64 ^ -((value & 1) as i64)));
            }
            12 => drop(fields(bytes, position)),
            other => panic!("a page header has a field of type {other}"),
        }
    }
}

/// CRC-32 as RFC 1952 defines it, bit by bit.
fn crc_of_gzip(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn every_page_carries_the_checksum_of_the_parquet_format() {
    let prepared = prepare();
    seal(&prepared.store, &prepared).0.unwrap();
    let (mut data_pages, mut dictionaries) = (0, 0);
    let files = prepared.store.snapshot().into_iter();
    for (key, bytes) in files.filter(|(key, bytes)| key.ends_with(".parquet") && check_object(bytes).is_ok()) {
        let reader = SerializedFileReader::new(bytes.clone()).unwrap();
        for chunk in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let (start, length) = chunk.byte_range();
            let (mut position, end) = (start as usize, (start + length) as usize);
            assert_eq!(chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset()) as u64, start);
            while position < end {
                let is_first_data_page = position as i64 == chunk.data_page_offset();
                let header = fields(&bytes, &mut position);
                let field = |number: u8| header.iter().find(|(field, _)| *field == number).map(|(_, value)| *value);
                let page = &bytes[position..position + field(3).unwrap() as usize];
                assert_eq!(field(4).map(|crc| crc as i32 as u32), Some(crc_of_gzip(page)), "{key} {}", chunk.column_path());
                assert!(!is_first_data_page || field(1) == Some(0));
                data_pages += usize::from(field(1) == Some(0));
                dictionaries += usize::from(field(1) == Some(2));
                position += page.len();
            }
            assert_eq!(position, end);
        }
    }
    assert!(data_pages > 100 && dictionaries > 10, "{data_pages} {dictionaries}");
}
