//! An [`Inspection`] as plain text.

use std::fmt::{self, Display, Formatter};

use super::inspect::Inspection;
use super::sentence::{listing, quoted, value};

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = if self.config.blt.is_some() {
            "Byte Latent Transformer"
        } else {
            "entropy model"
        };
        writeln!(f, "{} ({kind})", self.origin)?;
        if self.files.len() > 1 {
            writeln!(f, "{} files", self.files.len())?;
        }
        writeln!(f)?;
        parts(self, f)?;
        writeln!(f, "\nmemory for the weights: {}", size(self.gpu_bytes))?;
        closest(self, f)?;
        problems(self, f)?;
        if f.alternate() {
            writeln!(f)?;
            tensors(self, f)?;
        }
        Ok(())
    }
}

fn parts(inspection: &Inspection, f: &mut Formatter<'_>) -> fmt::Result {
    let row = |name: String, t: &super::inspect::Totals, dtypes: String| {
        [
            name,
            grouped(t.tensors),
            grouped(t.parameters),
            size(t.bytes),
            dtypes,
        ]
    };
    let mut rows = vec![["part", "tensors", "parameters", "stored", "dtype"].map(String::from)];
    for part in &inspection.parts {
        let mut dtypes = part.dtypes.join(", ");
        if part.missing > 0 {
            let gap = if dtypes.is_empty() { "" } else { " " };
            dtypes += &format!("{gap}({} missing)", grouped(part.missing));
        }
        rows.push(row(part.part.to_string(), &part.held, dtypes));
    }
    rows.push(row("total".into(), &inspection.total, String::new()));
    write_table(f, &rows, [false, true, true, true, false])
}

fn tensors(inspection: &Inspection, f: &mut Formatter<'_>) -> fmt::Result {
    let mut rows = vec![["tensor", "dtype", "shape", "parameters", "stored"].map(String::from)];
    for t in &inspection.tensors {
        let name = quoted(&t.name);
        let shape = t
            .shape
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" x ");
        rows.push([
            name.trim_matches('`').to_owned(),
            t.dtype.clone(),
            shape,
            grouped(t.parameters),
            size(t.bytes),
        ]);
    }
    write_table(f, &rows, [false, false, true, true, true])
}

fn closest(inspection: &Inspection, f: &mut Formatter<'_>) -> fmt::Result {
    let Some(closest) = &inspection.closest else {
        return Ok(());
    };
    // An entropy model alone is not the whole of a released model.
    let what = match inspection.config.blt {
        Some(_) => closest.name.to_owned(),
        None => format!("the entropy model of {}", closest.name),
    };
    if closest.differences.is_empty() {
        return writeln!(
            f,
            "architecture: {what} ({} tensors in the transformers layout, {} parameters)",
            grouped(closest.tensors),
            grouped(closest.parameters)
        );
    }
    let told: Vec<_> = closest
        .differences
        .iter()
        .map(|d| {
            format!(
                "{} {} instead of {}",
                d.setting,
                value(&d.here),
                value(&d.released)
            )
        })
        .collect();
    writeln!(
        f,
        "architecture: closest to {what} ({}): {}",
        match told.len() {
            1 => "1 difference".to_owned(),
            n => format!("{n} differences"),
        },
        listing(&told, 3)
    )
}

fn problems(inspection: &Inspection, f: &mut Formatter<'_>) -> fmt::Result {
    let missing: Vec<_> = inspection.missing.iter().map(|t| &t.name).collect();
    names(f, "missing", &missing)?;
    for t in &inspection.misshaped {
        writeln!(
            f,
            "wrong shape: {} is {:?}, the config asks for {:?}",
            quoted(&t.name),
            t.found,
            t.expected
        )?;
    }
    names(f, "wrong dtype", &inspection.mistyped)?;
    names(f, "not in the config", &inspection.extra)?;
    for warning in &inspection.warnings {
        writeln!(f, "warning: {warning}")?;
    }
    Ok(())
}

fn names<S: AsRef<str>>(f: &mut Formatter<'_>, what: &str, names: &[S]) -> fmt::Result {
    match names.len() {
        0 => Ok(()),
        n => writeln!(f, "{what} ({}): {}", grouped(n as u64), listing(names, 3)),
    }
}

/// Columns two spaces apart, as wide as their widest cell, no trailing spaces.
fn write_table<const N: usize>(
    f: &mut Formatter<'_>,
    rows: &[[String; N]],
    right: [bool; N],
) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for ((cell, &width), &right) in row.iter().zip(&widths).zip(&right) {
            line += &if right {
                format!("{cell:>width$}  ")
            } else {
                format!("{cell:<width$}  ")
            };
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// 1234567 as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest binary unit that leaves at least 1, to one decimal.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let Some(first) = bytes.checked_div(1024).filter(|&n| n > 0) else {
        return format!("{bytes} B");
    };
    let power = (first.ilog2() / 10).min(3);
    let unit = 1u128 << (10 * (power + 1));
    let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
    format!("{}.{} {}", tenths / 10, tenths % 10, units[power as usize])
}
