//! The `blt` command line.

mod commands;

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    skip_mesa_device_selection();
    commands::main()
}

/// Mesa's device-selection layer asks the desktop which GPU to list first, and
/// where there is no desktop session it writes an error to stderr for each try.
/// The adapters are ranked here anyway, so without a session the layer is off.
#[cfg(target_os = "linux")]
fn skip_mesa_device_selection() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first thing the process does; there is no other thread yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
