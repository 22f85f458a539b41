//! What a model needs of the device's memory, known before anything is
//! allocated there.

use std::sync::Arc;

use super::buffers::ModelBuffers;
use super::load::{BltLoad, HashTables, WeightBits};
use super::sizes::{EntropySizes, ModelSizes, Sizes};
use crate::checkpoint::{BltWeights, Checkpoint, Part, TensorView};
use crate::device::Device;
use crate::error::{Error, Result};

/// Where a model's weights are, and what a text takes beside them, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct MemoryPlan {
    /// Weights on the device, hash tables included if they are there.
    pub adapter: u64,
    /// Hash tables that stay with the host.
    pub host: u64,
    /// Do the hash tables stay with the host?
    pub host_tables: bool,
    /// A session before its first token: keys, values and what a run computes in.
    pub session: u64,
    /// More for each patch beyond [`MemoryPlan::patches`].
    pub patch: u64,
    /// Patches that a new session has room for.
    pub patches: usize,
    /// What the device has, if it says so.
    pub available: Option<u64>,
}

impl MemoryPlan {
    /// Where the weights of a checkpoint would go.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] when they cannot fit with a session beside them, and
    /// what [`Checkpoint::blt_weights`] says.
    pub fn of(device: &Device, checkpoint: &Checkpoint, options: &BltLoad) -> Result<Self> {
        let weights = checkpoint.blt_weights()?;
        plan(device, checkpoint, &weights, options).map(|(plan, _)| plan)
    }

    /// The checkpoint with weights of `bits` bits, and where they would go. For
    /// [`WeightBits::Auto`] as it is, else in 8, in 8 and 4, and in 4 bits: the first
    /// that fits.
    ///
    /// # Errors
    /// As for [`MemoryPlan::of`]; those of the fewest bits.
    pub fn choose(
        device: &Device,
        checkpoint: &Arc<Checkpoint>,
        bits: WeightBits,
        options: &BltLoad,
    ) -> Result<(Arc<Checkpoint>, Self)> {
        let tried: &[WeightBits] = match bits {
            WeightBits::Auto => &[WeightBits::Stored, WeightBits::Eight, WeightBits::Mixed],
            _ => &[],
        };
        for bits in tried {
            let checkpoint = bits.of(checkpoint);
            match Self::of(device, &checkpoint, options) {
                Err(Error::OutOfMemory(_)) => {}
                found => return Ok((checkpoint, found?)),
            }
        }
        let last = match bits {
            WeightBits::Auto => WeightBits::Four,
            bits => bits,
        };
        let checkpoint = last.of(checkpoint);
        let plan = Self::of(device, &checkpoint, options)?;
        Ok((checkpoint, plan))
    }

    /// Does a text of that many patches fit beside the weights?
    pub(crate) fn check_patches(
        &self,
        device: &Device,
        session: u64,
        patches: usize,
    ) -> Result<()> {
        let grown = session + patches as u64 * self.patch;
        match self.available {
            Some(most) if self.adapter + grown + RESERVE > most && device.is_memory_sure() => {
                Err(Error::OutOfMemory(format!(
                    "a text of {patches} patches needs {} beside {} of weights and {} to spare, and {} \
                 has {}; shorten it or let patches be longer (a higher --threshold)",
                    gib(grown),
                    gib(self.adapter),
                    gib(RESERVE),
                    device.summary().name,
                    gib(most),
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes kept for uploads and for what the driver takes for itself.
pub const RESERVE: u64 = 128 << 20;

/// The plan, and what a session depends on.
pub(super) fn plan(
    device: &Device,
    checkpoint: &Checkpoint,
    weights: &BltWeights<'_>,
    options: &BltLoad,
) -> Result<(MemoryPlan, ModelSizes)> {
    let tables = weights.hash_tables.iter();
    let tables: u64 = tables.map(TensorView::stored_bytes).sum();
    let own = checkpoint.inspect();
    let given = options.entropy.as_deref();
    let rest: u64 = own
        .parts
        .iter()
        .filter(|held| match held.part {
            Part::HashTables | Part::Other => false,
            Part::Entropy => given.is_none(),
            _ => true,
        })
        .map(|held| held.held.bytes)
        .sum();
    let rest = rest + given.map_or(0, super::entropy::EntropyModel::bytes);
    let entropy = match (given, &checkpoint.config().entropy) {
        (Some(model), _) => Some(*model.sizes()),
        (None, Some(config)) => Some(EntropySizes::of(config)?),
        (None, None) => None,
    };
    let rows = device.tuning.chunk_rows as usize;
    let sizes = Sizes::new(rows, weights.config, entropy.and_then(|e| e.window));
    let available = device.memory();
    let fits = |bytes: u64| available.is_none_or(|most| bytes + RESERVE <= most);
    let model = |host_tables| ModelSizes::of(weights, entropy, host_tables, options.hf_compat);
    let session = |model: &ModelSizes| ModelBuffers::bytes(model, &sizes, 0);

    let with_tables = model(false)?;
    let host_tables = match options.hash_tables {
        HashTables::Host => true,
        HashTables::Device => false,
        // The processor makes the few random rows that it needs, rather than all.
        HashTables::Auto if device.shares_memory() && checkpoint.is_random() => true,
        // They are large, and in a page's files; of a text few rows are needed.
        HashTables::Auto if weights.hash_tables.iter().any(TensorView::is_unread) => true,
        HashTables::Auto => !fits(rest + tables + session(&with_tables)),
    };
    let (adapter, model) = match host_tables {
        true => (rest, model(true)?),
        false => (rest + tables, with_tables),
    };
    let new = session(&model);
    if !fits(adapter + new) {
        let remedy = if host_tables {
            "take fewer bits (--weights 4), a smaller model, or another device"
        } else {
            "leave the hash tables with the host (--hash-tables host)"
        };
        let needs = format!(
            "the model needs {} for weights, {} for a text and {} to spare, and {} has {}",
            gib(adapter),
            gib(new),
            gib(RESERVE),
            device.summary().name,
            gib(available.unwrap_or(0)),
        );
        if device.is_memory_sure() {
            return Err(Error::OutOfMemory(format!("{needs}; {remedy}")));
        }
        tracing::warn!(
            "{needs}, by what its driver says; it is tried all the same (--memory says how much \
             there is)"
        );
    }
    let one_more = Sizes {
        patches: sizes.patches + 1,
        ..sizes
    };
    let plan = MemoryPlan {
        adapter,
        host: if host_tables { tables } else { 0 },
        host_tables,
        session: new,
        patch: ModelBuffers::bytes(&model, &one_more, 0) - new,
        patches: sizes.patches,
        available,
    };
    Ok((plan, model))
}

/// A size in binary units, for a sentence.
pub(crate) fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mib = bytes as f64 / f64::from(1 << 20);
    match mib {
        small if small < 9.95 => format!("{small:.1} MiB"),
        small if small < 1023.5 => format!("{small:.0} MiB"),
        large => format!("{:.1} GiB", large / 1024.0),
    }
}
