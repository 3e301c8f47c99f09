//! Writes tar and zip archives by the letter of their specifications, sound ones and others.

use std::io::Write;

pub const BLOCK: usize = 512;

/// A tar header as POSIX describes it; `magic` and what follows it as given.
pub fn tar_header(name: &str, size: u64, kind: u8, magic: &[u8]) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[257..257 + magic.len()].copy_from_slice(magic);
    sealed(header)
}

/// A tar header with its checksum made right.
pub fn sealed(mut header: [u8; BLOCK]) -> [u8; BLOCK] {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

pub const USTAR: &[u8] = b"ustar\x0000";
pub const GNU: &[u8] = b"ustar  \0";

/// A tar archive that grows.
#[derive(Default, Clone)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn entry(mut self, header: &[u8; BLOCK], content: &[u8]) -> Self {
        self.0.extend_from_slice(header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        let header = tar_header(name, content.len() as u64, b'0', USTAR);
        self.entry(&header, content)
    }
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}

pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    members.iter().fold(Tar::default(), |tar, (name, content)| tar.file(name, content)).end()
}

/// How a zip member is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct As {
    pub deflated: bool,
    /// Sizes and checksum behind the content, as programs write that cannot go back.
    pub descriptor: bool,
    pub zip64: bool,
    /// Another method than the content's.
    pub method: Option<u16>,
    pub encrypted: bool,
    /// A mode of Unix.
    pub mode: u16,
    /// Added to the checksum.
    pub wrong: u32,
    /// Another size than the content's.
    pub size: Option<u64>,
    /// Another size in the archive than that of the bytes given.
    pub stored: Option<u64>,
}

/// A zip archive that grows.
#[derive(Default, Clone)]
pub struct Zip {
    pub bytes: Vec<u8>,
    pub directory: Vec<u8>,
    pub count: u64,
    pub zip64: bool,
}

pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn crc32(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

impl Zip {
    pub fn file(self, name: &str, content: &[u8], how: As) -> Self {
        let stored = if how.deflated { deflate(content) } else { content.to_vec() };
        self.packed(name, &stored, content.len() as u64, crc32(content), how)
    }

    /// A member of which size and checksum are given.
    pub fn packed(mut self, name: &str, stored: &[u8], size: u64, crc: u32, how: As) -> Self {
        let method = how.method.unwrap_or(if how.deflated { 8 } else { 0 });
        let flags = u16::from(how.encrypted) | (u16::from(how.descriptor) << 3) | (1 << 11);
        let (crc, size) = (crc.wrapping_add(how.wrong), how.size.unwrap_or(size));
        let stored_size = how.stored.unwrap_or(stored.len() as u64);
        let offset = self.bytes.len() as u64;
        let large = |value: u64| if how.zip64 { u32::MAX } else { u32::try_from(value).unwrap() };
        let sizes = |extra: &mut Vec<u8>, with_offset: bool| {
            if how.zip64 {
                extra.extend_from_slice(&1_u16.to_le_bytes());
                extra.extend_from_slice(&(if with_offset { 24_u16 } else { 16 }).to_le_bytes());
                extra.extend_from_slice(&size.to_le_bytes());
                extra.extend_from_slice(&stored_size.to_le_bytes());
                if with_offset {
                    extra.extend_from_slice(&offset.to_le_bytes());
                }
            }
        };
        let numbers = |target: &mut Vec<u8>, known: bool| {
            target.extend_from_slice(&(if known { crc } else { 0 }).to_le_bytes());
            target.extend_from_slice(&(if known { large(stored_size) } else { 0 }).to_le_bytes());
            target.extend_from_slice(&(if known { large(size) } else { 0 }).to_le_bytes());
        };
        let head = |target: &mut Vec<u8>| {
            target.extend_from_slice(&20_u16.to_le_bytes());
            target.extend_from_slice(&flags.to_le_bytes());
            target.extend_from_slice(&method.to_le_bytes());
            target.extend_from_slice(&[0, 0, 0x21, 0x5a]);
        };
        let mut extra = Vec::new();
        sizes(&mut extra, false);
        self.bytes.extend_from_slice(b"PK\x03\x04");
        head(&mut self.bytes);
        numbers(&mut self.bytes, !how.descriptor);
        self.bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        let local_extra = if how.descriptor { Vec::new() } else { extra };
        self.bytes.extend_from_slice(&u16::try_from(local_extra.len()).unwrap().to_le_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(&local_extra);
        self.bytes.extend_from_slice(stored);
        if how.descriptor {
            self.bytes.extend_from_slice(b"PK\x07\x08");
            self.bytes.extend_from_slice(&crc.to_le_bytes());
            self.bytes.extend_from_slice(&u32::try_from(stored_size).unwrap().to_le_bytes());
            self.bytes.extend_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        }
        let mut extra = Vec::new();
        sizes(&mut extra, true);
        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&[20, 3]);
        head(&mut self.directory);
        numbers(&mut self.directory, true);
        self.directory.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        self.directory.extend_from_slice(&u16::try_from(extra.len()).unwrap().to_le_bytes());
        self.directory.extend_from_slice(&[0; 6]);
        self.directory.extend_from_slice(&[0, 0]);
        self.directory.extend_from_slice(&how.mode.to_le_bytes());
        self.directory.extend_from_slice(&large(offset).to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.directory.extend_from_slice(&extra);
        self.count += 1;
        self.zip64 |= how.zip64;
        self
    }

    pub fn end(self) -> Vec<u8> {
        let Self { mut bytes, directory, count, zip64 } = self;
        let (offset, length) = (bytes.len() as u64, directory.len() as u64);
        bytes.extend_from_slice(&directory);
        if zip64 {
            let at = bytes.len() as u64;
            bytes.extend_from_slice(b"PK\x06\x06");
            bytes.extend_from_slice(&44_u64.to_le_bytes());
            bytes.extend_from_slice(&[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for number in [count, count, length, offset] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&1_u32.to_le_bytes());
        }
        let short = |value: u64| if zip64 { u32::MAX } else { u32::try_from(value).unwrap() }.to_le_bytes();
        let members = if zip64 { u16::MAX } else { u16::try_from(count).unwrap() }.to_le_bytes();
        bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        bytes.extend_from_slice(&members);
        bytes.extend_from_slice(&members);
        bytes.extend_from_slice(&short(length));
        bytes.extend_from_slice(&short(offset));
        bytes.extend_from_slice(&[0, 0]);
        bytes
    }
}

pub fn zip(members: &[(&str, &[u8])], how: As) -> Vec<u8> {
    members.iter().fold(Zip::default(), |zip, (name, content)| zip.file(name, content, how)).end()
}
