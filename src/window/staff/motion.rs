//! When the bars of a staff move: for a moment after something has come, and never
//! by themselves.

use std::ops::Range;
use std::sync::Arc;

use egui::Ui;

use crate::window::engine::Cells;

/// What a staff shows, as far as its bars depend on it.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// As an editor holds it.
    pub(super) text: Arc<str>,
    /// The entropies of its bytes, if there are any.
    pub(super) cells: Option<Cells>,
    /// Whether those are of the text before this one.
    pub(super) is_behind: bool,
    /// Bytes whose numbers have still to arrive.
    pub(super) stale: Range<usize>,
}

impl News {
    /// Whether two are the same, not only equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same_cells = match (&self.cells, &other.cells) {
            (Some(a), Some(b)) => a.is(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_cells
            && Arc::ptr_eq(&self.text, &other.text)
            && self.is_behind == other.is_behind
            && self.stale == other.stale
    }
}

/// A frame between two heights of a bar, in milliseconds that start anew after
/// `u32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Now.
    pub(super) now: u32,
    /// When something came last.
    pub(super) news: u32,
    /// How long a bar takes to its new height; nothing moves for 0.
    pub(super) duration: u32,
}

impl Moment {
    /// Whether every bar is where it will stay.
    pub(super) fn is_rest(self) -> bool {
        self.now.wrapping_sub(self.news) >= self.duration
    }
}

/// What a staff on the screen remembers of its news.
#[derive(Debug, Default)]
pub(super) struct Motion {
    news: Option<News>,
    came: u32,
}

impl Motion {
    /// Takes a look at what there is now; while bars move, the next frame is asked
    /// for. They take as long as the controls do.
    pub(super) fn look(&mut self, ui: &Ui, news: &News) -> Moment {
        let moment = self.at(
            ui.input(|input| input.time),
            news,
            ui.style().animation_time,
        );
        if !moment.is_rest() {
            ui.ctx().request_repaint();
        }
        moment
    }

    /// The same at a time in seconds, for bars that take so many seconds.
    fn at(&mut self, time: f64, news: &News, duration: f32) -> Moment {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "milliseconds start anew, and the duration is less than a second"
        )]
        let (now, duration) = ((time * 1e3) as u64 as u32, (duration * 1e3).round() as u32);
        if self.news.as_ref().is_none_or(|held| !held.is(news)) {
            self.news = Some(news.clone());
            self.came = now;
        }
        Moment {
            now,
            news: self.came,
            duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(cells: &Arc<Vec<f32>>, stale: Range<usize>) -> News {
        News {
            text: "ab".into(),
            cells: Some(Cells::Values(Arc::clone(cells))),
            is_behind: false,
            stale,
        }
    }

    #[test]
    fn bars_move_for_a_moment_after_the_last_news() {
        let cells = Arc::new(vec![1.0, 2.0, 3.0]);
        let (some, all) = (news(&cells, 1..3), news(&cells, 3..3));
        let mut motion = Motion::default();
        let mut is_rest = |time, news: &News| motion.at(time, news, 0.12).is_rest();
        assert!(!is_rest(5.0, &some));
        assert!(!is_rest(5.1, &some));
        assert!(!is_rest(5.11, &all), "the rest has come");
        assert!(!is_rest(5.22, &all));
        assert!(is_rest(5.231, &all));
        assert!(is_rest(1e9, &all));
        // The same numbers in another place are news.
        let copied = Arc::new(cells.to_vec());
        let again = News {
            text: Arc::clone(&all.text),
            ..news(&copied, 3..3)
        };
        assert!(!is_rest(1e9, &again));
    }

    #[test]
    fn without_motion_there_is_nothing_but_rest() {
        let mut motion = Motion::default();
        for time in [0.0, 0.001, 7.0] {
            let cells = Arc::new(vec![1.0]);
            assert!(motion.at(time, &news(&cells, 0..1), 0.0).is_rest());
        }
    }

    #[test]
    fn milliseconds_may_start_anew() {
        let moment = |now| Moment {
            now,
            news: u32::MAX - 20,
            duration: 120,
        };
        assert!(!moment(u32::MAX).is_rest());
        assert!(!moment(98).is_rest());
        assert!(moment(99).is_rest());
    }
}
