//! An open device, with its errors turned into values.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::adapter::{AdapterChoice, AdapterSummary, choose};
use super::kernel::{Pipeline, PipelineCache, Shader};
use super::readback::Poller;
use super::tier::Tier;
use super::tuning::Tuning;
use crate::error::{Error, Result};

/// How to open a device.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Which adapter.
    pub choice: AdapterChoice,
    /// A forced tier; `None` takes all that the adapter has. The base tier also
    /// restricts the device to WebGPU's default limits.
    pub tier: Option<Tier>,
    /// Compile shaders with bounds checks and bounded loops, as a browser would.
    pub checked_shaders: bool,
    /// Split tensors into bindings of at most this many bytes; for tests.
    pub binding_bytes: Option<u64>,
    /// Take it that the adapter has so many bytes; `None` asks it.
    pub memory: Option<u64>,
}

/// An open device with its queue, limits, tuning and compiled kernels.
#[derive(Debug)]
pub struct Gpu {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    /// Held by whoever submits, and alone by whoever needs the queue empty.
    submitting: RwLock<()>,
    pub(crate) tuning: &'static Tuning,
    pub(crate) poller: Poller,
    summary: AdapterSummary,
    tier: Tier,
    checked: bool,
    binding_bytes: u64,
    timestamps: bool,
    memory: Option<u64>,
    pipelines: PipelineCache,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// The first error that the device reported outside any call.
#[derive(Debug)]
enum Failure {
    Gpu(String),
    OutOfMemory(String),
    Lost(String),
}

impl Gpu {
    /// Opens a device.
    ///
    /// # Errors
    /// [`Error::Adapter`] when no adapter fits or a forced tier is not there;
    /// [`Error::Gpu`] when the driver refuses the device.
    pub async fn open(options: &GpuOptions) -> Result<Arc<Self>> {
        let (instance, adapter, summary) = choose(&options.choice).await?;
        let tier = options.tier.unwrap_or(summary.tier);
        if !summary.tier.includes(tier) {
            return Err(Error::Adapter(format!(
                "{} has no tier {tier}; its highest is {}",
                summary.name, summary.tier
            )));
        }
        let memory = options
            .memory
            .or_else(|| super::memory::available(&adapter, summary.class));
        let own = adapter.limits();
        let required_limits = if options.tier == Some(Tier::BASE) {
            wgpu::Limits::default().or_worse_values_from(&own)
        } else {
            own
        };
        let timestamps = adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let mut required_features = tier.features();
        required_features.set(wgpu::Features::TIMESTAMP_QUERY, timestamps);
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("blt"),
                required_features,
                required_limits,
                experimental_features: wgpu::ExperimentalFeatures::disabled(),
                memory_hints: wgpu::MemoryHints::Performance,
                trace: wgpu::Trace::Off,
            })
            .await
            .map_err(|e| Error::Gpu(format!("{} cannot be opened: {e}", summary.name)))?;

        let failure = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            record(
                &slot,
                match error {
                    wgpu::Error::OutOfMemory { source } => Failure::OutOfMemory(source.to_string()),
                    other => Failure::Gpu(other.to_string()),
                },
            );
        }));
        let slot = Arc::clone(&failure);
        device.set_device_lost_callback(move |_, message| {
            record(&slot, Failure::Lost(message));
        });
        let limit = device
            .limits()
            .max_storage_buffer_binding_size
            .min(device.limits().max_buffer_size);
        // A binding's size must be a multiple of 4; 256 keeps every row aligned as well.
        let binding_bytes = options.binding_bytes.map_or(limit, |b| b.min(limit)) & !255;
        tracing::info!(
            "{} ({}, {:?}), tier {tier}",
            summary.name,
            summary.class,
            summary.backend
        );
        Ok(Arc::new(Self {
            poller: Poller::new(&device),
            tuning: Tuning::of(summary.class),
            instance,
            adapter,
            device,
            queue,
            submitting: RwLock::new(()),
            summary,
            tier,
            checked: options.checked_shaders,
            binding_bytes,
            timestamps,
            memory,
            pipelines: PipelineCache::default(),
            failure,
        }))
    }

    /// The instance that the adapter belongs to: surfaces of windows are made
    /// from it.
    #[must_use]
    pub fn instance(&self) -> &wgpu::Instance {
        &self.instance
    }

    /// wgpu's adapter.
    #[must_use]
    pub fn adapter(&self) -> &wgpu::Adapter {
        &self.adapter
    }

    /// wgpu's device. A window draws with it, so that it can read what kernels
    /// have written.
    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue of the device; there is one. Where several threads use it, submit with
    /// [`submit_commands`](Self::submit_commands).
    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Submits what has been recorded.
    pub fn submit_commands(
        &self,
        commands: impl IntoIterator<Item = wgpu::CommandBuffer>,
    ) -> wgpu::SubmissionIndex {
        let _turn = self.submitting.read();
        self.queue.submit(commands)
    }

    /// Does something while no work is under way and no thread can submit any: what
    /// configures a surface, which wgpu refuses at any other time and reports as an
    /// error of the device.
    pub fn while_idle<T>(&self, act: impl FnOnce() -> T) -> T {
        let _alone = self.submitting.write();
        // A device that is lost has nothing under way.
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
        act()
    }

    /// The adapter behind the device.
    #[must_use]
    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    /// The tier in use.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The largest binding of one tensor part, in bytes.
    #[must_use]
    pub fn binding_bytes(&self) -> u64 {
        self.binding_bytes
    }

    /// The largest binding that the adapter allows, in bytes.
    pub(crate) fn largest_binding(&self) -> u64 {
        let limits = self.device.limits();
        limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size)
    }

    /// Bytes of memory that weights and caches may take, where the adapter says.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// Can the device time single kernels?
    #[must_use]
    pub fn has_timestamps(&self) -> bool {
        self.timestamps
    }

    /// Gives the device back at once. What is still under way or comes later
    /// ends with [`Error::DeviceLost`].
    pub fn destroy(&self) {
        // The device says so only when it is asked, after errors that follow.
        record(&self.failure, Failure::Lost("it was given back".to_owned()));
        self.device.destroy();
    }

    /// The device's error, if it has reported one since it was opened.
    ///
    /// # Errors
    /// [`Error::Gpu`], [`Error::OutOfMemory`] or [`Error::DeviceLost`].
    pub fn check(&self) -> Result<()> {
        let slot = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            None => Ok(()),
            Some(Failure::Gpu(message)) => Err(Error::Gpu(message.clone())),
            Some(Failure::OutOfMemory(message)) => Err(Error::OutOfMemory(message.clone())),
            Some(Failure::Lost(message)) => Err(Error::DeviceLost(message.clone())),
        }
    }

    pub(crate) fn pipeline(&self, shader: &'static Shader, variant: usize) -> Arc<Pipeline> {
        self.pipelines
            .get(&self.device, shader, variant, self.checked)
    }
}

/// Keeps the first failure, which is the cause; a lost device outranks it,
/// because everything after it fails too.
fn record(slot: &Mutex<Option<Failure>>, failure: Failure) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() || matches!(failure, Failure::Lost(_)) {
        *slot = Some(failure);
    }
}
