//! What a device can do at most: other measurements are shares of it.

use std::time::Instant;

use crate::device::kernels::{PEAK, Peak, PeakParams, State};
use crate::device::plan::{Extent, ONE, Plan, PlanBuilder, Work};
use crate::device::{Device, DeviceClass, Tensor};
use crate::error::Result;

/// The measured peaks of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaks {
    /// Floating-point operations per second in f32: independent fused
    /// multiply-adds in registers, each of which counts 2.
    pub flops: f64,
    /// Bytes per second that a copy within the device's memory reads and
    /// writes.
    pub copy: f64,
}

impl Peaks {
    /// Measures them; takes a second or two.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn measure(device: &Device) -> Result<Self> {
        Ok(Self {
            flops: flops(device).await?,
            copy: copy(device).await?,
        })
    }
}

/// Turns of 16 multiply-adds over vectors of four, per invocation.
const TURNS: u32 = 256;
/// More than any cache holds.
const COPIED: u64 = 64 << 20;

async fn flops(device: &Device) -> Result<f64> {
    let invocations = match device.summary().class {
        DeviceClass::Software | DeviceClass::Cpu => 1 << 12,
        _ => 1 << 18,
    };
    let first = State {
        rows: 1,
        first_slot: 0,
    };
    let state = Tensor::from(device, "state", &[first]);
    let y = Tensor::new(device, "y", invocations);
    let kernel = Peak {
        state: state.all(),
        y: y.all(),
    };
    let variant = device.select(&PEAK, &[&[]], &[])?;
    let mut builder = PlanBuilder::new(device);
    let params = PeakParams { turns: TURNS };
    let grid = [Extent::Items(invocations), ONE];
    builder.push("peak", &kernel, variant, params, grid, Work::default());
    let best = seconds(device, &builder.build()?).await?;
    let per_invocation = f64::from(TURNS) * 16.0 * 4.0 * 2.0;
    #[expect(clippy::cast_precision_loss, reason = "a small power of two")]
    let all = invocations as f64 * per_invocation;
    Ok(all / best)
}

/// Seconds per run: as many runs as take a tenth of a second, the best of three.
async fn seconds(device: &Device, plan: &Plan) -> Result<f64> {
    let run = async |count: u32| -> Result<f64> {
        let start = Instant::now();
        for _ in 0..count {
            plan.start(device, 1);
        }
        device.idle().await?;
        Ok(start.elapsed().as_secs_f64() / f64::from(count))
    };
    // The first compiles the kernel.
    run(1).await?;
    let once = run(1).await?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded on both sides"
    )]
    let count = (0.1 / once).clamp(1.0, 2000.0) as u32;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        best = best.min(run(count).await?);
    }
    Ok(best)
}

async fn copy(device: &Device) -> Result<f64> {
    let values = usize::try_from(COPIED / 4).unwrap_or(0);
    let [from, to] = ["from", "to"].map(|label| Tensor::new(device, label, values));
    let times = match device.summary().class {
        DeviceClass::Software | DeviceClass::Cpu => 4,
        _ => 200,
    };
    // Memory that was never written may be one and the same page of zeros.
    device.copy(to.all(), from.all(), 1);
    let mut best = f64::INFINITY;
    // The first touches the memory for the first time.
    for turn in 0..4 {
        let start = Instant::now();
        device.copy(from.all(), to.all(), times);
        device.idle().await?;
        if turn > 0 {
            best = best.min(start.elapsed().as_secs_f64());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let bytes = COPIED as f64;
    Ok(2.0 * bytes * f64::from(times) / best)
}
