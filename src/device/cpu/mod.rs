//! The processor as a device: plans run as Rust functions, one per kernel.

mod files;
pub(crate) mod kernels;
mod processor;
pub(crate) mod raw;
mod system;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::failure::{Failure, FailureSlot};
use super::faults::Faults;
use super::summary::{DeviceClass, DeviceSummary};
use super::tier::Tier;
use crate::error::Result;
use files::Files;
pub(crate) use processor::Cpu;
pub(crate) use raw::Level;
pub(crate) use raw::memory::{Access, Binding, Bindings, Call, Memory, Queue, Turn};
pub(super) use system::memory as free_memory;

/// The processor, opened.
#[derive(Debug)]
pub(crate) struct CpuDevice {
    cpu: Cpu,
    summary: DeviceSummary,
    memory: Option<u64>,
    binding_bytes: u64,
    failure: FailureSlot,
    files: Files,
    queue: Queue,
    faults: Option<Arc<Faults>>,
}

impl CpuDevice {
    /// With `threads` threads, or one per core, and vector instructions up to `level`.
    pub(super) fn new(
        level: Level,
        threads: Option<usize>,
        memory: Option<u64>,
        binding_bytes: Option<u64>,
        faults: Option<Arc<Faults>>,
    ) -> Self {
        let cpu = Cpu::new(threads.unwrap_or_else(system::cores), level);
        let summary = summary(&cpu);
        tracing::info!("{} ({})", summary.name, summary.driver);
        Self {
            cpu,
            summary,
            memory: memory.or_else(system::memory),
            binding_bytes: binding_bytes.map_or(u64::MAX, |bytes| bytes & !255),
            failure: FailureSlot::default(),
            files: Files::default(),
            queue: Queue::new(),
            faults,
        }
    }

    /// What it would be, without starting threads.
    pub(super) fn summary_with(threads: Option<usize>) -> DeviceSummary {
        summary_of(threads.unwrap_or_else(system::cores), Level::detect())
    }

    pub(super) fn summary(&self) -> &DeviceSummary {
        &self.summary
    }

    pub(super) fn memory(&self) -> Option<u64> {
        self.memory
    }

    pub(super) fn binding_bytes(&self) -> u64 {
        self.binding_bytes
    }

    pub(super) fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Takes the turn on the queue for a plan.
    pub(super) fn submit(&self) -> Turn<'_> {
        if self.faults.as_ref().is_some_and(|faults| faults.loses()) {
            self.failure.record(Failure::Lost("on purpose".to_owned()));
        }
        self.queue.turn()
    }

    fn has_room(&self) -> bool {
        !self.faults.as_ref().is_some_and(|faults| faults.refuses())
    }

    /// Takes the turn on the queue, for reading and writing tensors.
    pub(super) fn turn(&self) -> Turn<'_> {
        self.queue.turn()
    }

    /// Allocates zeroed memory for weights, if there is that much.
    pub(super) fn try_allocate_weights(&self, bytes: usize) -> Option<Memory> {
        let allocate = || self.queue.zeroed_weights(bytes);
        self.has_room().then(allocate).flatten()
    }

    /// Allocates zeroed memory; without room it is empty and the device has failed.
    pub(super) fn allocate(&self, label: &str, bytes: usize) -> Memory {
        let allocate = || self.queue.zeroed(bytes);
        let memory = self.has_room().then(allocate).flatten();
        memory.unwrap_or_else(|| {
            self.failure.record(Failure::OutOfMemory(format!(
                "{bytes} bytes for {label} cannot be had"
            )));
            Memory::empty()
        })
    }

    /// The files whose bytes its tensors use.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    pub(super) fn destroy(&self) {
        self.failure
            .record(Failure::Lost("it was given back".to_owned()));
    }

    pub(super) fn check(&self) -> Result<()> {
        self.failure.check()?;
        self.files.check_faults()
    }
}

fn summary(cpu: &Cpu) -> DeviceSummary {
    summary_of(cpu.threads(), cpu.level())
}

fn summary_of(threads: usize, level: Level) -> DeviceSummary {
    let plural = if threads == 1 { "" } else { "s" };
    DeviceSummary {
        name: system::name(),
        driver: format!("{threads} thread{plural}, {level}"),
        backend: None,
        class: DeviceClass::Cpu,
        tier: Tier::Base,
        binding_bytes: u64::MAX,
        buffer_bytes: u64::MAX,
        subgroup_sizes: (0, 0),
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Plain if cfg!(target_arch = "aarch64") => "NEON",
            Self::Plain => std::env::consts::ARCH,
        })
    }
}
