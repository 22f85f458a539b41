//! What to do where the surface gives no frame, or one that no longer fits.

use std::time::Duration;

/// What the surface gave in place of a frame that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// A frame, but the surface has changed.
    Suboptimal,
    /// None: the surface has changed.
    Outdated,
    /// None: the surface is gone.
    Lost,
    /// None: the device was at something else for too long.
    Late,
    /// None: nobody can see it.
    Hidden,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remedy {
    /// Make the surface anew.
    pub(super) renew: bool,
    /// Tell the surface of its size again.
    pub(super) configure: bool,
    /// Ask for the frame again, so long afterwards; what stays hidden waits until the system
    /// says that it no longer is.
    pub(super) again: Option<Duration>,
}

/// The first pause before a frame is asked for again, and the longest: what cannot be seen
/// must not keep a processor busy, and what can be seen again must not wait for a key.
const FIRST: Duration = Duration::from_millis(16);
const LONGEST: Duration = Duration::from_millis(512);

/// The frames that were missed one after another.
#[derive(Debug, Default)]
pub(super) struct Frames {
    missed: u32,
}

impl Frames {
    /// A frame was shown.
    pub(super) fn shown(&mut self) {
        self.missed = 0;
    }

    /// A frame was not, or not as it should be. A frame that is late is never a reason to
    /// give up the device.
    pub(super) fn missed(&mut self, how: Missed) -> Remedy {
        let pause = FIRST * 2u32.saturating_pow(self.missed.min(16));
        self.missed = self.missed.saturating_add(1);
        Remedy {
            renew: how == Missed::Lost,
            configure: !matches!(how, Missed::Late | Missed::Hidden),
            again: (how != Missed::Hidden || pause < LONGEST).then_some(pause.min(LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// egui#8171: a first frame that is outdated, suboptimal, late or hidden leaves no blank
    /// window.
    #[test]
    fn every_missed_frame_is_asked_for_again() {
        for how in [
            Missed::Suboptimal,
            Missed::Outdated,
            Missed::Lost,
            Missed::Late,
            Missed::Hidden,
        ] {
            let mut frames = Frames::default();
            let remedy = frames.missed(how);
            assert_eq!(remedy.again, Some(FIRST));
            assert_eq!(remedy.renew, how == Missed::Lost);
            let fits = matches!(how, Missed::Late | Missed::Hidden);
            assert_eq!(remedy.configure, !fits);
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_end_with_a_frame() {
        let mut frames = Frames::default();
        let mut last = Duration::ZERO;
        for _ in 0..100 {
            let pause = frames.missed(Missed::Late).again.unwrap_or_default();
            assert!(pause >= last && pause <= LONGEST, "{pause:?}");
            last = pause;
        }
        assert_eq!(last, LONGEST);
        frames.shown();
        assert_eq!(frames.missed(Missed::Outdated).again, Some(FIRST));
    }

    /// A window that stays hidden keeps no processor busy.
    #[test]
    fn what_stays_hidden_is_left_alone() {
        let mut frames = Frames::default();
        let tries = (0..100).filter_map(|_| frames.missed(Missed::Hidden).again);
        let waited: Duration = tries.sum();
        assert!(
            waited >= FIRST && waited < Duration::from_secs(1),
            "{waited:?}"
        );
    }
}
