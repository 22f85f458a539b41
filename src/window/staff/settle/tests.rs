//! The kernel against the same on the host, over many edits and frames.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use wgpu::util::DeviceExt;

use super::*;
use crate::device::{Device, DeviceOptions, Gpu};
use crate::window::document::to_editor;

/// A bar as `settle.wgsl` holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bar {
    from: f32,
    to: f32,
    began: u32,
}

impl Bar {
    fn height(self, moment: Moment) -> f32 {
        let passed = moment.now.wrapping_sub(self.began);
        if passed >= moment.duration {
            return self.to;
        }
        let left = 1.0 - passed as f32 / moment.duration as f32;
        self.to + (self.from - self.to) * left.powi(3)
    }
}

/// The same as [`Bars`], on the host.
#[derive(Default)]
struct Reference {
    bytes: Vec<u8>,
    bars: Vec<Bar>,
    is_known: bool,
}

impl Reference {
    fn settle(
        &mut self,
        bytes: &[u8],
        cells: &[f32],
        stale: &Range<usize>,
        is_behind: bool,
        moment: Moment,
    ) -> Vec<f32> {
        let edit = Edit::between(&self.bytes, bytes).unwrap_or_default();
        let (gone, came) = (edit.gone(), edit.came());
        self.bars.resize(self.bytes.len() + 1, Bar::default());
        let mut moved = self.bars[gone.clone()].to_vec();
        moved.resize(came.len(), Bar::default());
        self.bars.splice(gone, moved);
        self.bytes = bytes.to_vec();
        let is_first = !std::mem::replace(&mut self.is_known, true);
        let mut heights = Vec::new();
        for (byte, bar) in self.bars.iter_mut().enumerate() {
            let is_known = !is_behind && !stale.contains(&byte);
            if let (Some(entropy), true) = (cells.get(byte), is_first || is_known) {
                let to = match entropy.is_nan() {
                    true => 0.0,
                    false => entropy.clamp(0.0, theme::MOST),
                };
                if to != bar.to {
                    *bar = Bar {
                        from: bar.height(moment),
                        to,
                        began: moment.news,
                    };
                }
            }
            heights.push(bar.height(moment));
            if moment.now.wrapping_sub(bar.began) >= moment.duration {
                bar.from = bar.to;
            }
        }
        heights
    }
}

/// Numbers that are the same each time.
struct Dice(u32);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % most.max(1)
    }

    fn entropies(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| match self.below(20) {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => -1.0,
                _ => self.below(6000) as f32 / 1000.0,
            })
            .collect()
    }

    /// Another text: a part of it gone, and something in its place.
    fn edited(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let begin = self.below(bytes.len() + 1);
        let most = if self.below(8) == 0 { bytes.len() } else { 4 };
        let end = (begin + self.below(most)).min(bytes.len());
        let most = if self.below(8) == 0 { 300 } else { 4 };
        let came: Vec<u8> = (0..self.below(most))
            .map(|_| u8::try_from(self.below(256)).unwrap())
            .collect();
        bytes.splice(begin..end, came);
        bytes
    }
}

/// Bars on a device.
struct Bench {
    gpu: Arc<Gpu>,
    settler: Settler,
    bars: Bars,
}

impl Bench {
    fn new() -> Self {
        let gpu = pollster::block_on(Device::open_graphics(&DeviceOptions::default())).unwrap();
        Self {
            settler: Settler::new(gpu.device()),
            bars: Bars::new(gpu.device()),
            gpu,
        }
    }

    fn settle(&mut self, news: &News, entropies: &[f32], moment: Moment) -> Vec<f32> {
        let (device, queue) = (self.gpu.device(), self.gpu.queue());
        let pairs: Vec<[f32; 2]> = entropies.iter().map(|h| [*h, 9.0]).collect();
        let cells = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(&pairs),
            usage: wgpu::BufferUsages::STORAGE,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let gpu = (device, queue, &mut encoder);
        self.bars.settle(gpu, &self.settler, news, &cells, moment);
        queue.submit([encoder.finish()]);
        let heights = self.gpu.read_buffer(
            self.bars.heights(),
            (self.bars.bytes.len() as u64 + 1) * HEIGHT,
        );
        bytemuck::pod_collect_to_vec(&pollster::block_on(heights).unwrap())
    }
}

fn compare(found: &[f32], wanted: &[f32], place: &str) {
    assert_eq!(found.len(), wanted.len(), "{place}");
    for (byte, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (found - wanted).abs() < 1e-5,
            "{place}, byte {byte}: {found}, not {wanted}"
        );
    }
}

#[test]
fn bars_are_where_the_reference_has_them() {
    let mut bench = Bench::new();
    let mut reference = Reference::default();
    let mut dice = Dice(7);
    let mut bytes = b"The quick brown fox".to_vec();
    let mut text: Arc<str> = to_editor(&bytes).into();
    let mut entropies = dice.entropies(bytes.len() + 1);
    let mut is_behind = false;
    let mut stale = 0..0;
    // The milliseconds start anew on the way.
    let mut moment = Moment {
        now: u32::MAX - 2000,
        news: u32::MAX - 2000,
        duration: 120,
    };
    for frame in 0..200 {
        match dice.below(4) {
            0 => {
                bytes = dice.edited(&bytes);
                text = to_editor(&bytes).into();
                is_behind = true;
                moment.news = moment.now;
            }
            1 => {
                // Some have come, and some keep what they had.
                entropies.resize(bytes.len() + 1, 0.0);
                let begin = dice.below(bytes.len() + 1);
                let end = begin + dice.below(bytes.len() + 2 - begin);
                let came = dice.entropies(end - begin);
                entropies.splice(begin..end, came);
                is_behind = false;
                stale = end..end + dice.below(9);
                moment.news = moment.now;
            }
            _ => {}
        }
        if frame == 150 {
            moment.duration = 0;
        }
        let news = News {
            text: Arc::clone(&text),
            cells: None,
            is_behind,
            stale: stale.clone(),
        };
        let wanted = reference.settle(&bytes, &entropies, &stale, is_behind, moment);
        let found = bench.settle(&news, &entropies, moment);
        compare(&found, &wanted, &format!("frame {frame}"));
        moment.now = moment
            .now
            .wrapping_add(u32::try_from(dice.below(60)).unwrap());
    }
}

#[test]
fn at_rest_a_bar_is_exactly_as_high_as_its_entropy() {
    let mut bench = Bench::new();
    let mut dice = Dice(3);
    let text: Arc<str> = "a".repeat(1000).into();
    let frame = |bench: &mut Bench, entropies: &[f32], now, news| {
        let what = News {
            text: Arc::clone(&text),
            cells: None,
            is_behind: false,
            stale: 0..0,
        };
        let moment = Moment {
            now,
            news,
            duration: 120,
        };
        bench.settle(&what, entropies, moment)
    };
    let first = dice.entropies(1001);
    frame(&mut bench, &first, 0, 0);
    let second = dice.entropies(1001);
    // On the way to the first, something else comes.
    let turned = frame(&mut bench, &second, 50, 50);
    let begun: Vec<f32> = first.iter().map(|h| clamped(*h)).collect();
    let share = 1.0 - (1.0 - 50.0_f32 / 120.0).powi(3);
    let wanted: Vec<f32> = begun.iter().map(|h| h * share).collect();
    // What is the same in both goes on.
    compare(&turned, &wanted, "no bar jumps");
    assert_ne!(frame(&mut bench, &second, 169, 50), begun);
    let end: Vec<f32> = second.iter().map(|h| clamped(*h)).collect();
    assert_eq!(frame(&mut bench, &second, 170, 50), end);
    assert_eq!(frame(&mut bench, &second, u32::MAX, 50), end);
}

fn clamped(entropy: f32) -> f32 {
    match entropy.is_nan() {
        true => 0.0,
        false => entropy.clamp(0.0, theme::MOST),
    }
}

#[test]
fn bars_move_along_with_their_bytes() {
    let mut bench = Bench::new();
    let mut frame = |text: &str, entropies: &[f32], is_behind, now| {
        let news = News {
            text: text.into(),
            cells: None,
            is_behind,
            stale: 0..0,
        };
        let moment = Moment {
            now,
            news: now,
            duration: 120,
        };
        bench.settle(&news, entropies, moment)
    };
    let known = [1.0, 2.0, 3.0, 4.0, 0.5];
    frame("abcd", &known, false, 0);
    assert_eq!(frame("abcd", &known, false, 500), known);
    // What came is at the foot, also while the cells are those of the text before.
    let grown = frame("abXYcd", &known, true, 1000);
    assert_eq!(grown, [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.5]);
    // What replaces something begins at its height.
    let replaced = frame("abZYcd", &known, true, 2000);
    assert_eq!(replaced, grown);
    let turned = frame("aQZYcd", &known, true, 3000);
    assert_eq!(turned, grown);
    let shrunk = frame("acd", &known, true, 4000);
    assert_eq!(shrunk, [1.0, 3.0, 4.0, 0.5]);
    let grown = frame(&"acd".repeat(200), &known, true, 5000);
    assert_eq!(grown.len(), 601);
    assert_eq!(grown.iter().filter(|height| **height > 0.0).count(), 4);
}
