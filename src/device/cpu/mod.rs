//! The processor as a device: plans run as Rust functions, one per kernel.

pub(crate) mod kernels;
mod processor;
pub(crate) mod raw;
mod system;
#[cfg(test)]
mod tests;

use super::failure::{Failure, FailureSlot};
use super::summary::{DeviceClass, DeviceSummary};
use super::tier::Tier;
use crate::error::Result;
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
    queue: Queue,
}

impl CpuDevice {
    /// With `threads` threads, or one per core, and vector instructions up to `level`.
    pub(super) fn new(
        level: Level,
        threads: Option<usize>,
        memory: Option<u64>,
        binding_bytes: Option<u64>,
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
            queue: Queue::new(),
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

    /// Takes the turn on the queue, for reading and writing tensors.
    pub(super) fn turn(&self) -> Turn<'_> {
        self.queue.turn()
    }

    /// Allocates zeroed memory, if there is that much.
    pub(super) fn try_allocate(&self, bytes: usize) -> Option<Memory> {
        self.queue.zeroed(bytes)
    }

    /// Allocates zeroed memory; without room it is empty and the device has failed.
    pub(super) fn allocate(&self, label: &str, bytes: usize) -> Memory {
        self.queue.zeroed(bytes).unwrap_or_else(|| {
            self.failure.record(Failure::OutOfMemory(format!(
                "{bytes} bytes for {label} cannot be had"
            )));
            Memory::empty()
        })
    }

    pub(super) fn destroy(&self) {
        self.failure
            .record(Failure::Lost("it was given back".to_owned()));
    }

    pub(super) fn check(&self) -> Result<()> {
        self.failure.check()
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
        tier: Tier::BASE,
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
