//! The golden data, and checkpoints as the CPU reference takes them.

mod golden;
mod matrices;

use std::sync::Arc;

use blt::device::{AdapterChoice, Device, DeviceOptions, Tier};

pub(crate) use golden::{Golden, folder, golden, largest, stage_agrees};
pub(crate) use matrices::{blt_matrices, entropy_matrices, open, rule_of};

/// The device of the tests: that named by `BLT_TEST_ADAPTER`, `graphics` for the best
/// graphics adapter, or else the best device.
pub(crate) fn options() -> DeviceOptions {
    let named = std::env::var("BLT_TEST_ADAPTER").ok();
    let adapter = match named.as_deref() {
        Some("graphics") => {
            let best = DeviceOptions::default();
            let graphics = Device::open_graphics(&best);
            Some(pollster::block_on(graphics).unwrap().summary().name.clone())
        }
        _ => named,
    };
    DeviceOptions {
        choice: AdapterChoice {
            adapter,
            backend: None,
        },
        ..DeviceOptions::default()
    }
}

/// The processor, whatever else there is.
pub(crate) fn of_processor() -> DeviceOptions {
    DeviceOptions {
        choice: AdapterChoice {
            adapter: Some("cpu".to_owned()),
            backend: None,
        },
        ..DeviceOptions::default()
    }
}

/// The device of the tests, opened.
pub(crate) fn device() -> Arc<Device> {
    pollster::block_on(Device::open(&options())).unwrap()
}

/// The device of the tests, or a graphics adapter restricted to a tier; `None` where
/// the adapter lacks it.
pub(crate) fn on_tier(tier: Option<Tier>) -> Option<Arc<Device>> {
    let options = DeviceOptions { tier, ..options() };
    match pollster::block_on(Device::open(&options)) {
        Ok(device) => Some(device),
        Err(error) => {
            let has = on_graphics().summary().tier;
            assert!(tier.is_some_and(|tier| !has.includes(tier)), "{error}");
            None
        }
    }
}

/// A graphics adapter, for what only one can show.
pub(crate) fn on_graphics() -> Arc<Device> {
    Device::on(pollster::block_on(Device::open_graphics(&options())).unwrap())
}

/// The variants of the golden data from transformers.
pub(crate) const VARIANTS: [&str; 11] = [
    "bf16w",
    "dec_first",
    "enc3_last",
    "gqa",
    "k1",
    "k2_base",
    "k4_proj",
    "maxpatch",
    "nopatcher",
    "tied",
    "window",
];

/// Those of [`VARIANTS`] that have an entropy model.
pub(crate) fn with_entropy_model() -> impl Iterator<Item = &'static str> {
    VARIANTS
        .into_iter()
        .filter(|variant| *variant != "nopatcher")
}

/// The variants that no published checkpoint has, made by a script.
pub(crate) const MADE: [&str; 8] = [
    "made/concatenated",
    "made/encoder_cross_all",
    "made/no_decoder_cross",
    "made/no_encoder_cross",
    "made/nothing_projected",
    "made/pool_mean_max",
    "made/pool_min",
    "made/windows",
];

/// The inputs that every variant of [`VARIANTS`] has with all their stages.
pub(crate) const INPUTS: [&str; 7] = ["ascii", "code", "empty", "korean", "one", "repeat", "two"];
