//! How fast events become landing objects.
fn main() {}
