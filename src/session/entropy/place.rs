//! Where a text stands.

use crate::session::context::{Context, ContextOptions};

/// All that the host knows of a text on its way through the entropy model.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Tokens whose results are there.
    pub(super) taken: u64,
    /// What the next token may look back at.
    pub(super) context: Context,
    /// Ring slot of the next token.
    pub(super) slot: usize,
    /// Tokens whose keys and values are in the ring: the latest.
    pub(super) held: usize,
    /// Logits after the last token; empty where they are not known.
    pub(super) logits: Vec<f32>,
}

impl Place {
    /// Before the first token.
    pub(super) fn new(options: ContextOptions, window: Option<usize>) -> Self {
        Self {
            taken: 0,
            context: Context::new(options, window),
            slot: 0,
            held: 0,
            logits: Vec::new(),
        }
    }

    /// After `taken` tokens, none of which is in the ring.
    pub(super) fn begin_within(&mut self, taken: u64) {
        self.taken = taken;
        self.held = 0;
        self.context.pass_over(taken);
    }

    /// Goes on by the rows of a run.
    pub(super) fn advance(&mut self, rows: usize, slots: usize) {
        self.slot = (self.slot + rows) & (slots - 1);
        self.held = (self.held + rows).min(slots);
    }

    /// Follows a change of the text before: `taken` tokens come before this place
    /// now. Keys and values are sound from token `sound` on.
    pub(super) fn move_to(&mut self, taken: u64, sound: u64) {
        let held = usize::try_from(taken.saturating_sub(sound)).unwrap_or(usize::MAX);
        self.taken = taken;
        self.held = self.held.min(held);
    }

    /// Gives up what `tokens` more tokens overwrite.
    pub(super) fn overwrite(&mut self, tokens: usize, slots: usize) {
        self.held = self.held.min(slots.saturating_sub(tokens));
    }

    /// Is all in the ring that the next token looks back at?
    pub(super) fn is_whole(&self) -> bool {
        let window = self.context.window().unwrap_or(usize::MAX);
        let seen = usize::try_from(self.context.seen()).unwrap_or(usize::MAX);
        self.held >= seen.min(window.saturating_sub(1))
    }

    /// Goes back to the first `to` tokens and says whether it could: not where what
    /// the next token looks back at is overwritten, or where the context was cut
    /// in between.
    pub(super) fn back(&mut self, to: u64, slots: usize) -> bool {
        let Some(tokens) = self.taken.checked_sub(to) else {
            return false;
        };
        let rows = usize::try_from(tokens).unwrap_or(usize::MAX);
        if rows == 0 {
            return true;
        }
        if rows > self.held {
            return false;
        }
        let mut place = Self {
            logits: Vec::new(),
            context: self.context.clone(),
            taken: to,
            slot: (self.slot + slots - rows) & (slots - 1),
            held: self.held - rows,
        };
        let could = place.context.back(tokens) && place.is_whole();
        if could {
            std::mem::swap(self, &mut place);
        }
        could
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::id_of;

    fn at(tokens: usize, options: ContextOptions) -> Place {
        let mut place = Place::new(options, Some(4));
        for _ in 0..tokens {
            place.context.push(id_of(b'a'));
            place.advance(1, 8);
            place.taken += 1;
        }
        place
    }

    #[test]
    fn it_goes_back_as_far_as_the_ring_holds_a_window() {
        let place = at(20, ContextOptions::default());
        assert_eq!((place.slot, place.held), (4, 8));
        for to in 15..=20 {
            let mut back = place.clone();
            assert!(back.back(to, 8), "{to}");
            assert_eq!(back.context.clone().push(id_of(b'b')), (to, 4));
            assert_eq!(back.slot as u64, to % 8);
        }
        // The three keys before 14 are 11, 12 and 13; the ring holds 12 to 19.
        let mut back = place.clone();
        assert!(!back.back(14, 8));
        assert_eq!((back.taken, back.held), (20, 8));
        // At the beginning of a text less is enough.
        assert!(at(8, ContextOptions::default()).back(0, 8));
    }

    #[test]
    fn it_does_not_go_back_over_a_cut() {
        let options = ContextOptions {
            reset_every: Some(5),
            ..Default::default()
        };
        assert!(at(7, options).back(5, 8));
        assert!(!at(7, options).back(4, 8));
    }

    #[test]
    fn it_does_not_go_back_into_a_change() {
        let mut place = at(20, ContextOptions::default());
        // Three tokens fewer; what is sound begins at 11, and three keys are seen.
        place.move_to(17, 11);
        assert!(place.clone().back(14, 8));
        assert!(!place.clone().back(13, 8));
    }

    #[test]
    fn within_a_text_it_waits_for_all_that_is_seen() {
        let mut place = at(0, ContextOptions::default());
        place.begin_within(20);
        for held in 0..3 {
            assert_eq!((place.held, place.is_whole()), (held, false));
            let seen = place.context.push(id_of(b'a'));
            assert_eq!(seen, (20 + held as u64, 4));
            place.advance(1, 8);
            place.taken += 1;
        }
        assert!(place.is_whole());
        // The one before looked back at more than is there.
        assert!(!place.clone().back(22, 8));
    }

    #[test]
    fn what_is_overwritten_is_given_up() {
        let mut place = at(20, ContextOptions::default());
        place.overwrite(5, 8);
        assert!(place.is_whole());
        place.overwrite(6, 8);
        assert!(!place.is_whole());
    }
}
