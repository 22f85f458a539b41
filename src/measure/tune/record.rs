//! What was found out about an adapter, as a file keeps it from one start to the next.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::Rates;
use crate::device::kernel::{Shader, Variant};
use crate::device::kernels::SHADERS;
use crate::device::{Device, DeviceSummary, StepShape, Tier, Timing};

/// What was found out about an adapter with one driver, by one version of the kernels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TuningRecord {
    /// What it is about; a record about anything else is as if it were empty.
    pub about: About,
    /// Variants whose results agreed with the processor's.
    pub right: Vec<String>,
    /// The first variant whose results did not, or that did not compile, if there was one.
    pub wrong: Option<Wrong>,
    /// The shapes of steps that were timed.
    pub choices: Vec<Choice>,
    /// Models for which all is done, by their shapes, and how fast they write where
    /// that was measured.
    pub models: BTreeMap<String, Option<Rates>>,
}

/// An adapter, its driver and a version of the kernels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The adapter's name.
    pub adapter: String,
    /// The graphics API.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// The version of this crate, and a number for the text of its kernels.
    pub version: String,
}

impl About {
    /// About an adapter, by the kernels of this program.
    #[must_use]
    pub fn of(adapter: &DeviceSummary) -> Self {
        let mut hash = DefaultHasher::new();
        for variant in SHADERS.iter().flat_map(|shader| shader.variants) {
            variant.wgsl.hash(&mut hash);
        }
        let backend = adapter.backend.map(|backend| format!("{backend:?}"));
        Self {
            adapter: adapter.name.clone(),
            backend: backend.unwrap_or_default().to_lowercase(),
            driver: adapter.driver.clone(),
            version: format!("{} {:016x}", env!("CARGO_PKG_VERSION"), hash.finish()),
        }
    }
}

/// A variant that computed wrong numbers, or did not compile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// The kernel and the variant.
    pub variant: String,
    /// The tier that it needs.
    pub tier: String,
    /// The tier that is used instead.
    pub instead: String,
    /// Did the driver compile it?
    pub compiled: bool,
    /// The largest error; `None` where it was non-finite, or the variant did not compile.
    pub error: Option<f64>,
}

/// The variants for one shape of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The kernel.
    pub kernel: String,
    /// Items in x and y: fixed ones and those per row.
    pub grid: [(u32, u32); 2],
    /// Operations per row.
    pub flops: u64,
    /// Bytes of weights.
    pub bytes: u64,
    /// The variants, the table's first choice in front, with microseconds per step;
    /// `None` for one that was far slower.
    pub candidates: Vec<(String, Option<f64>)>,
    /// The variant that is taken.
    pub taken: String,
}

impl Choice {
    pub(super) fn of(timing: &Timing) -> Option<Self> {
        let shape = &timing.shape;
        let shader = shader(shape.kernel)?;
        let label = |at: &usize| shader.variants.get(*at).map(Variant::label);
        let labels: Option<Vec<String>> = shape.candidates.iter().map(label).collect();
        Some(Self {
            kernel: shape.kernel.to_owned(),
            grid: shape.grid,
            flops: shape.flops,
            bytes: shape.bytes,
            candidates: (labels?.into_iter())
                .zip(timing.microseconds.iter().copied())
                .collect(),
            taken: label(&timing.fastest)?,
        })
    }

    /// The shape of the steps, for people.
    #[must_use]
    pub fn shape(&self) -> String {
        self.resolve()
            .map_or_else(String::new, |(shape, _)| shape.to_string())
    }

    /// The shape and the variant that is taken; `None` where this program has no such
    /// kernel or variant.
    fn resolve(&self) -> Option<(StepShape, usize)> {
        let shader = shader(&self.kernel)?;
        let place = |label: &str| {
            let mut all = shader.variants.iter();
            all.position(|variant| variant.label() == label)
        };
        let candidates = self.candidates.iter().map(|(label, _)| place(label));
        let shape = StepShape {
            kernel: shader.name,
            candidates: candidates.collect::<Option<_>>()?,
            grid: self.grid,
            flops: self.flops,
            bytes: self.bytes,
        };
        Some((shape, place(&self.taken)?))
    }
}

pub(super) fn shader(name: &str) -> Option<&'static Shader> {
    SHADERS.iter().copied().find(|shader| shader.name == name)
}

/// A variant of a kernel, for people and files.
pub(super) fn name_of(shader: &Shader, at: usize) -> String {
    let label = shader.variants.get(at).map(Variant::label);
    format!("{} {}", shader.name, label.unwrap_or_default())
        .trim_end()
        .to_owned()
}

impl TuningRecord {
    /// An empty one about an adapter.
    #[must_use]
    pub fn new(adapter: &DeviceSummary) -> Self {
        Self {
            about: About::of(adapter),
            ..Self::default()
        }
    }

    /// This one if it is about an adapter as it is now, otherwise an empty one.
    #[must_use]
    pub fn about(self, adapter: &DeviceSummary) -> Self {
        let empty = Self::new(adapter);
        match self.about == empty.about {
            true => self,
            false => empty,
        }
    }

    /// Lets a device be as it says, in all sessions that begin later.
    pub fn use_on(&self, device: &Device) {
        self.lower(device);
        self.choose(device);
    }

    /// Lowers the device's tier if a higher one is wrong.
    pub(super) fn lower(&self, device: &Device) {
        let instead = self
            .wrong
            .as_ref()
            .map(|wrong| wrong.instead.parse::<Tier>());
        if let Some(Ok(tier)) = instead
            && tier != device.tier()
            && device.tier().includes(tier)
        {
            device.lower_tier(tier);
        }
    }

    /// Lets the device take what was the fastest.
    pub(super) fn choose(&self, device: &Device) {
        for (shape, variant) in self.choices.iter().filter_map(Choice::resolve) {
            device.choose(shape, variant);
        }
    }

    /// Was a shape timed?
    pub(super) fn knows(&self, shape: &StepShape) -> bool {
        let mut known = self.choices.iter().filter_map(Choice::resolve);
        known.any(|(known, _)| known == *shape)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod file {
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use super::{About, DeviceSummary, Hash as _, Hasher as _, TuningRecord};

    impl TuningRecord {
        /// Where the system keeps what can be made anew: the file about an adapter.
        #[must_use]
        pub fn path(adapter: &DeviceSummary) -> Option<PathBuf> {
            let folders = directories::ProjectDirs::from("", "", "blt")?;
            let about = About::of(adapter);
            let mut hash = super::DefaultHasher::new();
            (&about.adapter, &about.backend).hash(&mut hash);
            let mut name: String = about
                .adapter
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .take(40)
                .collect();
            name.push_str(&format!("-{:08x}.json", hash.finish() & 0xffff_ffff));
            Some(folders.cache_dir().join("tuning").join(name))
        }

        /// Reads one; what is missing, old or broken is as if it were empty.
        #[must_use]
        pub fn read(path: &Path, adapter: &DeviceSummary) -> Self {
            let read = std::fs::read(path).ok();
            let record = read.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
            record.unwrap_or_default().about(adapter)
        }

        /// Writes it, all or nothing.
        ///
        /// # Errors
        /// The system's.
        pub fn write(&self, path: &Path) -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.persist(path).map_err(|failed| failed.error)?;
            Ok(())
        }
    }
}
