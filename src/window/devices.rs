//! What a window computes on and what it draws with: one device where there is a
//! GPU, otherwise the processor and whatever draws.

use std::sync::Arc;

use crate::device::{Device, DeviceOptions, Gpu};
use crate::error::Result;

/// The devices of a window. A clone is the same devices.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Where the model runs.
    pub compute: Arc<Device>,
    /// What draws; where it is the same, it reads what the model has written.
    pub graphics: Arc<Gpu>,
}

impl Devices {
    /// Opens what the options ask for, and something that draws beside it.
    ///
    /// # Errors
    /// As for [`Device::open`]; [`Adapter`](crate::Error::Adapter) where nothing
    /// draws.
    pub async fn open(options: &DeviceOptions) -> Result<Self> {
        let compute = Device::open(options).await?;
        let graphics = match compute.gpu() {
            Some(gpu) => Arc::clone(gpu),
            None => Device::open_graphics(options).await?,
        };
        Ok(Self { compute, graphics })
    }
}
