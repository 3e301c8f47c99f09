//! The files of the built page.
//!
//! An asset carries a hash of its content in its name, so it may be kept for ever. The page itself and its icon are asked for anew each
//! time, by their entity tag. Each file is hashed and compressed once, when it is first asked for.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;

use auditlake_api::delivery::{accepts_gzip, is_known};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::plain_text::text;

static BUILT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../console/dist");

/// Where the assets are.
const ASSETS: &str = "/assets/";
/// The path of the icon.
const ICON: &str = "/favicon.svg";
/// Smaller files are sent as they are, in bytes.
const MIN_GZIP_BYTES: usize = 1_024;

/// Whether a path is one where files of the page are, or would be.
pub(crate) fn is_file_path(path: &str) -> bool {
    path == "/" || path == ICON || path.starts_with(ASSETS)
}

/// What is made of a file once.
struct Prepared {
    tag: HeaderValue,
    /// `None` if it is not worth it.
    compressed: Option<Bytes>,
}

struct PageFile {
    bytes: Bytes,
    content_type: &'static str,
    is_asset: bool,
    prepared: OnceLock<Prepared>,
}

/// The files by the paths they are asked for under.
pub(crate) struct Files {
    by_path: BTreeMap<String, PageFile>,
}

/// What a file is, by its name.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Whether a file of this type gets smaller; fonts and pictures are compressed already.
fn is_compressible(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type.starts_with("application/json") || media_type == "image/svg+xml"
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

impl PageFile {
    fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| {
            let short = hex::encode(&Sha256::digest(&self.bytes)[..16]);
            // Weak: one tag for the file and for its compressed form.
            let tag = HeaderValue::from_str(&format!("W/\"{short}\"")).unwrap_or(HeaderValue::from_static("W/\"\""));
            let is_worth_it = is_compressible(self.content_type) && self.bytes.len() >= MIN_GZIP_BYTES;
            Prepared { tag, compressed: if is_worth_it { gzip(&self.bytes) } else { None } }
        })
    }

    fn answer(&self, asked: &HeaderMap) -> Response<Bytes> {
        let Prepared { tag, compressed } = self.prepared();
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(ETAG, tag.clone());
        let caching = if self.is_asset { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        if compressed.is_some() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if is_known(asked, tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        *response.body_mut() = match compressed {
            Some(compressed) if accepts_gzip(asked) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                compressed.clone()
            }
            _ => self.bytes.clone(),
        };
        response
    }
}

impl Files {
    /// The files of the page that was there when this crate was compiled.
    pub(crate) fn new() -> Self {
        let mut by_path = BTreeMap::new();
        add(&BUILT, &mut by_path);
        Self { by_path }
    }

    /// Answers a path of [`is_file_path`]: 404 if no such file was built.
    pub(crate) fn answer(&self, path: &str, asked: &HeaderMap) -> Response<Bytes> {
        match self.by_path.get(path) {
            Some(file) => file.answer(asked),
            None => text(StatusCode::NOT_FOUND, "there is no such file\n"),
        }
    }
}

fn add(directory: &'static Dir<'static>, by_path: &mut BTreeMap<String, PageFile>) {
    for file in directory.files() {
        // Names have slashes whatever system compiled this.
        let name = file.path().to_string_lossy().replace('\\', "/");
        let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        if !is_file_path(&path) {
            continue;
        }
        let page_file = PageFile {
            bytes: Bytes::from_static(file.contents()),
            content_type: media_type(&name),
            is_asset: path.starts_with(ASSETS),
            prepared: OnceLock::new(),
        };
        by_path.insert(path, page_file);
    }
    directory.dirs().for_each(|directory| add(directory, by_path));
}
