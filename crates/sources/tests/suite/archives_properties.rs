//! Whatever becomes of an archive, nothing panics, every record is counted, and how the bytes come makes no difference.

use std::io::{self, Read};

use crate::common::archives::{As, GNU, Tar, Zip, tar, tar_header, zip};
use crate::common::{Collector, compact, context, fixture_file, gzip};
use auditlake_sources::{Summary, import_by_source};
use proptest::prelude::*;

/// Gives a few bytes at a time.
struct Slow<'d>(&'d [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = target.len().min(self.1).min(self.0.len());
        let (now, later) = self.0.split_at(length);
        target[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

fn read(object: impl Read) -> Collector {
    let mut collector = Collector::default();
    let by_source = import_by_source(object, "s3://b/logs.zip", None, &context(), &mut collector).unwrap();
    let mut total = Summary::default();
    by_source.values().for_each(|summary| total += *summary);
    collector.check(total);
    collector
}

/// Archives of each kind with three members of two sources.
fn archives() -> Vec<Vec<u8>> {
    let (trail, log) = (compact("put_role_policy"), fixture_file("s3access/copy.log"));
    let long = tar_header("././@LongLink", 150, b'L', GNU);
    let members = [("a/trail.json", trail.as_bytes()), ("b.log", &log[..]), ("c.txt", b"nothing known")];
    let how = As { deflated: true, ..As::default() };
    let tarred = tar(&members);
    vec![
        members.iter().fold(Tar::default().entry(&long, &[b'x'; 150]), |tar, (name, content)| tar.file(name, content)).end(),
        zip(&members, As::default()),
        zip(&members, how),
        zip(&members, As { descriptor: true, ..how }),
        zip(&members, As { zip64: true, ..how }),
        [b"#!/bin/sh\n".to_vec(), zip(&members, how)].concat(),
        Zip::default().file("inner.tar", &tarred, how).file("inner.tar.gz", &gzip(&tarred), As::default()).end(),
        tar(&[("inner.zip", &zip(&members, how))]),
        gzip(&tarred),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_are_read_alike_in_any_pieces(
        which in any::<proptest::sample::Index>(),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        cut in prop_oneof![3 => Just(None), 1 => any::<proptest::sample::Index>().prop_map(Some)],
        piece in 1_usize..700,
    ) {
        let archives = archives();
        let mut object = archives[which.index(archives.len())].clone();
        for (at, byte) in flips {
            let at = at.index(object.len());
            object[at] = byte;
        }
        if let Some(cut) = cut {
            object.truncate(cut.index(object.len() + 1));
        }
        let at_once = read(&object[..]);
        let in_pieces = read(Slow(&object, piece));
        prop_assert_eq!(at_once, in_pieces);
    }

    #[test]
    fn no_event_comes_out_of_a_zip_archive_that_was_not_put_in(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1_u8..), 1..3),
        which in 1_usize..5,
    ) {
        let whole = &archives()[which];
        let expected = read(&whole[..]).events;
        let mut object = whole.clone();
        for (at, bits) in flips {
            let at = at.index(object.len());
            object[at] ^= bits;
        }
        let found = read(&object[..]);
        // A flip in the last records of the archive may hide that there is one: then its bytes are quarantined, or read by their
        // own headers, which have the checksums too.
        for event in &found.events {
            prop_assert!(expected.contains(event), "{event:?}");
        }
        prop_assert!(found.events.len() == expected.len() || !found.quarantined.is_empty(), "lost in silence");
    }
}
