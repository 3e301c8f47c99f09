//! The lake on one machine: storage over a local directory, the group commit of posts, the seal schedule, the server.

pub mod background_engine;
pub mod clock_guard;
pub mod committer;
pub mod connections;
pub mod cursor_key;
pub mod exports;
mod http_date;
pub mod http_server;
pub mod lake_copy;
pub mod organizations;
mod origin;
mod private_file;
pub mod s3;
pub mod schedule;
pub mod serve;
pub mod storage_keys;
pub mod tokens;
pub mod vitals;
