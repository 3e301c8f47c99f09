//! The lake on one machine: storage over a local directory, the group commit of posts, the seal schedule, the server.

pub mod background_engine;
pub mod committer;
pub mod cursor_key;
pub mod exports;
pub mod http_server;
pub mod lake_copy;
pub mod organizations;
pub mod s3;
pub mod schedule;
pub mod serve;
pub mod tokens;
