//! GFLOP/s and GB/s of every linear variant, with the share of the device's
//! measured peaks: `cargo bench --bench kernels [-- FILTER]`.
#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::ops::ControlFlow;
use std::time::Instant;

use blt::device::kernel::Kernel;
use blt::device::kernels::*;
use blt::device::plan::{Extent, Grid, Plan, PlanBuilder, Work};
use blt::device::tensor::Tensor;
use blt::device::{Device, DeviceOptions};
use blt::measure::peaks::Peaks;
use blt::numerics::Quantisation;
use blt::weights::{RowBlock, RowSource, Uploader, WeightType};

fn main() {
    let filter = std::env::args()
        .skip(1)
        .find(|a| !a.starts_with("--"))
        .unwrap_or_default();
    let choice = blt::device::AdapterChoice {
        adapter: std::env::var("BLT_ADAPTER").ok(),
        ..Default::default()
    };
    let device = pollster::block_on(Device::open(&DeviceOptions {
        choice,
        ..Default::default()
    }))
    .unwrap();
    let peak = pollster::block_on(Peaks::measure(&device)).unwrap();
    println!(
        "{} — tier {}; peak {:.1} GFLOP/s f32, copy {:.1} GB/s\n",
        device.summary().name,
        device.tier(),
        peak.flops / 1e9,
        peak.copy / 1e9
    );
    println!("| kernel | variant | rows | in → out | ms | GFLOP/s | % peak | GB/s | % copy |");
    println!("|---|---|---:|---|---:|---:|---:|---:|---:|");
    let software = device.summary().class == blt::device::DeviceClass::Software;
    let shapes: &[(usize, usize)] = if software {
        &[(192, 576), (768, 1024)]
    } else {
        &[(192, 576), (768, 4096), (4096, 4096)]
    };
    for &(inputs, outputs) in shapes {
        for rows in [1u32, 8] {
            bench_linear(&device, &peak, &LINEAR_ROWS, rows, inputs, outputs, &filter);
        }
        for rows in if software {
            vec![256u32]
        } else {
            vec![256, 1024]
        } {
            bench_linear(&device, &peak, &LINEAR_TILE, rows, inputs, outputs, &filter);
        }
    }
}

fn bench_linear(
    device: &Device,
    peak: &Peaks,
    shader: &'static blt::device::kernel::Shader,
    rows: u32,
    inputs: usize,
    outputs: usize,
    filter: &str,
) {
    let flops = 2.0 * f64::from(rows) * inputs as f64 * outputs as f64;
    let state = Tensor::from(
        device,
        "state",
        &[State {
            rows,
            first_slot: 0,
        }],
    );
    let values: Vec<f32> = (0..rows as usize * inputs)
        .map(|i| (i % 13) as f32 * 0.1)
        .collect();
    let x = Tensor::from(device, "x", &values);
    let y = Tensor::new(device, "y", rows as usize * outputs);
    for (index, variant) in shader.variants.iter().enumerate() {
        let label = variant.label();
        if !device.tier().includes(variant.needs)
            || !format!("{} {label}", shader.name).contains(filter)
        {
            continue;
        }
        if shader.name == "linear_rows" && variant.choices.contains(&("ROWS", "1")) != (rows == 1) {
            continue;
        }
        let weights = match variant.choices[0].1 {
            "f32" => WeightType::F32,
            "bf16" => WeightType::Bf16,
            "q8" => WeightType::Quantised(Quantisation::of_bits(8).unwrap()),
            "q4" => WeightType::Quantised(Quantisation::of_bits(4).unwrap()),
            _ => WeightType::F16,
        };
        let bytes = vec![0x2eu8; outputs * weights.row_bytes(inputs)];
        let mut uploader = Uploader::new(device, |_| ControlFlow::Continue(()));
        let matrix = pollster::block_on(uploader.matrix(
            "w",
            weights,
            inputs,
            &[RowBlock {
                rows: outputs,
                source: RowSource::Bytes(&bytes),
            }],
        ))
        .unwrap();
        let params = LinearParams {
            inputs4: (inputs / 4) as u32,
            outputs: outputs as u32,
            first_output: 0,
            stride: outputs as u32,
            keep: 0.0,
            slots: 0,
            inverse_columns: match variant.choices.contains(&("NORM", "yes")) {
                true => 1.0 / inputs as f32,
                false => 0.0,
            },
            epsilon: 1e-5,
            norm_outputs: 1,
            group_shift: weights.group_shift(),
        };
        let weights = matrix.parts[0].tensor.all();
        let plan = if shader.name == "linear_rows" {
            let kernel = LinearRows {
                state: state.all(),
                weights,
                x: x.all(),
                norm: x.all(),
                y: y.all(),
            };
            single(
                device,
                &kernel,
                index,
                params,
                [Extent::Items(outputs), Extent::Rows],
            )
        } else {
            let kernel = LinearTile {
                state: state.all(),
                weights,
                x: x.all(),
                norm: x.all(),
                y: y.all(),
            };
            single(
                device,
                &kernel,
                index,
                params,
                [Extent::Items(outputs), Extent::Rows],
            )
        };
        let seconds = time(device, &plan, rows);
        let moved = (outputs * matrix.row_bytes()) as f64
            + 4.0 * f64::from(rows) * (inputs + outputs) as f64;
        let (gflops, gbytes) = (flops / seconds / 1e9, moved / seconds / 1e9);
        println!(
            "| {} | {label} | {rows} | {inputs} → {outputs} | {:.3} | {gflops:.2} | {:.0} | {gbytes:.2} | {:.0} |",
            shader.name,
            seconds * 1e3,
            1e11 * gflops / peak.flops,
            1e11 * gbytes / peak.copy,
        );
    }
}

fn single<'a, K: Kernel<'a>>(
    device: &Device,
    kernel: &K,
    variant: usize,
    params: K::Params,
    grid: Grid,
) -> Plan {
    let mut builder = PlanBuilder::new(device);
    builder.push("bench", kernel, variant, params, grid, Work::default());
    builder.build().unwrap()
}

/// Seconds per run: enough runs for 0.2 s, the best of three.
fn time(device: &Device, plan: &Plan, rows: u32) -> f64 {
    let run = |count: u32| {
        let start = Instant::now();
        for _ in 0..count {
            plan.start(device, rows);
        }
        pollster::block_on(device.idle()).unwrap();
        start.elapsed().as_secs_f64() / f64::from(count)
    };
    run(1);
    let once = run(1);
    let count = ((0.1 / once) as u32).clamp(1, 2000);
    (0..3).map(|_| run(count)).fold(f64::INFINITY, f64::min)
}
