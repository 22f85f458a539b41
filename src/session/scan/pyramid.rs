//! A file from afar: entropies and patches in blocks, and blocks of blocks.

use std::ops::Range;

use serde::Serialize;

/// The bytes of the smallest blocks.
const SMALLEST: u64 = 64;
/// The most blocks of a level: those of larger files have more bytes.
const MOST: u64 = 1 << 20;
/// Levels end with the first that has no more blocks than this.
const FEWEST: usize = 2048;

/// What is known about a stretch of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Texel {
    /// The greatest entropy in nats; `None` where no entropy is known.
    pub max: Option<f32>,
    /// The mean entropy in nats.
    pub mean: Option<f32>,
    /// Bytes per patch; `None` where no patch starts.
    pub mean_patch: Option<f32>,
}

/// The totals of a block. A pyramid of a very large file has some two million.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    max: f32,
    sum: f32,
    known: u32,
    patches: u32,
}

impl Block {
    fn and(self, other: Self) -> Self {
        Self {
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            known: self.known.saturating_add(other.known),
            patches: self.patches.saturating_add(other.patches),
        }
    }
}

/// Blocks of a power of two of bytes, at least [`SMALLEST`]; each level has
/// half as many as the one before it. At most 32 MiB, whatever the file.
#[derive(Debug)]
pub(super) struct Pyramid {
    block: u64,
    levels: Vec<Vec<Block>>,
    /// Bytes that have been taken.
    bytes: u64,
}

impl Pyramid {
    /// For a file of `length` bytes.
    pub(super) fn new(length: u64) -> Self {
        let block = length.div_ceil(MOST).next_power_of_two().max(SMALLEST);
        let mut blocks = length.div_ceil(block);
        let mut levels = vec![Vec::new()];
        while blocks > FEWEST as u64 {
            blocks = blocks.div_ceil(2);
            levels.push(Vec::new());
        }
        Self {
            block,
            levels,
            bytes: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.levels.iter_mut().for_each(Vec::clear);
        self.bytes = 0;
    }

    /// Takes the entropy, in nats, and the start flag of the next bytes.
    pub(super) fn add(&mut self, next: impl Iterator<Item = (Option<f32>, bool)>) {
        let mut first = self.index(self.bytes);
        let size = self.block;
        if let Some(level) = self.levels.first_mut() {
            for (entropy, start) in next {
                if self.bytes.is_multiple_of(size) {
                    level.push(Block::default());
                }
                if let Some(block) = level.last_mut() {
                    *block = block.and(Block {
                        max: entropy.unwrap_or(0.0),
                        sum: entropy.unwrap_or(0.0),
                        known: u32::from(entropy.is_some()),
                        patches: u32::from(start),
                    });
                }
                self.bytes += 1;
            }
        }
        // What has changed on a level changes what is above it.
        for level in 1..self.levels.len() {
            let (below, above) = self.levels.split_at_mut(level);
            let (Some(below), Some(above)) = (below.last(), above.first_mut()) else {
                continue;
            };
            first /= 2;
            above.truncate(first);
            let changed = below.get(first * 2..).unwrap_or_default();
            let total = |pair: &[Block]| pair.iter().copied().reduce(Block::and);
            above.extend(changed.chunks(2).filter_map(total));
        }
    }

    fn index(&self, byte: u64) -> usize {
        usize::try_from(byte / self.block).unwrap_or(usize::MAX)
    }

    /// Rows that share a range of bytes evenly, each with what is known
    /// of the blocks that it touches.
    pub(super) fn rows(&self, range: &Range<u64>, rows: usize) -> Vec<Texel> {
        let length = range.end.saturating_sub(range.start);
        let per_row = length / (rows as u64).max(1);
        // The coarsest blocks that are no larger than a row.
        let level = (0..self.levels.len())
            .rev()
            .find(|level| self.block << level <= per_row)
            .unwrap_or(0);
        let edge = |row: usize| {
            let share = u128::from(length) * row as u128 / rows as u128;
            range.start + u64::try_from(share).unwrap_or(u64::MAX)
        };
        (0..rows)
            .map(|row| self.texel(level, edge(row)..edge(row + 1)))
            .collect()
    }

    fn texel(&self, level: usize, range: Range<u64>) -> Texel {
        let size = self.block << level;
        let index = |byte: u64| usize::try_from(byte / size).unwrap_or(usize::MAX);
        let blocks = index(range.start)..index(range.end.max(range.start + 1) - 1) + 1;
        let level = self.levels.get(level).map_or(&[][..], Vec::as_slice);
        let touched = level
            .get(blocks.start.min(level.len())..blocks.end.min(level.len()))
            .unwrap_or_default();
        let total = touched
            .iter()
            .fold(Block::default(), |total, block| total.and(*block));
        let known = total.known > 0;
        let taken = |block: usize| (block as u64).saturating_mul(size).min(self.bytes);
        let bytes = (taken(blocks.end) - taken(blocks.start)) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "a mean for a picture")]
        Texel {
            max: known.then_some(total.max),
            mean: known.then(|| (f64::from(total.sum) / f64::from(total.known)) as f32),
            mean_patch: (total.patches > 0).then(|| (bytes / f64::from(total.patches)) as f32),
        }
    }

    /// The smallest blocks: the bytes of each and its greatest entropy, for
    /// those that have one.
    pub(super) fn greatest(&self) -> impl Iterator<Item = (Range<u64>, f32)> + '_ {
        let blocks = self.levels.first().into_iter().flatten().zip(0_u64..);
        blocks
            .filter(|(block, _)| block.known > 0)
            .map(|(block, index)| {
                let start = index * self.block;
                (start..(start + self.block).min(self.bytes), block.max)
            })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn made(at: u64) -> (Option<f32>, bool) {
        let entropy = f32::from(u8::try_from(at * 37 % 101).unwrap()) / 16.0;
        (
            (!at.is_multiple_of(11)).then_some(entropy),
            at.is_multiple_of(5),
        )
    }

    #[test]
    fn every_level_has_the_totals_of_its_bytes() {
        let length = 300_000;
        for pieces in [1, 777, 64, 300_000] {
            let mut pyramid = Pyramid::new(length);
            assert_eq!((pyramid.block, pyramid.levels.len()), (64, 3));
            for piece in (0..length).collect::<Vec<_>>().chunks(pieces) {
                pyramid.add(piece.iter().map(|at| made(*at)));
            }
            assert_eq!(pyramid.levels.last().unwrap().len(), 1172);
            for rows in [1, 3, 100, 586, 2048, 4687] {
                let found = pyramid.rows(&(0..length), rows);
                assert_eq!(found.len(), rows);
                for (row, texel) in found.iter().enumerate() {
                    let edge = |row: usize| length * row as u64 / rows as u64;
                    let bytes = edge(row)..edge(row + 1);
                    let inside = bytes.clone().filter_map(|at| made(at).0);
                    let max = inside.fold(0.0, f32::max);
                    // A block at the edge may bring something greater.
                    assert!(texel.max.unwrap() >= max);
                    assert!((texel.mean.unwrap() - 3.1).abs() < 0.5);
                    assert!((texel.mean_patch.unwrap() - 5.0).abs() < 0.5);
                }
            }
            let all = pyramid.rows(&(0..length), 1)[0];
            let sum: f64 = (0..length).filter_map(|at| made(at).0).map(f64::from).sum();
            let known = (0..length).filter(|at| made(*at).0.is_some()).count();
            assert_eq!(all.max, Some(6.25));
            assert!((f64::from(all.mean.unwrap()) - sum / known as f64).abs() < 1e-4);
            assert_eq!(all.mean_patch, Some(5.0));
        }
    }

    #[test]
    fn what_has_not_been_taken_is_not_known() {
        let mut pyramid = Pyramid::new(1000);
        assert_eq!(pyramid.rows(&(0..1000), 4), [Texel::default(); 4]);
        pyramid.add((0..448).map(made));
        let found = pyramid.rows(&(0..1000), 4);
        assert!(found[0].max.is_some() && found[1].mean.is_some());
        assert_eq!(found[2..], [Texel::default(); 2]);
        assert!(pyramid.rows(&(0..1000), 0).is_empty());
        // More rows than bytes, and no bytes at all.
        assert_eq!(pyramid.rows(&(0..3), 7).len(), 7);
        assert_eq!(Pyramid::new(0).rows(&(0..0), 2), [Texel::default(); 2]);
        pyramid.clear();
        assert_eq!(pyramid.rows(&(0..1000), 4), [Texel::default(); 4]);
    }

    #[test]
    fn the_largest_files_have_no_more_blocks() {
        for shift in [20, 26, 30, 40, 62] {
            let pyramid = Pyramid::new(1 << shift);
            assert!((1_u64 << shift) / pyramid.block <= MOST);
            assert!(pyramid.levels.len() <= 10);
        }
        assert_eq!(Pyramid::new((1 << 30) + 1).block, 2048);
    }
}
