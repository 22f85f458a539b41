//! What is to be seen on a picture of the patch screen in the light theme, at one
//! pixel per point.

use image::RgbImage;

/// Height of a staff in pixels, and the entropy in nats that fills it.
const STAFF: u32 = 28;
const MOST: f32 = 4.5;
const GROUND: [u8; 3] = [255, 255, 255];
/// Threshold and dots.
const SIGNAL: [u8; 3] = [190, 62, 16];
/// Of an entropy of 0, of half and of all of a staff.
const ENTROPY: [[u8; 3]; 3] = [[110, 146, 160], [70, 122, 145], [14, 72, 98]];
/// Colours are rounded by more than one hand.
const TOLERANCE: u8 = 3;

/// Where the text is, and its column beside the panel.
const COLUMN: std::ops::Range<u32> = 12..925;
const TEXT: std::ops::Range<u32> = 62..750;

pub(crate) struct Picture(RgbImage);

/// The staff of the first line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staff {
    /// The left edge of its first bar.
    pub(crate) left: u32,
    /// Behind its right end.
    pub(crate) right: u32,
    /// The row below its bars.
    pub(crate) foot: u32,
    /// The row of the threshold.
    pub(crate) threshold: u32,
}

impl Staff {
    /// The threshold in nats, as precisely as a row of pixels says it.
    pub(crate) fn nats(&self) -> f32 {
        (self.foot - self.threshold) as f32 / STAFF as f32 * MOST
    }
}

fn near(a: [u8; 3], b: [u8; 3], most: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= most)
}

fn mix(a: [u8; 3], b: [u8; 3], share: f32) -> [u8; 3] {
    let mix = |at: usize| f32::from(a[at]) * (1.0 - share) + f32::from(b[at]) * share;
    [0, 1, 2].map(|at| mix(at).round() as u8)
}

fn color(entropy: f32) -> [u8; 3] {
    let share = (entropy / MOST).clamp(0.0, 1.0) * 2.0;
    match share <= 1.0 {
        true => mix(ENTROPY[0], ENTROPY[1], share),
        false => mix(ENTROPY[1], ENTROPY[2], share - 1.0),
    }
}

fn is_bar(pixel: [u8; 3]) -> bool {
    (0..=90).any(|step| near(pixel, color(MOST * step as f32 / 90.0), TOLERANCE))
}

impl Picture {
    pub(crate) fn decode(png: &[u8]) -> Self {
        let picture = image::load_from_memory(png).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (1280, 800));
        Self(picture)
    }

    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        self.0.get_pixel(x, y).0
    }

    /// How many pixels are not the same.
    pub(crate) fn differing(&self, other: &Self) -> usize {
        let pairs = self.0.pixels().zip(other.0.pixels());
        pairs.filter(|(a, b)| a != b).count()
    }

    /// The colour of a pixel.
    pub(crate) fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        self.0.get_pixel(x, y).0
    }

    /// The rows of the menu that open another one: those with an arrow at their end.
    pub(crate) fn arrows(&self) -> Vec<u32> {
        let dark = |y: u32| {
            let row = (1219..1228).filter(|x| self.pixel(*x, y).iter().all(|part| *part < 70));
            row.count()
        };
        let mut arrows = Vec::new();
        let mut first = None;
        for y in 50..self.0.height() {
            match (first, dark(y)) {
                (None, 1..) => first = Some(y),
                // As high as a letter, and filled.
                (Some(from), 0) => {
                    if (from..y).map(dark).sum::<usize>() >= 12 {
                        arrows.push(from.midpoint(y));
                    }
                    first = None;
                }
                _ => {}
            }
        }
        arrows
    }

    /// The middle of the line under the name of the screen that shows.
    pub(crate) fn tab(&self) -> Option<u32> {
        let blue = |x: &u32| {
            let [red, green, blue] = self.pixel(*x, 43);
            blue > red.saturating_add(60) && blue > green.saturating_add(40)
        };
        let line: Vec<u32> = (60..500).filter(blue).collect();
        Some(line.first()?.midpoint(*line.last()?))
    }

    /// The least rectangle, left of a column, with all that differs: left, top, right,
    /// and bottom.
    pub(crate) fn changed(&self, before: &Self, left_of: u32) -> Option<[u32; 4]> {
        let mut found: Option<[u32; 4]> = None;
        for (x, y, pixel) in self.0.enumerate_pixels() {
            if x < left_of && *pixel != *before.0.get_pixel(x, y) {
                let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
                found = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
            }
        }
        found
    }

    /// Finds the staff of the first line by its bars, its foot and its threshold.
    pub(crate) fn staff(&self) -> Result<Staff, String> {
        let bars = |y: &u32| COLUMN.filter(|x| is_bar(self.at(*x, *y))).count() > 2;
        let top = TEXT.clone().find(bars).ok_or("there are no bars")?;
        let rows = top..top + STAFF + 1;
        let foot = rows.clone().rfind(bars).ok_or("there are no bars")? + 1;
        let left = COLUMN
            .clone()
            .find(|x| is_bar(self.at(*x, foot - 1)))
            .ok_or("there are no bars")?;
        let line = self.at(left + 2, foot);
        let right = (left..COLUMN.end)
            .find(|x| self.at(*x, foot) != line)
            .ok_or("its foot has no end")?;
        let dashes = |y: &u32| {
            let row = left - 10..right + 8;
            row.filter(|x| near(self.at(*x, *y), SIGNAL, 12)).count()
        };
        let threshold = (foot - STAFF - 1..foot)
            .max_by_key(dashes)
            .filter(|y| dashes(y) as u32 > (right - left) / 3)
            .ok_or("there is no line of the threshold")?;
        Ok(Staff {
            left,
            right,
            foot,
            threshold,
        })
    }

    /// Whether the bar in a slot is as high as its entropy, to a pixel (0.16 nats), or
    /// to two where its end is at the threshold; and of its colour; with nothing above.
    pub(crate) fn bar(
        &self,
        staff: &Staff,
        (left, right): (f32, f32),
        entropy: f32,
    ) -> Result<(), String> {
        let wanted = (entropy / MOST).clamp(0.0, 1.0) * STAFF as f32;
        let middle = left.midpoint(right);
        // Beside the dot, if there is one.
        let columns = match right - left > 8.0 {
            true => vec![left as u32 + 1, left as u32 + 9],
            false if self.dot(staff, (left, right), entropy) => return Ok(()),
            false => vec![(middle - 0.5) as u32],
        };
        let end = (staff.foot as f32 - wanted) as u32;
        let most = match end.abs_diff(staff.threshold) <= 2 {
            true => 2.0,
            false => 1.0,
        };
        for x in columns {
            let mut height = 0;
            for y in (staff.foot - STAFF - 2..staff.foot).rev() {
                if y == staff.threshold {
                    continue;
                }
                let pixel = self.at(x, y);
                if is_bar(pixel) {
                    height = staff.foot - y;
                    if !near(pixel, color(entropy), TOLERANCE) {
                        let wanted = color(entropy);
                        return Err(format!("{pixel:?} at {x}, {y}, not {wanted:?}"));
                    }
                } else if near(pixel, GROUND, TOLERANCE) {
                    break;
                } else {
                    return Err(format!("{pixel:?} at {x}, {y}"));
                }
            }
            if (height as f32 - wanted).abs() > most {
                return Err(format!("{height} pixels at {x}, not {wanted}"));
            }
            let above = (end - 3).min(staff.foot - 3);
            if above != staff.threshold && !near(self.at(x, above), GROUND, TOLERANCE) {
                return Err(format!("{:?} above the bar at {x}", self.at(x, above)));
            }
        }
        Ok(())
    }

    /// Whether a bar carries the dot of a patch that starts.
    pub(crate) fn dot(&self, staff: &Staff, (left, right): (f32, f32), entropy: f32) -> bool {
        let height = (entropy / MOST).clamp(0.0, 1.0) * STAFF as f32;
        let (x, y) = (left.midpoint(right), staff.foot as f32 - height);
        [y - 1.0, y]
            .iter()
            .map(|y| *y as u32)
            .filter(|y| *y != staff.threshold)
            .any(|y| near(self.at((x - 0.5) as u32, y), SIGNAL, 60))
    }

    /// How bright each pixel of a character is, without the hairlines at its edges.
    fn letter(&self, left: u32, width: u32, foot: u32) -> impl Iterator<Item = u8> {
        (foot + 3..foot + 30).flat_map(move |y| {
            (left + 1..left + width - 1).map(move |x| self.at(x, y).into_iter().max().unwrap_or(0))
        })
    }

    /// Where a character is as dark as only letters are.
    pub(crate) fn ink(&self, left: u32, width: u32, foot: u32) -> Vec<bool> {
        let letter = self.letter(left, width, foot);
        letter.map(|brightness| brightness < 100).collect()
    }

    /// Where the place of a character is not empty.
    pub(crate) fn grey(&self, left: u32, width: u32, foot: u32) -> Vec<bool> {
        let letter = self.letter(left, width, foot);
        letter.map(|brightness| brightness < 200).collect()
    }
}
