//! Which parts of a frame differ from the one before, so that only those are drawn:
//! a software driver takes its time for every pixel.

use std::collections::HashMap;

use egui::epaint::{Mesh, Primitive, Vertex, WHITE_UV, util::hash};
use egui::{ClippedPrimitive, Color32, Rect, pos2};
use egui_wgpu::ScreenDescriptor;

/// The side of the tiles, in pixels, that are drawn again or not.
const TILE: u32 = 16;

/// Of more than this share of a frame all of it is drawn.
const MOST: f32 = 0.7;

/// Something drawn, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Item {
    /// Of all that decides how it looks. What changes in unknown ways has none.
    hash: Option<u64>,
    pixels: Pixels,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Pixels {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Pixels {
    fn is_empty(self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }

    fn and(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }
}

/// The frame before.
#[derive(Debug, Default)]
pub(super) struct Damage {
    items: Vec<Item>,
    /// Its size, pixels per point and background; `None`: nothing of it is known.
    of: Option<([u32; 2], f32, Color32)>,
}

impl Damage {
    /// The next frame is drawn whole.
    pub(super) fn forget(&mut self) {
        self.of = None;
    }

    /// What to draw over the frame before so that it looks like this one; `None`: all of it,
    /// from the background on.
    pub(super) fn parts(
        &mut self,
        primitives: &[ClippedPrimitive],
        screen: &ScreenDescriptor,
        background: Color32,
    ) -> Option<Vec<ClippedPrimitive>> {
        let scale = screen.pixels_per_point;
        let of = (screen.size_in_pixels, scale, background);
        let (items, bounds) = items(primitives, screen);
        let before = std::mem::replace(&mut self.items, items);
        if self.of.replace(of) != Some(of) {
            return None;
        }
        let tiles = Tiles::of(&before, &self.items, screen.size_in_pixels);
        if tiles.share() > MOST {
            return None;
        }
        let rectangles = tiles.rectangles();
        let mut parts: Vec<Vec<ClippedPrimitive>> = Vec::with_capacity(rectangles.len());
        for pixels in &rectangles {
            parts.push(vec![background_of(*pixels, screen, background)]);
        }
        let numbers = tiles.numbers(&rectangles);
        for (primitive, bounds) in primitives.iter().zip(&bounds) {
            let numbers = |place| tiles.within(place).filter_map(|tile| numbers[tile]);
            share_out(primitive, bounds, &rectangles, numbers, screen, &mut parts);
        }
        let parts = parts.into_iter().flatten().collect();
        Some(parts)
    }
}

/// All that shows of a frame, in the order in which it is drawn, and for each primitive where
/// its triangles are.
fn items(
    primitives: &[ClippedPrimitive],
    screen: &ScreenDescriptor,
) -> (Vec<Item>, Vec<Vec<Pixels>>) {
    let mut items = Vec::new();
    let of = |primitive: &ClippedPrimitive| {
        let clip = scissors(primitive.clip_rect, screen);
        let Primitive::Mesh(mesh) = &primitive.primitive else {
            items.push(Item {
                hash: None,
                pixels: clip,
            });
            return Vec::new();
        };
        let place = hash((
            mesh.texture_id,
            [clip.left, clip.top, clip.right, clip.bottom],
        ));
        let bounds = triangles(mesh).map(|corners| {
            let pixels = touched(&corners, screen).and(clip);
            if !pixels.is_empty() {
                let looks = corners.map(|v| {
                    let numbers = [v.pos.x, v.pos.y, v.uv.x, v.uv.y].map(f32::to_bits);
                    (numbers, v.color)
                });
                items.push(Item {
                    hash: Some(hash((place, looks))),
                    pixels,
                });
            }
            pixels
        });
        bounds.collect()
    };
    let bounds = primitives.iter().map(of).collect();
    (items, bounds)
}

fn triangles(mesh: &Mesh) -> impl Iterator<Item = [Vertex; 3]> {
    let (triangles, _) = mesh.indices.as_chunks::<3>();
    triangles.iter().filter_map(|corners| {
        let [a, b, c] = corners.map(|at| mesh.vertices.get(at as usize).copied());
        Some([a?, b?, c?])
    })
}

/// The pixels that egui's renderer lets through for a clip rectangle.
fn scissors(clip: Rect, screen: &ScreenDescriptor) -> Pixels {
    let [width, height] = screen.size_in_pixels;
    let pixel = |at: f32, most: u32| {
        let at = (at * screen.pixels_per_point).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the screen"
        )]
        let at = at.clamp(0.0, most as f32) as u32;
        at
    };
    Pixels {
        left: pixel(clip.min.x, width),
        top: pixel(clip.min.y, height),
        right: pixel(clip.max.x, width),
        bottom: pixel(clip.max.y, height),
    }
}

/// The pixels that a triangle may touch, and those next to them.
fn touched(corners: &[Vertex; 3], screen: &ScreenDescriptor) -> Pixels {
    let [a, b, c] = corners.map(|corner| corner.pos * screen.pixels_per_point);
    let (least, most) = (a.min(b).min(c), a.max(b).max(c));
    let [width, height] = screen.size_in_pixels;
    // Conversions to integers saturate.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is beyond the screen is cut off"
    )]
    let pixel = |at: f32, most: u32| (at as u32).min(most);
    Pixels {
        left: pixel(least.x - 1.0, width),
        top: pixel(least.y - 1.0, height),
        right: pixel(most.x + 2.0, width),
        bottom: pixel(most.y + 2.0, height),
    }
}

/// The tiles of a screen in which something differs.
struct Tiles {
    columns: usize,
    size: [u32; 2],
    differ: Vec<bool>,
}

impl Tiles {
    /// Those of two frames.
    ///
    /// What both have in the same order may stay; all else that was or is drawn differs,
    /// with all that is behind it and before it.
    fn of(before: &[Item], after: &[Item], size: [u32; 2]) -> Self {
        let columns = size[0].div_ceil(TILE) as usize;
        let mut tiles = Self {
            columns,
            size,
            differ: vec![false; columns * size[1].div_ceil(TILE) as usize],
        };
        let same = |(a, b): &(&Item, &Item)| a.hash.is_some() && a == b;
        let head = before.iter().zip(after).take_while(same).count();
        let (before, after) = (&before[head..], &after[head..]);
        let tail = before.iter().rev().zip(after.iter().rev());
        let tail = tail.take_while(same).count();
        let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);

        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, item) in before.iter().enumerate().rev() {
            if let Some(hash) = item.hash {
                places.entry(hash).or_default().push(at);
            }
        }
        // Everything of `before` up to here is matched or differs.
        let mut next = 0;
        for item in after {
            let places = item.hash.and_then(|hash| places.get_mut(&hash));
            let place = places.and_then(|places| {
                while places.last().is_some_and(|at| *at < next) {
                    places.pop();
                }
                places.pop()
            });
            match place {
                Some(at) => {
                    tiles.add(&before[next..at]);
                    next = at + 1;
                }
                None => tiles.add(std::slice::from_ref(item)),
            }
        }
        tiles.add(&before[next..]);
        tiles
    }

    /// The tiles that a rectangle touches.
    fn within(&self, pixels: Pixels) -> impl Iterator<Item = usize> + use<> {
        let all = self.columns;
        let columns = pixels.left / TILE..pixels.right.div_ceil(TILE);
        let rows = match pixels.is_empty() {
            true => 0..0,
            false => pixels.top / TILE..pixels.bottom.div_ceil(TILE),
        };
        rows.flat_map(move |row| {
            let first = row as usize * all;
            first + columns.start as usize..first + columns.end as usize
        })
    }

    fn add(&mut self, items: &[Item]) {
        for item in items {
            for tile in self.within(item.pixels) {
                self.differ[tile] = true;
            }
        }
    }

    /// For each tile the rectangle that covers it.
    fn numbers(&self, rectangles: &[Pixels]) -> Vec<Option<usize>> {
        let mut numbers = vec![None; self.differ.len()];
        for (number, rectangle) in rectangles.iter().enumerate() {
            for tile in self.within(*rectangle) {
                numbers[tile] = Some(number);
            }
        }
        numbers
    }

    #[expect(clippy::cast_precision_loss, reason = "a screen has few tiles")]
    fn share(&self) -> f32 {
        let count = self.differ.iter().filter(|differs| **differs).count();
        count as f32 / self.differ.len().max(1) as f32
    }

    /// Rectangles that cover those tiles and no others, without overlap.
    fn rectangles(&self) -> Vec<Pixels> {
        let mut found: Vec<Pixels> = Vec::new();
        // Those that end where the row begins.
        let mut open = 0;
        for (row, tiles) in (0..).zip(self.differ.chunks(self.columns.max(1))) {
            let (top, first) = (row * TILE, found.len());
            let bottom = (top + TILE).min(self.size[1]);
            let mut column = 0;
            for run in tiles.chunk_by(|a, b| a == b) {
                let end = column + u32::try_from(run.len()).unwrap_or(u32::MAX);
                let (left, right) = (column * TILE, (end * TILE).min(self.size[0]));
                column = end;
                if !run[0] {
                    continue;
                }
                let above = found[open..]
                    .iter_mut()
                    .find(|above| (above.left, above.right, above.bottom) == (left, right, top));
                match above {
                    Some(above) => above.bottom = bottom,
                    None => found.push(Pixels {
                        left,
                        top,
                        right,
                        bottom,
                    }),
                }
            }
            // A rectangle that did not grow in this row grows no more.
            while open < first && found[open].bottom < bottom {
                open += 1;
            }
        }
        found
    }
}

fn in_points(pixels: Pixels, screen: &ScreenDescriptor) -> Rect {
    let points = |at: u32| at as f32 / screen.pixels_per_point;
    Rect::from_min_max(
        pos2(points(pixels.left), points(pixels.top)),
        pos2(points(pixels.right), points(pixels.bottom)),
    )
}

/// The background of a rectangle.
fn background_of(
    pixels: Pixels,
    screen: &ScreenDescriptor,
    background: Color32,
) -> ClippedPrimitive {
    let clip_rect = in_points(pixels, screen);
    let mut mesh = Mesh::default();
    let uv = Rect::from_min_max(WHITE_UV, WHITE_UV);
    mesh.add_rect_with_uv(clip_rect.expand(1.0), uv, background);
    ClippedPrimitive {
        clip_rect,
        primitive: Primitive::Mesh(mesh),
    }
}

/// Adds what of a primitive shows in each rectangle. The places of its triangles are known,
/// and so are the numbers of the rectangles at a place.
fn share_out<N: Iterator<Item = usize>>(
    whole: &ClippedPrimitive,
    bounds: &[Pixels],
    rectangles: &[Pixels],
    numbers: impl Fn(Pixels) -> N,
    screen: &ScreenDescriptor,
    parts: &mut [Vec<ClippedPrimitive>],
) {
    let clip_rect = |number: usize| {
        whole
            .clip_rect
            .intersect(in_points(rectangles[number], screen))
    };
    match &whole.primitive {
        Primitive::Mesh(mesh) => {
            let mut meshes: Vec<Mesh> = vec![Mesh::default(); rectangles.len()];
            // The last triangle that each has: it may be there in several tiles.
            let mut last = vec![usize::MAX; rectangles.len()];
            for (index, (corners, bounds)) in triangles(mesh).zip(bounds).enumerate() {
                for number in numbers(*bounds) {
                    if std::mem::replace(&mut last[number], index) == index {
                        continue;
                    }
                    let some = &mut meshes[number];
                    let first = u32::try_from(some.vertices.len()).unwrap_or(u32::MAX);
                    some.vertices.extend(corners);
                    some.indices.extend([first, first + 1, first + 2]);
                }
            }
            for (number, mut some) in meshes.into_iter().enumerate() {
                if !some.is_empty() {
                    some.texture_id = mesh.texture_id;
                    parts[number].push(ClippedPrimitive {
                        clip_rect: clip_rect(number),
                        primitive: Primitive::Mesh(some),
                    });
                }
            }
        }
        Primitive::Callback(_) => {
            let clip = scissors(whole.clip_rect, screen);
            for number in 0..rectangles.len() {
                if !clip.and(rectangles[number]).is_empty() {
                    parts[number].push(ClippedPrimitive {
                        clip_rect: clip_rect(number),
                        ..whole.clone()
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// A screen of a few tiles.
    const SIZE: [u32; 2] = [5 * TILE - 7, 4 * TILE + 9];

    fn random(rng: &mut StdRng) -> Item {
        let [width, height] = SIZE;
        let (left, top) = (rng.random_range(0..width), rng.random_range(0..height));
        Item {
            hash: Some(rng.random_range(0..30)),
            pixels: Pixels {
                left,
                top,
                right: rng.random_range(left + 1..=width.min(left + 40)),
                bottom: rng.random_range(top + 1..=height.min(top + 40)),
            },
        }
    }

    /// A hash stands for place and look.
    fn frame(rng: &mut StdRng, known: &[Item], count: usize) -> Vec<Item> {
        let drawn = (0..count).map(|_| known[rng.random_range(0..known.len())]);
        drawn.collect()
    }

    /// Each pixel shows all that was drawn there, in order.
    fn painted(items: &[Item], within: &[Pixels], onto: &mut [u64]) {
        for part in within {
            let mut drawn = |pixels: Pixels, draw: &dyn Fn(&mut u64)| {
                for y in pixels.top..pixels.bottom {
                    for x in pixels.left..pixels.right {
                        draw(&mut onto[(y * SIZE[0] + x) as usize]);
                    }
                }
            };
            drawn(*part, &|pixel| *pixel = 0);
            for item in items {
                let hash = item.hash.unwrap_or(0);
                drawn(item.pixels.and(*part), &|pixel| {
                    *pixel = egui::epaint::util::hash((*pixel, hash));
                });
            }
        }
    }

    #[test]
    fn parts_drawn_over_a_frame_make_the_next() {
        let mut rng = StdRng::seed_from_u64(1);
        let whole = [Pixels {
            right: SIZE[0],
            bottom: SIZE[1],
            ..Pixels::default()
        }];
        let mut spared = 0.0;
        for round in 0..300 {
            let known: Vec<Item> = (0..30)
                .map(|hash| Item {
                    hash: Some(hash),
                    ..random(&mut rng)
                })
                .collect();
            let count = rng.random_range(0..12);
            let before = frame(&mut rng, &known, count);
            let mut after = before.clone();
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..=after.len());
                match rng.random_range(0..3) {
                    0 => after.insert(at, known[rng.random_range(0..30)]),
                    1 if at < after.len() => drop(after.remove(at)),
                    _ if at > 0 => after.rotate_left(at / 2),
                    _ => {}
                }
            }
            let mut screen = vec![0; (SIZE[0] * SIZE[1]) as usize];
            painted(&before, &whole, &mut screen);
            let tiles = Tiles::of(&before, &after, SIZE);
            let rectangles = tiles.rectangles();
            painted(&after, &rectangles, &mut screen);
            let mut wanted = vec![0; screen.len()];
            painted(&after, &whole, &mut wanted);
            assert!(screen == wanted, "round {round}");
            spared += 1.0 - tiles.share();
            for (at, one) in rectangles.iter().enumerate() {
                let overlap = |other: &Pixels| !one.and(*other).is_empty();
                assert!(!rectangles[at + 1..].iter().any(overlap), "round {round}");
            }
            if before == after {
                assert_eq!(rectangles, []);
            }
        }
        assert!(spared > 100.0, "{spared}");
    }

    #[test]
    fn what_changes_in_unknown_ways_is_drawn_each_time() {
        let item = Item {
            hash: None,
            pixels: Pixels {
                left: 3,
                top: 4,
                right: 5,
                bottom: 6,
            },
        };
        let tiles = Tiles::of(&[item], &[item], SIZE);
        assert_eq!(tiles.rectangles().len(), 1);
    }
}
