//! The devices there are, and how one is chosen and opened.

use std::sync::Arc;

use super::choices::{Choices, StepShape};
use super::cpu::kernels::linear::FEW_ROWS;
use super::cpu::{CpuDevice, Level};
use super::faults::{Faults, TierFault};
use super::gpu::adapter::{may_exist, ranked};
use super::gpu::{Gpu, GpuOptions};
use super::kernel::Shader;
use super::summary::{AdapterChoice, DeviceClass, DeviceSummary};
use super::tier::Tier;
use super::tuning::{Tune, Tuning};
use crate::error::{Error, Result};

/// How to open a device.
#[derive(Clone, Debug, Default)]
pub struct DeviceOptions {
    /// Which device.
    pub choice: AdapterChoice,
    /// A forced tier, which means a graphics adapter; `None` takes all that the
    /// device has. The base tier also restricts it to WebGPU's default limits.
    pub tier: Option<Tier>,
    /// Compile shaders with bounds checks and bounded loops, as a browser would.
    pub checked_shaders: bool,
    /// Split tensors into bindings of at most this many bytes; for tests.
    pub binding_bytes: Option<u64>,
    /// Take it that the device has this many bytes of memory; `None` asks it.
    pub memory: Option<u64>,
    /// Threads of the processor; `None` takes one per core. The results do not
    /// depend on it.
    pub threads: Option<usize>,
    /// When a graphics adapter's kernels are timed.
    pub tune: Tune,
    /// What is wrong with a tier of a graphics adapter; for tests of what finds that out, on
    /// software drivers too.
    #[doc(hidden)]
    pub tier_fault: Option<TierFault>,
    /// What goes wrong on the processor, for tests.
    pub faults: Option<Arc<Faults>>,
}

/// An open device. Models, sessions and commands never ask of which kind it is;
/// a window that draws does ([`Device::gpu`]).
#[derive(Debug)]
pub struct Device {
    pub(super) kind: Kind,
    pub(crate) tuning: &'static Tuning,
    pub(super) choices: Choices,
    tune: Tune,
}

#[derive(Debug)]
pub(super) enum Kind {
    Gpu(Arc<Gpu>),
    Cpu(Box<CpuDevice>),
}

/// A device that is there, before it is opened.
enum Found {
    Adapter(Box<wgpu::Adapter>),
    Cpu,
}

impl Found {
    fn summary(&self, threads: Option<usize>) -> DeviceSummary {
        match self {
            Self::Adapter(adapter) => DeviceSummary::from(&**adapter),
            Self::Cpu => CpuDevice::summary_with(threads),
        }
    }
}

/// The devices that fit the choice of API, best first. `asked` looks for graphics
/// adapters even where there cannot be a GPU.
async fn found(
    options: &DeviceOptions,
    asked: bool,
) -> Result<(Option<wgpu::Instance>, Vec<Found>)> {
    let choice = &options.choice;
    let api = choice.backend.is_some()
        || std::env::var("WGPU_BACKEND").is_ok_and(|backend| !backend.is_empty());
    let mut all = Vec::new();
    let mut instance = None;
    if asked || api || options.tier.is_some() || may_exist() {
        let (own, adapters) = ranked(choice).await?;
        instance = Some(own);
        all.extend(adapters.into_iter().map(|a| Found::Adapter(Box::new(a))));
    }
    if !api {
        all.push(Found::Cpu);
    }
    all.sort_by_key(|found| match found {
        Found::Adapter(adapter) => DeviceSummary::from(&**adapter).class,
        Found::Cpu => DeviceClass::Cpu,
    });
    Ok((instance, all))
}

/// Lists the devices, best first, and which of them [`Device::open`] takes; the
/// position is the index that [`AdapterChoice::adapter`] takes.
///
/// # Errors
/// [`Error::Argument`] when the backend's name is unknown; [`Error::Adapter`] when
/// there is none of that name or index.
pub async fn devices(options: &DeviceOptions) -> Result<(Vec<DeviceSummary>, usize)> {
    let (_, all) = found(options, true).await?;
    let all = all.iter().map(|found| found.summary(options.threads));
    let all: Vec<DeviceSummary> = all.collect();
    let wanted = options.choice.adapter.as_deref();
    match place_of(wanted, &all, options.tier) {
        Some(chosen) => Ok((all, chosen)),
        None => Err(none_of(wanted, &all)),
    }
}

/// Opens the first of several devices that can be opened, and says which could not.
///
/// # Errors
/// That of the last.
async fn first_that_opens<C, T>(
    all: Vec<(String, C)>,
    mut open: impl AsyncFnMut(C) -> Result<T>,
) -> Result<T> {
    let mut left = all.len();
    let mut last = none_of(None, &[]);
    for (name, candidate) in all {
        left -= 1;
        match open(candidate).await {
            Ok(opened) => return Ok(opened),
            // What the caller asked for is wrong for the next device as well.
            Err(error @ Error::Argument(_)) => return Err(error),
            Err(error) => {
                if left > 0 {
                    tracing::warn!("{name} is passed over for the next device: {error}");
                }
                last = error;
            }
        }
    }
    Err(last)
}

/// The place of the device that was asked for, or of the best: with a tier, of the best
/// that has tiers. An index counts all of them, as [`devices`] lists them.
fn place_of(wanted: Option<&str>, all: &[DeviceSummary], tier: Option<Tier>) -> Option<usize> {
    let is_cpu = |device: &DeviceSummary| device.class == DeviceClass::Cpu;
    let Some(text) = wanted else {
        return all
            .iter()
            .position(|device| tier.is_none() || !is_cpu(device));
    };
    let text = text.to_lowercase();
    if let Ok(index) = text.parse::<usize>() {
        return (index < all.len()).then_some(index);
    }
    let named = |device: &DeviceSummary| device.name.to_lowercase().contains(&text);
    match text.as_str() {
        "cpu" => all.iter().position(is_cpu),
        // A software driver may bear the processor's name.
        _ => (all
            .iter()
            .position(|device| named(device) && !is_cpu(device)))
        .or_else(|| all.iter().position(named)),
    }
}

impl Device {
    /// Opens the best device, or the one asked for.
    ///
    /// # Errors
    /// [`Error::Adapter`] when none fits or a forced tier is not there;
    /// [`Error::Device`] when a driver refuses.
    pub async fn open(options: &DeviceOptions) -> Result<Arc<Self>> {
        let wanted = options.choice.adapter.as_deref();
        let named = wanted.is_some_and(|name| !name.eq_ignore_ascii_case("cpu"));
        if wanted.is_some() && !named && options.tier.is_none() && options.choice.backend.is_none()
        {
            return Ok(Self::on_cpu(options));
        }
        let (instance, mut all) = found(options, named).await?;
        let summaries: Vec<DeviceSummary> =
            all.iter().map(|f| f.summary(options.threads)).collect();
        let Some(index) = place_of(wanted, &summaries, options.tier) else {
            // With a tier and no name the processor is not what was asked for.
            let none = wanted.map_or(&[][..], |_| &summaries);
            return Err(none_of(wanted, none));
        };
        let names: Vec<String> = summaries.into_iter().map(|s| s.name).collect();
        // Who asks for one device gets it or an error, and who asks for the best the next.
        let all = match wanted {
            Some(_) => vec![(names[index].clone(), all.swap_remove(index))],
            None => names.into_iter().zip(all).skip(index).collect(),
        };
        first_that_opens(all, async |found| match (found, &instance) {
            (Found::Cpu, _) if options.tier.is_some() => Err(Error::Argument(
                "the processor has no tiers; leave --tier out, or name a graphics adapter with \
                 --adapter (`blt devices` lists them)"
                    .to_owned(),
            )),
            (Found::Adapter(adapter), Some(instance)) => {
                let gpu = Gpu::open((instance.clone(), *adapter), options.of_gpu()).await?;
                Ok(Self::tuned(gpu, options.tune))
            }
            _ => Ok(Self::on_cpu(options)),
        })
        .await
    }

    /// Opens the best graphics adapter, or the one asked for if it is one: what a
    /// window draws with.
    ///
    /// # Errors
    /// As for [`Device::open`].
    pub async fn open_graphics(options: &DeviceOptions) -> Result<Arc<Gpu>> {
        Self::open_graphics_for(options, |_, _| Ok(())).await
    }

    /// The same, of the adapters that serve: `serves` says why one does not, and then the
    /// next is taken.
    ///
    /// # Errors
    /// As for [`Device::open`], and what `serves` says of the last.
    pub(crate) async fn open_graphics_for(
        options: &DeviceOptions,
        serves: impl Fn(&wgpu::Instance, &wgpu::Adapter) -> Result<()>,
    ) -> Result<Arc<Gpu>> {
        let (instance, all) = found(options, true).await?;
        let summaries: Vec<DeviceSummary> =
            all.iter().map(|f| f.summary(options.threads)).collect();
        let wanted = options.choice.adapter.as_deref();
        let asked = place_of(wanted, &summaries, options.tier);
        let before = all[..asked.unwrap_or(0)].iter();
        let index = match asked.map(|index| &all[index]) {
            Some(Found::Adapter(_)) => before.filter(|f| !matches!(f, Found::Cpu)).count(),
            // The processor draws nothing.
            Some(Found::Cpu) | None => 0,
        };
        let adapters = all.into_iter().filter_map(|found| match found {
            Found::Adapter(adapter) => Some(*adapter),
            Found::Cpu => None,
        });
        let mut adapters: Vec<wgpu::Adapter> = adapters.collect();
        let (Some(instance), false) = (instance, adapters.is_empty()) else {
            return Err(none_of(None, &[]));
        };
        // The one asked for first, then the others.
        let first = adapters.remove(index);
        adapters.insert(0, first);
        let named = |adapter: wgpu::Adapter| (DeviceSummary::from(&adapter).name, adapter);
        first_that_opens(adapters.into_iter().map(named).collect(), async |adapter| {
            serves(&instance, &adapter)?;
            Gpu::open((instance.clone(), adapter), options.of_gpu()).await
        })
        .await
    }

    /// The device that computes on an open graphics adapter.
    #[must_use]
    pub fn on(gpu: Arc<Gpu>) -> Arc<Self> {
        Self::tuned(gpu, Tune::default())
    }

    fn tuned(gpu: Arc<Gpu>, tune: Tune) -> Arc<Self> {
        Arc::new(Self {
            tuning: Tuning::of(gpu.summary().class),
            kind: Kind::Gpu(gpu),
            choices: Choices::default(),
            tune,
        })
    }

    fn on_cpu(options: &DeviceOptions) -> Arc<Self> {
        Self::at_level(Level::detect(), options)
    }

    /// The processor with one thread, to compare this device with; without vector
    /// instructions if this device is the processor too.
    #[must_use]
    pub(crate) fn to_compare_with(&self) -> Arc<Self> {
        let level = match self.kind {
            Kind::Gpu(_) => Level::detect(),
            Kind::Cpu(_) => Level::Plain,
        };
        let options = DeviceOptions {
            threads: Some(1),
            ..DeviceOptions::default()
        };
        Self::at_level(level, &options)
    }

    fn at_level(level: Level, options: &DeviceOptions) -> Arc<Self> {
        Arc::new(Self {
            tuning: Tuning::of(DeviceClass::Cpu),
            choices: Choices::default(),
            tune: options.tune,
            kind: Kind::Cpu(Box::new(CpuDevice::new(
                level,
                options.threads,
                options.memory,
                options.binding_bytes,
                options.faults.clone(),
            ))),
        })
    }

    /// The smallest number of rows from which on the results of linear layers for a row do
    /// not depend on how many rows a run has, to the bit; 1 on a GPU, where no number ensures it.
    pub(crate) fn least_rows_alike(&self) -> usize {
        match self.kind {
            Kind::Cpu(_) => FEW_ROWS + 1,
            Kind::Gpu(_) => 1,
        }
    }

    /// The graphics adapter, if it computes on one.
    #[must_use]
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.kind {
            Kind::Gpu(gpu) => Some(gpu),
            Kind::Cpu(_) => None,
        }
    }

    /// What it is.
    #[must_use]
    pub fn summary(&self) -> &DeviceSummary {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.summary(),
            Kind::Cpu(cpu) => cpu.summary(),
        }
    }

    /// The tier in use; the base tier on the processor, where it means nothing.
    #[must_use]
    pub fn tier(&self) -> Tier {
        match &self.kind {
            Kind::Gpu(gpu) => self.choices.tier().unwrap_or_else(|| gpu.tier()),
            Kind::Cpu(_) => Tier::Base,
        }
    }

    /// The tier that was asked for by name, if it still holds.
    pub(crate) fn forced_tier(&self) -> Option<Tier> {
        let gpu = self.gpu().filter(|gpu| gpu.is_tier_forced())?;
        Some(gpu.tier()).filter(|tier| *tier == self.tier())
    }

    /// Whether a variant compiles on this device.
    pub(crate) async fn compiles(&self, shader: &'static Shader, variant: usize) -> bool {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.compiles(shader, variant).await,
            Kind::Cpu(_) => true,
        }
    }

    /// When its kernels are timed.
    #[must_use]
    pub fn tune(&self) -> Tune {
        self.tune
    }

    /// Takes no kernel from now on that needs more than a tier: one that the adapter
    /// computes wrong. Plans that have been built stay as they are.
    pub fn lower_tier(&self, tier: Tier) {
        self.choices.lower(tier);
    }

    /// Takes a variant for the steps of a shape in all plans that are built from now on.
    pub fn choose(&self, shape: StepShape, variant: usize) {
        self.choices.choose(shape, variant);
    }

    /// The optional features in use, for people: the tier of a graphics adapter, or the
    /// vector instructions of the processor.
    #[must_use]
    pub fn features(&self) -> String {
        match &self.kind {
            Kind::Gpu(_) => self.tier().to_string(),
            Kind::Cpu(cpu) => cpu.cpu().level().to_string(),
        }
    }

    /// The largest binding of one tensor part, in bytes.
    #[must_use]
    pub fn binding_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.binding_bytes(),
            Kind::Cpu(cpu) => cpu.binding_bytes(),
        }
    }

    /// Bytes of memory that weights and caches may take, where the device says.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.memory(),
            Kind::Cpu(cpu) => cpu.memory(),
        }
    }

    /// Whether what does not fit in [`memory`](Self::memory) is refused. On integrated GPUs,
    /// whose drivers understate it, it is tried after a warning.
    #[must_use]
    pub fn is_memory_sure(&self) -> bool {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.is_memory_sure(),
            Kind::Cpu(_) => true,
        }
    }

    /// Are weights used where the file or the program has them, without a copy?
    #[must_use]
    pub(crate) fn shares_memory(&self) -> bool {
        matches!(self.kind, Kind::Cpu(_))
    }

    /// Can it time single kernels?
    #[must_use]
    pub fn has_timestamps(&self) -> bool {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.has_timestamps(),
            Kind::Cpu(_) => cfg!(not(target_arch = "wasm32")),
        }
    }

    /// Gives the device back at once. What is still under way or comes later
    /// ends with [`Error::DeviceLost`].
    pub fn destroy(&self) {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.destroy(),
            Kind::Cpu(cpu) => cpu.destroy(),
        }
    }

    /// The device's error, if it has reported one since it was opened.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::OutOfMemory`] or [`Error::DeviceLost`];
    /// [`Error::Checkpoint`] if another program has changed a file whose bytes it uses in
    /// place.
    pub fn check(&self) -> Result<()> {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.check(),
            Kind::Cpu(cpu) => {
                cpu.check()?;
                cpu.files().check()
            }
        }
    }
}

impl DeviceOptions {
    fn of_gpu(&self) -> GpuOptions {
        GpuOptions {
            tier: self.tier,
            checked_shaders: self.checked_shaders,
            binding_bytes: self.binding_bytes,
            memory: self.memory,
            tier_fault: self.tier_fault,
        }
    }
}

fn none_of(wanted: Option<&str>, all: &[DeviceSummary]) -> Error {
    if all.is_empty() {
        return Error::Adapter(
            "no graphics adapter found: install a GPU driver, or a software one \
             (Debian and Ubuntu: `apt-get install mesa-vulkan-drivers`), which a virtual machine or \
             WSL needs to draw a window; every other command runs on the processor without \
             (--adapter cpu)"
                .to_owned(),
        );
    }
    let names: Vec<String> = (0..)
        .zip(all)
        .map(|(index, device): (usize, _)| format!("{index}: {}", device.name))
        .collect();
    Error::Adapter(format!(
        "no adapter `{}`; there is {}",
        wanted.unwrap_or_default(),
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&'static str]) -> Vec<(String, &'static str)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), *name))
            .collect()
    }

    /// Opens the first of these of which `opens` says nothing, and tells which were tried.
    fn open(
        names: &[&'static str],
        opens: impl Fn(&str) -> Option<Error>,
    ) -> (Result<&'static str>, Vec<&'static str>) {
        let mut tried = Vec::new();
        let opened = pollster::block_on(first_that_opens(named(names), async |name| {
            tried.push(name);
            match opens(name) {
                None => Ok(name),
                Some(error) => Err(error),
            }
        }));
        (opened, tried)
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_passed_over() {
        let broken =
            |name: &str| (name != "cpu").then(|| Error::Device(format!("{name} cannot be opened")));
        let (opened, tried) = open(&["card", "chip", "cpu"], broken);
        assert!(matches!(opened, Ok("cpu")));
        assert_eq!(tried, ["card", "chip", "cpu"]);
        let (opened, tried) = open(&["card", "chip"], |_| None);
        assert!(matches!(opened, Ok("card")));
        assert_eq!(tried, ["card"]);
        let blind = |name: &str| {
            (name == "card").then(|| Error::Adapter("card cannot draw onto this display".into()))
        };
        let (opened, tried) = open(&["card", "chip", "driver"], blind);
        assert!(matches!(opened, Ok("chip")));
        assert_eq!(tried, ["card", "chip"]);
    }

    #[test]
    fn the_last_error_stands_and_a_wrong_argument_is_wrong_for_all() {
        let (opened, _) = open(&["card", "chip"], |name| {
            Some(Error::Device(format!("{name} cannot be opened")))
        });
        assert!(opened.is_err_and(|error| error.to_string().contains("chip")));
        let (opened, tried) = open(&["card", "chip"], |_| Some(Error::Argument("no".into())));
        assert!(opened.is_err());
        assert_eq!(tried, ["card"]);
        let (opened, _) = open(&[], |_| None);
        let said = opened.err().map(|error| error.to_string());
        assert!(said.is_some_and(|said| said.contains("--adapter cpu")));
    }
}
