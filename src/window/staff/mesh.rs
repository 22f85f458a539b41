//! The staff as triangles made on the host, where what draws has no buffers for shaders
//! to read, as WebGL, or where it must be known what of it changed: what `shaders/view/staff.wgsl` draws, without motion.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Color32, Context, Id, Pos2, Rect, Shape, Stroke, pos2};

use super::painter::Staff;
use crate::window::engine::Cells;
use crate::window::theme;

/// Dashes of the threshold and the gaps between them, in points.
const DASH: (f32, f32) = (3.0, 2.5);

/// From now on staves are drawn without shaders of their own.
pub(crate) fn draw_triangles(context: &Context) {
    context.data_mut(|data| data.insert_temp(Id::unique(FLAG), true));
}

pub(super) fn draws_triangles(context: &Context) -> bool {
    context
        .data(|data| data.get_temp(Id::unique(FLAG)))
        .unwrap_or(false)
}

const FLAG: &str = "staves are triangles";

impl Staff {
    /// What shows of it, if its entropies are here.
    pub(super) fn shape(&self, pixels_per_point: f32) -> Shape {
        let values = match &self.news.cells {
            Some(Cells::Values(values)) => Some(values.as_slice()),
            _ => None,
        };
        let (lines, bytes) = self.visible();
        let slots = &self.layout.slots[bytes.start as usize..bytes.end as usize];
        let lines = &self.layout.lines[lines.start as usize..lines.end as usize];
        let pixel = 1.0 / pixels_per_point;
        let snapped = |at: f32| (at * pixels_per_point).round() / pixels_per_point;
        let measures = self.layout.measures;
        let entropy = |byte: usize| {
            let known = values.and_then(|values| values.get(byte)).copied();
            known.filter(|nats| !nats.is_nan()).unwrap_or(0.0)
        };
        let height = |byte: usize| entropy(byte) / theme::MOST * measures.staff;
        let is_start = |byte: usize| self.starts.get(byte).copied().unwrap_or(false);
        let opacity = |byte: usize| {
            if self.news.stale.contains(&byte) {
                0.5
            } else {
                1.0
            }
        };
        let signal = self.palette.signal;
        let line_color = self.palette.boundary;
        let at = |x: f32, y: f32| pos2(self.origin.x + x, self.origin.y + y);

        let mut mesh = Mesh::default();
        for line in lines {
            let (left, y) = (at(line.left, 0.0).x, snapped(at(0.0, line.foot).y));
            let right = at(line.right, 0.0).x;
            fill(
                &mut mesh,
                pos2(left, y),
                pos2(right, y + pixel),
                line_color.gamma_multiply(0.35),
            );
        }
        for slot in slots.iter().filter(|slot| is_start(slot.byte as usize)) {
            let left = snapped(at(slot.left, 0.0).x) - pixel;
            let foot = at(0.0, slot.foot).y;
            let least = pos2(left, foot + measures.rise);
            let color = line_color.gamma_multiply(0.9);
            fill(
                &mut mesh,
                least,
                pos2(left + pixel, foot + measures.drop),
                color,
            );
        }
        if values.is_some() && !measures.curve {
            for slot in slots {
                let byte = slot.byte as usize;
                let foot = at(0.0, slot.foot).y;
                let gap = ((slot.right - slot.left) * 0.15).min(1.0);
                let left = snapped(at(slot.left, 0.0).x);
                let right = snapped(at(slot.right - gap, 0.0).x).max(left + pixel);
                let color = self.color(entropy(byte)).gamma_multiply(opacity(byte));
                fill(
                    &mut mesh,
                    pos2(left, foot - height(byte)),
                    pos2(right, foot),
                    color,
                );
            }
        }
        if let Some(threshold) = self.threshold {
            let share = (threshold / theme::MOST).clamp(0.0, 1.0);
            for line in lines {
                let y = snapped(at(0.0, line.foot).y - share * measures.staff);
                let (mut left, right) = (at(line.left, 0.0).x - 10.0, at(line.right, 0.0).x + 8.0);
                while left < right {
                    let end = (left + DASH.0).min(right);
                    fill(&mut mesh, pos2(left, y), pos2(end, y + pixel), signal);
                    left += DASH.0 + DASH.1;
                }
            }
        }
        let mut shapes = vec![Shape::mesh(mesh)];
        if values.is_some() {
            let top = |slot: &super::layout::Slot| {
                let middle = (slot.left + slot.right) * 0.5;
                at(middle, slot.foot - height(slot.byte as usize))
            };
            if measures.curve {
                let color = self.color(theme::MOST);
                let pieces = slots
                    .windows(2)
                    .filter(|pair| pair[0].foot == pair[1].foot && pair[1].left >= pair[0].left);
                shapes.extend(pieces.map(|pair| {
                    let color = color.gamma_multiply(opacity(pair[0].byte as usize));
                    Shape::line_segment([top(&pair[0]), top(&pair[1])], Stroke::new(1.5, color))
                }));
            } else if self.threshold.is_some() {
                let starts = slots.iter().filter(|slot| is_start(slot.byte as usize));
                shapes.extend(starts.map(|slot| {
                    let radius = ((slot.right - slot.left) * 0.3).clamp(1.2, 2.0);
                    let color = signal.gamma_multiply(opacity(slot.byte as usize));
                    Shape::circle_filled(top(slot), radius, color)
                }));
            }
        }
        Shape::Vec(shapes)
    }

    /// The colour of an entropy in nats.
    fn color(&self, entropy: f32) -> Color32 {
        let [low, middle, high] = self.palette.entropy;
        let share = entropy / theme::MOST * 2.0;
        let color = low.lerp_to_gamma(middle, share.clamp(0.0, 1.0));
        color.lerp_to_gamma(high, (share - 1.0).clamp(0.0, 1.0))
    }
}

/// Adds a rectangle without soft edges.
fn fill(mesh: &mut Mesh, least: Pos2, greatest: Pos2, color: Color32) {
    let rect = Rect::from_min_max(least, greatest);
    let corners = [
        rect.left_top(),
        rect.right_top(),
        rect.left_bottom(),
        rect.right_bottom(),
    ];
    let first = u32::try_from(mesh.vertices.len()).unwrap_or(u32::MAX);
    mesh.vertices.extend(corners.map(|pos| Vertex {
        pos,
        uv: WHITE_UV,
        color,
    }));
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first + 2, first + 1, first + 3);
}
