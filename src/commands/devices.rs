//! `blt devices`

use std::fmt::Write as _;

use blt::Error;
use blt::gpu::{AdapterChoice, AdapterClass, AdapterSummary, Gpu, adapters};
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

/// List the graphics adapters, best first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Devices {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (listed, chosen) = pollster::block_on(listed(global))?;
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
                        "backend": backend(adapter),
                        "driver": adapter.driver,
                        "tier": adapter.tier.to_string(),
                        "subgroup_sizes": subgroups(adapter).map(|(min, max)| [min, max]),
                        "binding_bytes": adapter.binding_bytes,
                        "buffer_bytes": adapter.buffer_bytes,
                    })
                })
                .collect();
            return output::print(&format!("{:#}", serde_json::Value::Array(list)));
        }
        output::print(&table(&listed, chosen))?;
        let software = |adapter: &AdapterSummary| adapter.class == AdapterClass::Software;
        if !global.quiet && listed.iter().all(software) {
            complain(
                &"no GPU here, only software drivers: everything runs, on the CPU's cores, and slowly",
                false,
            );
        }
        Ok(())
    }
}

/// The adapters of the wanted backends, and which of them is taken.
///
/// # Errors
/// [`Error::Adapter`] if none is.
pub(super) async fn listed(global: &Global) -> blt::Result<(Vec<AdapterSummary>, usize)> {
    let choice = global.choice();
    let every = AdapterChoice {
        adapter: None,
        ..choice.clone()
    };
    let listed = adapters(&every).await?;
    let chosen = match &choice.adapter {
        None => Some(0),
        Some(text) => match text.parse::<usize>() {
            Ok(index) => Some(index),
            Err(_) => {
                let wanted = text.to_lowercase();
                listed
                    .iter()
                    .position(|adapter| adapter.name.to_lowercase().contains(&wanted))
            }
        },
    };
    match chosen.filter(|index| *index < listed.len()) {
        Some(chosen) => Ok((listed, chosen)),
        // The library says why.
        None => Err(Gpu::open(&global.gpu())
            .await
            .err()
            .unwrap_or_else(|| Error::Adapter("the adapters have just changed".into()))),
    }
}

fn backend(adapter: &AdapterSummary) -> String {
    format!("{:?}", adapter.backend).to_lowercase()
}

fn subgroups(adapter: &AdapterSummary) -> Option<(u32, u32)> {
    Some(adapter.subgroup_sizes).filter(|sizes| *sizes != (0, 0))
}

fn table(listed: &[AdapterSummary], chosen: usize) -> String {
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
            adapter.tier.to_string(),
            match subgroups(adapter) {
                None => "-".to_owned(),
                Some((min, max)) if min == max => min.to_string(),
                Some((min, max)) => format!("{min}-{max}"),
            },
            binary(adapter.binding_bytes),
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
