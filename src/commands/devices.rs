//! `blt devices`

use std::fmt::Write as _;

use blt::device::{DeviceClass, DeviceSummary, Tier, devices};
use blt::measure::tune::TuningRecord;
use clap::Args;
use serde_json::json;

use super::failure::Outcome;
use super::global::{Global, complain};
use super::output;
use super::summary::binary;

const EXAMPLES: &str = "\
Examples:
  blt devices
  blt devices -v
  blt devices --backend vulkan --json
  blt --adapter 1 patch 'Hello'";

/// List the devices, best first: GPUs, the processor, software drivers
///
/// -v adds what is known of each GPU: kernels that were checked, and which variants were the
/// fastest on the shapes of the models that it has run.
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
        let mut text = table(&listed, chosen);
        if global.verbose > 0 {
            text.push_str(&listed.iter().map(found).collect::<String>());
        }
        output::print(&text)?;
        if let Some(remark) = listed
            .get(chosen)
            .and_then(remark)
            .filter(|_| !global.quiet)
        {
            complain(&remark, false);
        }
        Ok(())
    }
}

/// What to know about a device that is taken.
fn remark(device: &DeviceSummary) -> Option<&'static str> {
    match (device.class, device.backend) {
        (DeviceClass::Software, _) => Some(
            "this is a software driver, for tests of the shaders; --adapter cpu is much faster",
        ),
        (_, Some(wgpu::Backend::Dx12)) if device.tier == Tier::Base => Some(
            "DX12 compiles shaders with FXC here, which knows no subgroup operations: the base tier \
             is used, whose sums over rows take more steps; a Vulkan driver of the same GPU \
             (--backend vulkan), or dxcompiler.dll beside the program, has both",
        ),
        _ => None,
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

/// What was found out about an adapter when models were loaded on it.
fn found(adapter: &DeviceSummary) -> String {
    let path = adapter.backend.and_then(|_| TuningRecord::path(adapter));
    let Some(path) = path else {
        return String::new();
    };
    let record = TuningRecord::read(&path, adapter);
    let mut text = format!(
        "\n{}, {}, {}\n",
        adapter.name,
        backend(adapter),
        adapter.driver
    );
    if record == TuningRecord::new(adapter) {
        text.push_str("  no model has been loaded on it yet by this version\n");
        return text;
    }
    let right = record.right.len();
    let _ = writeln!(text, "  {right} kernel variants agree with the processor");
    if let Some(wrong) = &record.wrong {
        let _ = writeln!(text, "  {wrong}");
    }
    for choice in &record.choices {
        let _ = writeln!(
            text,
            "  {}, {}: {}",
            choice.kernel,
            choice.shape(),
            choice.taken
        );
        for (variant, time) in &choice.candidates {
            let time = match time {
                Some(microseconds) => format!("{microseconds:.1} us per step"),
                None => "far slower".to_owned(),
            };
            let _ = writeln!(text, "    {time:<18} {variant}");
        }
    }
    for rates in record.models.values().flatten() {
        let (adapter, processor) = (rates.adapter, rates.processor);
        let _ = writeln!(
            text,
            "  a model was written at {adapter:.0} bytes/s, by the processor at {processor:.0}"
        );
    }
    let _ = writeln!(text, "  kept in {}", path.display());
    text
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

#[cfg(test)]
mod tests {

    use super::*;

    fn device(class: DeviceClass, backend: Option<wgpu::Backend>, tier: Tier) -> DeviceSummary {
        DeviceSummary {
            name: "a device".into(),
            driver: String::new(),
            backend,
            class,
            tier,
            binding_bytes: 0,
            buffer_bytes: 0,
            subgroup_sizes: (0, 0),
        }
    }

    #[test]
    fn what_costs_time_is_said() {
        let base = Tier::Base;
        let full = Tier::Subgroups;
        let said = |class, backend, tier| remark(&device(class, backend, tier)).unwrap_or("");
        let dx12 = Some(wgpu::Backend::Dx12);
        assert!(said(DeviceClass::Discrete, dx12, base).contains("FXC"));
        assert!(said(DeviceClass::Discrete, dx12, full).is_empty());
        let vulkan = Some(wgpu::Backend::Vulkan);
        assert!(said(DeviceClass::Software, vulkan, full).contains("--adapter cpu"));
        assert!(said(DeviceClass::Discrete, vulkan, base).is_empty());
        assert!(said(DeviceClass::Cpu, None, base).is_empty());
    }
}
