//! What a window computes on and what it draws with: one device where there is a
//! GPU, otherwise the processor and whatever draws.

use std::sync::Arc;

use crate::device::{Device, DeviceOptions, Gpu};
use crate::error::{Error, Result};

/// The devices of a window. A clone is the same devices.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Where the model runs.
    pub compute: Arc<Device>,
    /// What draws; where it is the same, it reads what the model has written. `None` is
    /// a browser, which draws by itself.
    pub graphics: Option<Arc<Gpu>>,
}

impl Devices {
    /// Opens what the options ask for, and something that draws beside it.
    ///
    /// # Errors
    /// As for [`Device::open`]; [`Adapter`](crate::Error::Adapter) where nothing
    /// draws.
    pub async fn open(options: &DeviceOptions) -> Result<Self> {
        Self::open_for(options, |_, _| Ok(())).await
    }

    /// The same, where not every adapter can draw onto what is drawn on: `draws` says why
    /// one cannot, and then another one draws, beside the one that computes.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and what `draws` says.
    pub(crate) async fn open_for(
        options: &DeviceOptions,
        draws: impl Fn(&wgpu::Instance, &wgpu::Adapter) -> Result<()>,
    ) -> Result<Self> {
        let compute = Device::open(options).await?;
        let graphics = match compute.gpu() {
            Some(gpu) => match draws(gpu.instance(), gpu.adapter()) {
                Ok(()) => Arc::clone(gpu),
                Err(why) => {
                    let computes = &gpu.summary().name;
                    tracing::warn!("{why}; another adapter draws, and {computes} computes");
                    Device::open_graphics_for(options, draws).await?
                }
            },
            None => Device::open_graphics_for(options, draws).await?,
        };
        Ok(Self {
            compute,
            graphics: Some(graphics),
        })
    }

    /// What draws a window or a picture.
    ///
    /// # Errors
    /// [`Error::Adapter`] in a browser.
    pub(crate) fn graphics(&self) -> Result<&Arc<Gpu>> {
        self.graphics.as_ref().ok_or_else(no_graphics)
    }
}

/// The error of a picture that is asked for in a browser.
pub(crate) fn no_graphics() -> Error {
    Error::Adapter("no graphics adapter can be opened to draw a picture in a browser".to_owned())
}
