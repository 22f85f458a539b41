//! The lanes for those who hear the screen.

use egui::{Id, Pos2, Rect, Ui, pos2};

use super::lane::{Lane, within};
use super::{CompareScreen, words};
use crate::window::accessibility::{self, Item, spoken};
use crate::window::words::Language;

impl CompareScreen {
    /// Lists the patches of each lane that show; gives the first byte of the one that
    /// was chosen. A lane's bars are as far below the top of a line as `bars` say, and
    /// so high.
    pub(super) fn list_lanes(
        &self,
        ui: &mut Ui,
        origin: Pos2,
        bars: &[f32],
        height: f32,
        language: Language,
    ) -> Option<usize> {
        let mut chosen = None;
        for ((number, lane), bar) in (1..).zip(&self.lanes).zip(bars) {
            let name = words::spoken_lane(language, number, &lane.title(language));
            let items = self.patches(ui, lane, origin, *bar, height, language);
            let id = Id::unique(("lane", lane.id));
            chosen = accessibility::list(ui, id, &name, items).or(chosen);
        }
        chosen
    }

    fn patches<'a>(
        &'a self,
        ui: &Ui,
        lane: &'a Lane,
        origin: Pos2,
        bar: f32,
        height: f32,
        language: Language,
    ) -> impl Iterator<Item = Item> + use<'a> {
        let bytes = &self.subject.bytes;
        let layout = &self.view.layout;
        let (_, visible) = self.view.visible(ui.clip_rect(), origin);
        let inspected = self.inspected();
        lane.cut.iter().flat_map(move |cut| {
            within(&cut.begins, &visible).filter_map(move |index| {
                let begin = *cut.begins.get(index)?;
                let end = cut.begins.get(index + 1).copied().unwrap_or(bytes.len());
                let own = bytes.get(begin..end)?;
                let line = layout.line_of(begin)?;
                let top = origin.y + line.top + bar;
                let bounds = layout.extent(begin..end).map(|rect| {
                    let x = [origin.x + rect.left(), origin.x + rect.right()];
                    Rect::from_min_max(pos2(x[0], top), pos2(x[1], top + height))
                });
                let is_own = cut.only_here.binary_search(&begin).is_ok();
                Some(Item {
                    key: begin,
                    label: label(index, own, is_own, language),
                    bounds,
                    is_selected: inspected.is_some_and(|at| (begin..end).contains(&at)),
                })
            })
        })
    }
}

fn label(index: usize, own: &[u8], is_own: bool, language: Language) -> String {
    let mut label = words::spoken_patch(language, index, &spoken(own), own.len());
    if is_own {
        label += words::spoken_only_here(language);
    }
    label
}
