//! What the operating system says of the processor and its memory.

/// Physical cores that this process may use: two threads of one core share the units
/// that multiply.
pub(super) fn cores() -> usize {
    let usable = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    physical_cores().map_or(usable, |cores| cores.clamp(1, usable))
}

/// Cores of the machine, where the system tells them from their threads.
fn physical_cores() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
        let value = |block: &str, key: &str| {
            let named = |line: &&str| line.split(':').next().is_some_and(|k| k.trim() == key);
            let line = block.lines().find(named)?;
            Some(line.split(':').nth(1)?.trim().to_owned())
        };
        let core = |block: &str| Some((value(block, "physical id")?, value(block, "core id")?));
        let cores: std::collections::BTreeSet<_> = text.split("\n\n").filter_map(core).collect();
        (!cores.is_empty()).then_some(cores.len())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// The processor's name.
pub(super) fn name() -> String {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named = |line: &str| {
            let (key, name) = line.split_once(':')?;
            (key.trim() == "model name").then(|| name.trim().to_owned())
        };
        if let Some(name) = text.lines().find_map(named) {
            return name;
        }
    }
    format!("{} processor", std::env::consts::ARCH)
}

/// Bytes that models may take: four fifths of what is free, as the rest of the
/// system needs some as well.
pub(in crate::device) fn memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text
            .lines()
            .find(|line| line.starts_with("MemAvailable:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024 / 5 * 4)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
