//! The XML of a figure.

use std::fmt;
use std::io::{self, Write};

use super::figure::{FOOT, Figure, HEAD, LABELS, LEFT, Row};
use crate::bytes::Piece;

const STYLE: &str = "\
text{font-family:Inter,'Helvetica Neue',Helvetica,Arial,'Liberation Sans','Noto Sans','Noto Sans CJK KR','Noto Sans KR',\
'Apple SD Gothic Neo','Malgun Gothic','Noto Sans CJK JP','Hiragino Sans','Yu Gothic','Noto Sans CJK SC','PingFang SC',\
'Microsoft YaHei','Noto Color Emoji',sans-serif;font-size:11px;fill:#59636e}\
.title{font-size:17px;font-weight:600;fill:#1f2328}\
.label{font-size:13px;fill:#1f2328;text-anchor:middle}\
.code{font-size:8px;fill:#59636e}\
.end{text-anchor:end}.middle{text-anchor:middle}\
.grid{stroke:#e7eaee;stroke-width:1}\
.axis{stroke:#8c959f;stroke-width:1;fill:none}\
.patch{stroke:#a6aeb7;stroke-width:1}\
.band{fill:#f5f7f9}\
.limit{stroke:#cf222e;stroke-width:1.25}\
.limit-text{fill:#cf222e;font-weight:600}\
.curve{stroke:#1f5fbf;stroke-width:1.4;fill:none;stroke-linejoin:round;stroke-linecap:round}\
.points{fill:#1f5fbf;stroke:#fff;stroke-width:.8}\
.next{fill:#fff;stroke:#1f5fbf;stroke-width:1.2}\
.mark{stroke:#8c959f;stroke-width:1;fill:none}";

/// Text and attribute values of XML.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // Not allowed in XML at all.
                '\u{FFFE}' | '\u{FFFF}' => f.write_str("\u{FFFD}")?,
                c if c.is_control() => f.write_str(" ")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

impl Figure<'_> {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let bottom = self
            .rows
            .last()
            .map_or(HEAD, |row| row.top + self.plot() + LABELS);
        let (width, height) = (self.width, bottom + FOOT);
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"blt-title blt-desc\">"
        )?;
        writeln!(
            out,
            "<title id=\"blt-title\">{}</title>",
            Xml(&self.options.title)
        )?;
        writeln!(
            out,
            "<desc id=\"blt-desc\">{}</desc>",
            Xml(&self.description())
        )?;
        writeln!(out, "<style>{STYLE}</style>")?;
        writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>")?;
        writeln!(
            out,
            "<text class=\"title\" x=\"{LEFT}\" y=\"32\">{}</text>",
            Xml(&self.options.title)
        )?;
        writeln!(out, "<text x=\"{LEFT}\" y=\"51\">{}</text>", self.counts())?;
        for row in &self.rows {
            self.row(out, row)?;
        }
        self.legend(out, bottom + 30.0)?;
        writeln!(out, "</svg>")
    }

    fn row(&self, out: &mut impl Write, row: &Row<'_>) -> io::Result<()> {
        let plot = self.plot();
        let (left, right) = (LEFT, self.x(row, row.end.max(row.first + 1)));
        let (top, floor) = (row.top, row.top + plot);
        let labels = floor + LABELS - 8.0;
        writeln!(out, "<g>")?;
        self.bands(out, row, labels)?;
        if let Some(scale) = &self.scale {
            for tick in (0..)
                .map(|n| f64::from(n) * scale.step)
                .take_while(|tick| *tick <= scale.top + 1e-9)
            {
                let y = self.y(row, tick);
                if tick > 0.0 {
                    writeln!(
                        out,
                        "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"
                    )?;
                }
                writeln!(
                    out,
                    "<text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{tick:.*}</text>",
                    left - 8.0,
                    y + 4.0,
                    scale.decimals
                )?;
            }
            let middle = f64::midpoint(top, floor);
            writeln!(
                out,
                "<text class=\"middle\" transform=\"translate(20 {middle:.1})rotate(-90)\">entropy of the next byte (nats)</text>"
            )?;
        }
        write!(out, "<path class=\"patch\" d=\"")?;
        for at in (row.first..row.end).filter(|&at| self.starts.get(at) == Some(&true)) {
            write!(out, "M{:.1} {top:.1}V{labels:.1}", self.x(row, at))?;
        }
        writeln!(out, "\"/>")?;
        if self.scale.is_some() {
            writeln!(
                out,
                "<path class=\"axis\" d=\"M{left:.1} {top:.1}V{floor:.1}H{right:.1}\"/>"
            )?;
            if let Some(threshold) = self.threshold {
                let y = self.y(row, threshold);
                writeln!(
                    out,
                    "<path class=\"limit\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"
                )?;
                writeln!(
                    out,
                    "<text class=\"limit-text\" x=\"{:.1}\" y=\"{:.1}\">{threshold:.3}</text>",
                    right + 7.0,
                    y + 4.0
                )?;
            }
            self.curve(out, row)?;
        }
        self.labels(out, row, floor)?;
        writeln!(out, "</g>")
    }

    /// Every other patch has a pale ground.
    fn bands(&self, out: &mut impl Write, row: &Row<'_>, labels: f64) -> io::Result<()> {
        let mut patch = self
            .starts
            .iter()
            .take(row.first)
            .filter(|&&start| start)
            .count();
        let mut begin = row.first;
        write!(out, "<path class=\"band\" d=\"")?;
        for at in row.first..=row.end {
            let start = at < row.end && self.starts.get(at) == Some(&true);
            if !start && at < row.end {
                continue;
            }
            if patch % 2 == 1 && at > begin {
                let (from, to) = (self.x(row, begin), self.x(row, at));
                write!(
                    out,
                    "M{from:.1} {:.1}H{to:.1}V{labels:.1}H{from:.1}z",
                    row.top
                )?;
            }
            patch += usize::from(start);
            begin = at;
        }
        writeln!(out, "\"/>")
    }

    fn curve(&self, out: &mut impl Write, row: &Row<'_>) -> io::Result<()> {
        let half = self.slot / 2.0;
        let value = |at: usize| self.entropies.get(at).copied().flatten();
        let edge = |a: usize, b: usize| Some(f64::midpoint(value(a)?, value(b)?));
        let mut path = String::new();
        let mut drawn = false;
        let mut point = |x: f64, entropy: Option<f64>| {
            if let Some(entropy) = entropy {
                path += &format!(
                    "{}{x:.1} {:.1}",
                    if drawn { "L" } else { "M" },
                    self.y(row, entropy)
                );
            }
            drawn = entropy.is_some();
        };
        // The curve goes on from row to row: it leaves and enters halfway.
        if row.first > 0 {
            point(LEFT, edge(row.first - 1, row.first));
        }
        for at in row.first..row.end {
            point(self.x(row, at) + half, value(at));
        }
        if row.end < self.entropies.len() {
            point(self.x(row, row.end), edge(row.end - 1, row.end));
        }
        writeln!(out, "<path class=\"curve\" d=\"{path}\"/>")?;
        writeln!(out, "<g class=\"points\">")?;
        for at in row.first..row.end {
            if let Some(entropy) = value(at) {
                let (x, y) = (self.x(row, at) + half, self.y(row, entropy));
                let next = if self.is_next(at) {
                    " class=\"next\""
                } else {
                    ""
                };
                writeln!(out, "<circle{next} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>")?;
            }
        }
        writeln!(out, "</g>")
    }

    fn labels(&self, out: &mut impl Write, row: &Row<'_>, floor: f64) -> io::Result<()> {
        let base = floor + 19.0;
        for cell in row.cells {
            let width = self.slot * cell.len as f64;
            let x = self.x(row, cell.at) + width / 2.0;
            if cell.len > 1 {
                // The bytes of the character: a line across it starts a patch inside.
                writeln!(
                    out,
                    "<path class=\"mark\" d=\"M{:.1} {:.1}h{:.1}\"/>",
                    x - width / 2.0 + 3.0,
                    base + 7.0,
                    width - 6.0
                )?;
            }
            match cell.piece {
                Piece::Char(c) if c != '\n' && c != '\t' && c != '\r' && c.is_whitespace() => {
                    writeln!(
                        out,
                        "<path class=\"mark\" d=\"M{:.1} {:.1}v3h6v-3\"/>",
                        x - 3.0,
                        base - 2.0
                    )?;
                }
                Piece::Char('\n') => code(out, x, base, "↵", false)?,
                Piece::Char('\t') => code(out, x, base, "\\t", true)?,
                Piece::Char('\r') => code(out, x, base, "\\r", true)?,
                Piece::Char(c) => {
                    let mut utf8 = [0; 4];
                    let c = c.encode_utf8(&mut utf8);
                    writeln!(
                        out,
                        "<text class=\"label\" x=\"{x:.1}\" y=\"{base:.1}\">{}</text>",
                        Xml(c)
                    )?;
                }
                Piece::Invalid(byte) => code(out, x, base, &format!("\\x{byte:02X}"), true)?,
            }
        }
        if let Some(last) = (row.first..row.end)
            .next_back()
            .filter(|&at| self.is_next(at))
        {
            code(out, self.x(row, last) + self.slot / 2.0, base, "…", false)?;
        }
        if self.rows.len() > 1 {
            writeln!(
                out,
                "<text class=\"end\" x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
                LEFT - 8.0,
                row.first
            )?;
        }
        Ok(())
    }

    fn legend(&self, out: &mut impl Write, y: f64) -> io::Result<()> {
        let mut x = LEFT;
        let line = y - 4.0;
        if self.scale.is_some() {
            writeln!(out, "<path class=\"curve\" d=\"M{x:.1} {line:.1}h24\"/>")?;
            writeln!(
                out,
                "<circle class=\"points\" cx=\"{:.1}\" cy=\"{line:.1}\" r=\"2.6\"/>",
                x + 12.0
            )?;
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{y:.1}\">entropy of predicting each byte</text>",
                x + 32.0
            )?;
            x += 216.0;
            if self.threshold.is_some() {
                writeln!(out, "<path class=\"limit\" d=\"M{x:.1} {line:.1}h24\"/>")?;
                writeln!(
                    out,
                    "<text x=\"{:.1}\" y=\"{y:.1}\">threshold</text>",
                    x + 32.0
                )?;
                x += 108.0;
            }
        }
        writeln!(
            out,
            "<path class=\"patch\" d=\"M{x:.1} {:.1}v16\"/>",
            line - 8.0
        )?;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{y:.1}\">a patch starts</text>",
            x + 10.0
        )
    }
}

/// A small grey label; upright ones stand on their end, as they are wider than a slot.
fn code(out: &mut impl Write, x: f64, base: f64, text: &str, upright: bool) -> io::Result<()> {
    if upright {
        writeln!(
            out,
            "<text class=\"code middle\" transform=\"translate({:.1} {:.1})rotate(-90)\">{text}</text>",
            x + 3.0,
            base - 3.0
        )
    } else {
        writeln!(
            out,
            "<text class=\"middle\" x=\"{x:.1}\" y=\"{base:.1}\">{text}</text>"
        )
    }
}
