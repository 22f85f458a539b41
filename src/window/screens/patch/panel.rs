//! The side panel of the patch screen: one byte and its patch, the rule, and the text
//! in numbers; and the line below the text.

use std::path::PathBuf;

use egui::{Align2, Id, Response, RichText, Ui, vec2};

use super::table::Opening;
use super::{PatchScreen, words};
use crate::session::ContextOptions;
use crate::window::context::Shared;
use crate::window::dialog::Purpose;
use crate::window::theme::{self, Palette};
use crate::window::widgets::{is_narrow, right, row, rule, thousands};

/// What the panel keeps from one frame to the next.
#[derive(Debug)]
pub(crate) struct Panel {
    /// Where the context of the entropy model is cut.
    pub(crate) context: ContextOptions,
    /// The interval in bytes that its control shows.
    pub(super) every: f64,
    /// The longest patch in bytes that its control shows while there is none.
    pub(super) longest: u32,
    /// The mean patch in bytes to solve for.
    pub(super) wanted: f64,
    /// Why it could not be solved for.
    pub(super) refused: Option<String>,
    /// Whether the counts of patch lengths are drawn by their logarithm.
    pub(super) logarithmic: bool,
    /// The control that is being changed: all that it does is one step of undo.
    pub(super) changing: Option<Id>,
    /// The table that is on its way.
    pub(super) opening: Opening,
    /// Whether the text is cut by it once it has come, whatever the mode now.
    pub(super) by_table: bool,
    /// Files of tables that were used before, the latest first.
    pub(crate) recent_tables: Vec<PathBuf>,
    /// A dialog that a control needs.
    pub(super) dialog: Option<Purpose>,
}

impl Default for Panel {
    fn default() -> Self {
        Self {
            context: ContextOptions::default(),
            every: 8192.0,
            longest: 16,
            wanted: 4.5,
            refused: None,
            logarithmic: false,
            changing: None,
            opening: Opening::default(),
            by_table: false,
            recent_tables: Vec::new(),
            dialog: None,
        }
    }
}

impl PatchScreen {
    pub(super) fn panel(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        ui.spacing_mut().item_spacing.y = 6.0;
        let at = self.inspected().min(self.text.bytes().len());
        self.inspector(ui, at, shared);
        rule(ui);
        self.controls(ui, shared);
        rule(ui);
        self.measures(ui, at, shared);
    }

    pub(super) fn status(&self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui.ctx());
        let words = shared.words;
        let statistics = self.text.statistics();
        let count = |number: u64, what: &str| format!("{} {what}", thousands(number));
        let parts = [
            count(self.text.bytes().len() as u64, words.bytes),
            count(self.text.characters() as u64, words.characters),
            count(statistics.patches, words.patches),
            format!("{:.2} {}", statistics.mean, words.bytes_per_patch),
        ];
        let numbers = |ui: &mut Ui| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    ui.label(RichText::new("·").color(palette.muted));
                }
                ui.label(RichText::new(part).color(palette.muted).size(12.5));
            }
        };
        if is_narrow(ui) {
            let height = ui.available_height();
            row(ui, "numbers of the text", |ui| {
                ui.set_height(height);
                numbers(ui);
            });
            return;
        }
        ui.horizontal_centered(|ui| {
            numbers(ui);
            let Some(took) = self.text.took() else {
                return;
            };
            let millis = took.as_secs_f64() * 1000.0;
            let text = words::per_change(shared.language, millis);
            let text = RichText::new(text).color(palette.muted).size(12.5);
            let label = egui::WidgetText::from(text).into_galley(
                ui,
                Some(egui::TextWrapMode::Extend),
                f32::INFINITY,
                egui::FontSelection::Default,
            );
            // In a narrow window the numbers of the text need all of the line.
            if label.size().x < ui.available_width() {
                right(ui, |ui| ui.label(label));
            }
        });
    }
}

/// Something said beside, over as many lines as it needs.
pub(super) fn note(ui: &mut Ui, text: impl Into<String>) -> Response {
    let palette = Palette::of(ui.ctx());
    ui.label(RichText::new(text).size(12.0).color(palette.muted))
}

/// A part that is closed until somebody wants it.
pub(super) fn fold<R>(ui: &mut Ui, title: &str, add: impl FnOnce(&mut Ui) -> R) {
    let palette = Palette::of(ui.ctx());
    let title = RichText::new(title)
        .font(theme::bold(11.5))
        .color(palette.muted);
    egui::CollapsingHeader::new(title)
        .icon(|ui, openness, response| {
            let palette = Palette::of(ui.ctx());
            let sign = if openness > 0.5 { "−" } else { "+" };
            let color = match response.hovered() || response.has_focus() {
                true => palette.text,
                false => palette.muted,
            };
            // In line with what stands above.
            let place = response.rect.left_center() - vec2(5.0, 0.0);
            ui.painter()
                .text(place, Align2::LEFT_CENTER, sign, theme::bold(12.5), color);
        })
        .show_unindented(ui, add);
}
