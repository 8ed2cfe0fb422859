//! A step of the flow as data: which tables it reads and writes.

/// One step. Steps talk through tables only, so this is all that one needs to know of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Its name, a verb.
    pub name: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// Tables of earlier steps that it reads.
    pub reads: &'static [&'static str],
    /// Tables that it, and no other step, appends to.
    pub writes: &'static [&'static str],
}
