//! `blt devices`

use std::fmt::Write as _;

use blt::device::{DeviceClass, DeviceSummary, devices};
use clap::Args;
use serde_json::json;

use super::failure::Outcome;
use super::global::{Global, complain};
use super::output;
use super::summary::binary;

const EXAMPLES: &str = "\
Examples:
  blt devices
  blt devices --backend vulkan --json
  blt --adapter 1 patch 'Hello'";

/// List the devices, best first: GPUs, the processor, software drivers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Devices {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (listed, chosen) = pollster::block_on(devices(&global.device()))?;
        if self.json {
            let list: Vec<_> = listed
                .iter()
                .enumerate()
                .map(|(index, adapter)| {
                    json!({
                        "index": index,
                        "chosen": index == chosen,
                        "name": adapter.name,
                        "class": adapter.class.to_string(),
                        "backend": adapter.backend.map(|_| backend(adapter)),
                        "driver": adapter.driver,
                        "tier": adapter.backend.map(|_| adapter.tier.to_string()),
                        "subgroup_sizes": subgroups(adapter).map(|(min, max)| [min, max]),
                        "binding_bytes": adapter.backend.map(|_| adapter.binding_bytes),
                        "buffer_bytes": adapter.backend.map(|_| adapter.buffer_bytes),
                    })
                })
                .collect();
            return output::print(&format!("{:#}", serde_json::Value::Array(list)));
        }
        output::print(&table(&listed, chosen))?;
        let taken = listed.get(chosen).map(|device| device.class);
        if !global.quiet && taken == Some(DeviceClass::Software) {
            complain(
                &"this is a software driver, for tests of the shaders; --adapter cpu is much faster",
                false,
            );
        }
        Ok(())
    }
}

fn backend(adapter: &DeviceSummary) -> String {
    match adapter.backend {
        Some(backend) => format!("{backend:?}").to_lowercase(),
        None => "-".to_owned(),
    }
}

fn subgroups(adapter: &DeviceSummary) -> Option<(u32, u32)> {
    Some(adapter.subgroup_sizes).filter(|sizes| *sizes != (0, 0))
}

fn table(listed: &[DeviceSummary], chosen: usize) -> String {
    let head = [
        "", "#", "name", "class", "backend", "tier", "subgroup", "binding", "driver",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for (index, adapter) in listed.iter().enumerate() {
        rows.push([
            if index == chosen { "*" } else { "" }.to_owned(),
            index.to_string(),
            adapter.name.clone(),
            adapter.class.to_string(),
            backend(adapter),
            match adapter.backend {
                Some(_) => adapter.tier.to_string(),
                None => "-".to_owned(),
            },
            match subgroups(adapter) {
                None => "-".to_owned(),
                Some((min, max)) if min == max => min.to_string(),
                Some((min, max)) => format!("{min}-{max}"),
            },
            match adapter.backend {
                Some(_) => binary(adapter.binding_bytes),
                None => "-".to_owned(),
            },
            adapter.driver.clone(),
        ]);
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0);
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\n* is taken; another one with --adapter NAME or #.\n");
    text
}
