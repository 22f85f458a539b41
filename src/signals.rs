//! What asks a program to end: ctrl-C, SIGTERM and SIGHUP.

/// Calls `asked` when the program is asked to end, on a thread of its own.
///
/// Signals that were ignored when the program started stay ignored: `nohup` keeps it
/// running when the terminal is closed, and ctrl-C does not end a shell's background job.
///
/// # Errors
/// If the system refuses, or somebody watches already.
pub fn watch(asked: impl FnMut() + Send + 'static) -> std::io::Result<()> {
    #[cfg(unix)]
    let ignored = ignored::signals();
    ctrlc::set_handler(asked).map_err(std::io::Error::other)?;
    #[cfg(unix)]
    ignored::ignore(ignored);
    Ok(())
}

#[cfg(unix)]
mod ignored {
    const WATCHED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

    /// Those of the signals above that are ignored now.
    pub(super) fn signals() -> [Option<libc::c_int>; 3] {
        WATCHED.map(|signal| {
            let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: only asks, and all zeros is a valid `sigaction` if it is not answered.
            let action = unsafe {
                libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
                action.assume_init()
            };
            (action.sa_sigaction == libc::SIG_IGN).then_some(signal)
        })
    }

    /// Ignores them again.
    pub(super) fn ignore(signals: [Option<libc::c_int>; 3]) {
        for signal in signals.into_iter().flatten() {
            // SAFETY: no handler of ours is installed, one is taken away.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
}
