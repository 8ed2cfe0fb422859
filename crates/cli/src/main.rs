//! The `crowsnest` command.
fn main() {}
