//! A graphics adapter that is open, with its errors turned into values.

pub(super) mod adapter;
mod memory;
mod pace;
mod pipeline;
mod poller;

use std::sync::{Arc, RwLock};

use self::memory::Available;
use super::failure::{Failure, FailureSlot};
use super::faults::TierFault;
use super::kernel::Shader;
use super::summary::DeviceSummary;
use super::tier::Tier;
use crate::error::{Error, Result};
use pace::Pace;
pub(super) use pipeline::Pipeline;
use pipeline::PipelineCache;
pub(super) use poller::{Called, Poller};

/// How to open a graphics adapter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GpuOptions {
    /// A forced tier; the base tier also restricts the device to WebGPU's default
    /// limits.
    pub(super) tier: Option<Tier>,
    /// Compile shaders with bounds checks and bounded loops, as a browser would.
    pub(super) checked_shaders: bool,
    /// Split tensors into bindings of at most this many bytes; for tests.
    pub(super) binding_bytes: Option<u64>,
    /// Take it that the adapter has this many bytes.
    pub(super) memory: Option<u64>,
    /// What is wrong with a tier, for tests.
    pub(super) tier_fault: Option<TierFault>,
}

/// A graphics device with its queue, limits and compiled kernels.
#[derive(Debug)]
pub struct Gpu {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    /// Held by whoever submits, and alone by whoever needs the queue empty.
    submitting: RwLock<()>,
    pub(super) poller: Poller,
    pub(super) pace: Arc<Pace>,
    summary: DeviceSummary,
    tier: Tier,
    forced_tier: bool,
    checked: bool,
    binding_bytes: u64,
    timestamps: bool,
    memory: Option<Available>,
    pipelines: PipelineCache,
    failure: Arc<FailureSlot>,
}

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`Error::Adapter`] when a forced tier is not there; [`Error::Device`] when
    /// the driver refuses the device.
    pub(super) async fn open(
        (instance, adapter): (wgpu::Instance, wgpu::Adapter),
        options: GpuOptions,
    ) -> Result<Arc<Self>> {
        let summary = DeviceSummary::from(&adapter);
        let mut tier = options.tier.unwrap_or(summary.tier);
        if !summary.tier.includes(tier) {
            return Err(Error::Adapter(format!(
                "{} has no tier {tier}; its highest is {}",
                summary.name, summary.tier
            )));
        }
        let memory = match options.memory {
            Some(bytes) => Some(Available { bytes, sure: true }),
            None => memory::available(&adapter, summary.class),
        };
        let own = adapter.limits();
        let required_limits = if options.tier == Some(Tier::Base) {
            wgpu::Limits::default().or_worse_values_from(&own)
        } else {
            own
        };
        let timestamps = adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let request = async |tier: Tier| {
            let mut required_features = tier.features();
            required_features.set(wgpu::Features::TIMESTAMP_QUERY, timestamps);
            let experimental_features = if tier.has_matrix_units() {
                // SAFETY: the only experimental feature is that of matrix units. Kernels load
                // matrices from workgroup memory and store them there, at indices that
                // nothing outside the kernel decides.
                unsafe { wgpu::ExperimentalFeatures::enabled() }
            } else {
                wgpu::ExperimentalFeatures::disabled()
            };
            let descriptor = wgpu::DeviceDescriptor {
                label: Some("blt"),
                required_features,
                required_limits: required_limits.clone(),
                experimental_features,
                memory_hints: wgpu::MemoryHints::Performance,
                trace: wgpu::Trace::Off,
            };
            if options.tier_fault == Some(TierFault::Refused(tier)) {
                return Err("refused on purpose".to_owned());
            }
            let opened = adapter.request_device(&descriptor).await;
            opened.map_err(|error| error.to_string())
        };
        let mut opened = request(tier).await;
        // What a tier needs, and what is experimental above all, may be refused where less is not.
        while let (Err(error), None, Some(lower)) = (&opened, options.tier, tier.next_lower()) {
            tracing::info!("{} without the tier {tier}: {error}", summary.name);
            tier = lower;
            opened = request(tier).await;
        }
        let (device, queue) =
            opened.map_err(|e| Error::Device(format!("{} cannot be opened: {e}", summary.name)))?;

        let failure = Arc::new(FailureSlot::default());
        let slot = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            slot.record(match error {
                wgpu::Error::OutOfMemory { source } => Failure::OutOfMemory(source.to_string()),
                other => Failure::Device(other.to_string()),
            });
        }));
        let slot = Arc::clone(&failure);
        device.set_device_lost_callback(move |_, message| {
            slot.record(Failure::Lost(message));
        });
        let backend = summary.backend.unwrap_or(wgpu::Backend::Noop);
        let limit = memory::binding_limit(backend, &device.limits());
        // A binding's size must be a multiple of 4; 256 keeps every row aligned as well.
        let binding_bytes = options.binding_bytes.map_or(limit, |b| b.min(limit)) & !255;
        tracing::info!("{} ({}), tier {tier}", summary.name, summary.class,);
        let pace = Arc::new(Pace::default());
        Ok(Arc::new(Self {
            poller: Poller::new(&device, &pace),
            pace,
            instance,
            adapter,
            device,
            queue,
            submitting: RwLock::new(()),
            summary,
            tier,
            forced_tier: options.tier.is_some(),
            checked: options.checked_shaders,
            binding_bytes,
            timestamps,
            memory,
            pipelines: PipelineCache::new(options.tier_fault),
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
        let _ = poller::poll(&self.device, wgpu::PollType::wait_indefinitely());
        act()
    }

    /// The adapter behind the device.
    #[must_use]
    pub fn summary(&self) -> &DeviceSummary {
        &self.summary
    }

    /// The tier in use.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Was the tier asked for?
    pub(super) fn is_tier_forced(&self) -> bool {
        self.forced_tier
    }

    /// The largest binding of one tensor part, in bytes.
    #[must_use]
    pub fn binding_bytes(&self) -> u64 {
        self.binding_bytes
    }

    /// Bytes of memory that weights and caches may take, where the adapter says.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.memory.map(|available| available.bytes)
    }

    /// Whether what does not fit in that is refused; where drivers understate it, it is
    /// tried.
    #[must_use]
    pub fn is_memory_sure(&self) -> bool {
        self.memory.is_some_and(|available| available.sure)
    }

    /// Can the device time single kernels?
    #[must_use]
    pub fn has_timestamps(&self) -> bool {
        self.timestamps
    }

    /// Was it opened to show what finds faults out?
    pub(crate) fn is_under_test(&self) -> bool {
        self.pipelines.has_fault()
    }

    /// Milliseconds of the longest submission since this was last asked, of those
    /// that were long enough to be measured.
    #[must_use]
    pub fn longest_submission(&self) -> f64 {
        self.pace.take_longest() * 1e3
    }

    /// Gives the device back at once. What is still under way or comes later
    /// ends with [`Error::DeviceLost`].
    pub fn destroy(&self) {
        // The device says so only when it is asked, after errors that follow.
        self.failure
            .record(Failure::Lost("it was given back".to_owned()));
        self.device.destroy();
    }

    /// The device's error, if it has reported one since it was opened.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::OutOfMemory`] or [`Error::DeviceLost`].
    pub fn check(&self) -> Result<()> {
        self.failure.check()
    }

    /// Whether the driver compiles a variant. A failure is not kept as the device's error.
    pub(super) async fn compiles(&self, shader: &'static Shader, variant: usize) -> bool {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        self.pipeline(shader, variant);
        let internal = internal.pop();
        let errors = [internal.await, validation.pop().await];
        errors.iter().all(Option::is_none)
    }

    pub(super) fn pipeline(&self, shader: &'static Shader, variant: usize) -> Arc<Pipeline> {
        self.pipelines
            .get(&self.device, shader, variant, self.checked)
    }
}
