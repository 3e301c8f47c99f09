//! The tests of what the crate offers, in one program. What looks at the memory of the whole process is a program of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../lakefs_support/mod.rs"]
mod lakefs_support;

mod airbyte_broken;
mod airbyte_injection;
mod airbyte_mapping;
mod airbyte_properties;
mod airbyte_samples;
mod archives;
mod archives_broken;
mod archives_properties;
mod azure_directory;
mod azure_envelopes;
mod azure_logs;
mod azure_mapping;
mod azure_properties;
mod azure_samples;
mod azure_traps;
mod cloudtrail_broken;
mod cloudtrail_envelopes;
mod cloudtrail_forms;
mod cloudtrail_mapping;
mod cloudtrail_properties;
mod cloudtrail_samples;
mod cloudtrail_targets;
mod encoded_twice;
mod envelopes;
mod fuzzed;
mod gcp_envelopes;
mod gcp_mapping;
mod gcp_properties;
mod gcp_samples;
mod gcp_transparency;
mod gcp_traps;
mod lakefs_broken;
mod lakefs_mapping;
mod lakefs_properties;
mod lakefs_samples;
mod lakefs_traps;
mod lakefs_view;
mod ocsf_mapping;
mod ocsf_parquet;
mod ocsf_properties;
mod ocsf_samples;
mod ocsf_traps;
mod s3access_mapping;
mod s3access_properties;
mod s3access_rules;
mod s3access_samples;
mod s3access_traps;
mod shapes_broken;
mod shapes_mapping;
mod shapes_properties;
mod unexpected_types;
