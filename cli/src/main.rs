//! The command line of auditlake.
fn main() {}
