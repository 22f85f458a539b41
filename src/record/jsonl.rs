//! JSON lines: one object per byte.

use std::io::{self, Write};

use super::{ByteRecord, RecordWriter};

/// Writes one JSON object per record and line, with the keys `i`, `byte`,
/// `entropy`, `nll`, `start` and `patch` in this order.
///
/// What is not known is null; the last line, about the next byte, has null
/// for `byte` and `nll`. Numbers are the shortest that read back as the same
/// 32-bit float.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    /// A writer into a sink.
    pub const fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> RecordWriter for JsonLines<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, record)?;
        self.out.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
