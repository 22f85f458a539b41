//! Comma-separated values: one line per byte.

use std::io::{self, Write};

use super::{ByteRecord, RecordWriter};

/// Writes a header and one line per record, with the columns of
/// [`JsonLines`](super::JsonLines). What is not known is empty; the last line,
/// about the next byte, has no byte. Nothing needs quotes.
#[derive(Debug)]
pub struct Csv<W> {
    out: W,
    begun: bool,
}

impl<W: Write> Csv<W> {
    /// A writer into a sink.
    pub const fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    fn header(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.out.write_all(b"i,byte,entropy,nll,start,patch\n")
    }
}

impl<W: Write> RecordWriter for Csv<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        self.header()?;
        let ByteRecord {
            index,
            byte,
            entropy,
            nll,
            start,
            patch,
        } = record;
        write!(self.out, "{index},")?;
        if let Some(byte) = byte {
            write!(self.out, "{byte}")?;
        }
        for number in [entropy, nll] {
            self.out.write_all(b",")?;
            // The shortest digits that read back the same, as in the JSON lines.
            if let Some(number) = number.filter(|number| number.is_finite()) {
                write!(self.out, "{number:?}")?;
            }
        }
        writeln!(self.out, ",{start},{patch}")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.header()?;
        self.out.flush()
    }
}
