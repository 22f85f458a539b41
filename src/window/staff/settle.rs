//! Moves the bars of a staff to their entropies with `shaders/view/settle.wgsl`, on
//! the device: no number comes to the host.

use std::ops::Range;
use std::sync::Arc;

use super::motion::{Moment, News};
use super::shaders::{self, SettleParams};
use crate::window::document::{Edit, to_bytes};
use crate::window::theme;

/// Bytes of a bar on its way, and of its height.
const BAR: u64 = 12;
const HEIGHT: u64 = 4;
const WORKGROUP: u32 = 64;

/// The pipeline that moves bars.
#[derive(Debug)]
pub(super) struct Settler {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Settler {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("settle"),
            source: wgpu::ShaderSource::Wgsl(shaders::SETTLE.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("settle"),
            layout: None,
            module: &module,
            entry_point: Some("settle"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        Self {
            layout: pipeline.get_bind_group_layout(0),
            pipeline,
        }
    }
}

/// The bars of a staff on their way.
#[derive(Debug)]
pub(super) struct Bars {
    params: wgpu::Buffer,
    /// On their way, and room to move them along with their bytes.
    bars: wgpu::Buffer,
    aside: wgpu::Buffer,
    heights: wgpu::Buffer,
    /// The bytes that they are of.
    bytes: Vec<u8>,
    /// What they have taken up, none before the first.
    news: Option<News>,
    is_rest: bool,
}

fn buffer(device: &wgpu::Device, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("settle"),
        size,
        usage,
        mapped_at_creation: false,
    })
}

fn room(device: &wgpu::Device, bars: u64) -> [wgpu::Buffer; 3] {
    use wgpu::BufferUsages as Usages;
    let moved = Usages::STORAGE | Usages::COPY_SRC | Usages::COPY_DST;
    [
        buffer(device, bars * BAR, moved),
        buffer(device, bars * BAR, moved),
        buffer(device, bars * HEIGHT, Usages::STORAGE | Usages::COPY_SRC),
    ]
}

impl Bars {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let [bars, aside, heights] = room(device, 64);
        Self {
            params: buffer(device, size_of::<SettleParams>() as u64, usage),
            bars,
            aside,
            heights,
            bytes: Vec::new(),
            news: None,
            is_rest: true,
        }
    }

    /// What shows of each entropy in nats, `[bytes + 1]`; another buffer when the
    /// text has grown.
    pub(super) fn heights(&self) -> &wgpu::Buffer {
        &self.heights
    }

    /// Whether there is anything to do for what shows at a moment.
    pub(super) fn is_done(&self, news: &News) -> bool {
        self.is_rest && self.news.as_ref().is_some_and(|held| held.is(news))
    }

    /// Takes up what has come, and moves bars to where they are at a moment. `cells`
    /// are the news' on the device.
    pub(super) fn settle(
        &mut self,
        (device, queue, encoder): (&wgpu::Device, &wgpu::Queue, &mut wgpu::CommandEncoder),
        settler: &Settler,
        news: &News,
        cells: &wgpu::Buffer,
        moment: Moment,
    ) {
        let is_first = self.news.is_none();
        let is_same_text = |held: &News| Arc::ptr_eq(&held.text, &news.text);
        if !self.news.as_ref().is_some_and(is_same_text) {
            self.follow(device, encoder, to_bytes(&news.text));
        }
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        // Where nothing was before, anything is better than nothing.
        let stale = if is_first { 0..0 } else { news.stale.clone() };
        let count = number(self.bytes.len() + 1);
        let params = SettleParams {
            count,
            now: moment.now,
            news: moment.news,
            duration: moment.duration,
            stale_begin: number(stale.start),
            stale_end: number(stale.end),
            has_cells: u32::from(is_first || !news.is_behind),
            most: theme::MOST,
        };
        queue.write_buffer(&self.params, 0, bytemuck::bytes_of(&params));
        let buffers = [&self.params, cells, &self.bars, &self.heights];
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("settle"),
            layout: &settler.layout,
            entries: &buffers
                .into_iter()
                .zip(0..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect::<Vec<_>>(),
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("settle"),
            ..Default::default()
        });
        pass.set_pipeline(&settler.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(count.div_ceil(WORKGROUP), 1, 1);
        drop(pass);
        self.news = Some(news.clone());
        self.is_rest = moment.is_rest();
    }

    /// Moves bars along with their bytes. Those of bytes that replace others begin at
    /// their heights, those of bytes that only came begin at the foot.
    fn follow(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        bytes: Vec<u8>,
    ) {
        let count = |bytes: usize| bytes as u64;
        // Frames may have been left out since, and edits with them.
        let edit = Edit::between(&self.bytes, &bytes).unwrap_or_default();
        let (gone, came) = (edit.gone(), edit.came());
        let old_end = count(self.bytes.len() + 1);
        let new_end = count(bytes.len() + 1);
        let kept = count(came.start + gone.len().min(came.len()));
        let (gone, came) = (count(gone.end), count(came.end));
        self.bytes = bytes;
        if new_end * BAR > self.aside.size() {
            let [_, aside, heights] = room(device, new_end.next_power_of_two());
            (self.aside, self.heights) = (aside, heights);
        }
        let mut copy = |from: Range<u64>, to: u64| {
            let (begin, size) = (from.start * BAR, (from.end - from.start) * BAR);
            if size > 0 {
                let (bars, aside) = (&self.bars, &self.aside);
                encoder.copy_buffer_to_buffer(bars, begin, aside, to * BAR, Some(size));
            }
        };
        copy(0..kept, 0);
        copy(gone..old_end, came);
        if kept < came {
            encoder.clear_buffer(&self.aside, kept * BAR, Some((came - kept) * BAR));
        }
        std::mem::swap(&mut self.bars, &mut self.aside);
        if self.aside.size() < self.bars.size() {
            let usage = self.bars.usage();
            self.aside = buffer(device, self.bars.size(), usage);
        }
    }
}

#[cfg(test)]
mod tests;
