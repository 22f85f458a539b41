//! Draws staves, threshold and patch starts with the shaders of
//! `shaders/view/staff.wgsl`. Entropies stay on the device: bars follow the buffer
//! that the entropy kernel has written.

use std::collections::HashMap;
use std::ops::Range;
use std::slice::from_ref;
use std::sync::Arc;

use egui::{Color32, Id, Pos2, Rect};
use egui_wgpu::{CallbackResources, CallbackTrait, ScreenDescriptor};
use wgpu::util::DeviceExt;

use super::layout::{Layout, Line, Slot};
use super::motion::{Moment, News};
use super::settle::{Bars, Settler};
use super::shaders::{self, StaffParams};
use crate::window::engine::Cells;
use crate::window::theme::{self, Palette};

/// The pipelines of the staff, for one format of surfaces. The shell puts them
/// among the renderer's resources.
#[derive(Debug)]
pub(crate) struct Pipelines {
    foot_line: wgpu::RenderPipeline,
    bar: wgpu::RenderPipeline,
    curve: wgpu::RenderPipeline,
    hairline: wgpu::RenderPipeline,
    threshold_line: wgpu::RenderPipeline,
    dot: wgpu::RenderPipeline,
    group: wgpu::BindGroupLayout,
    settler: Settler,
    /// In place of entropies where there are none.
    nothing: wgpu::Buffer,
    views: HashMap<Id, View>,
}

/// What one staff on the screen needs on the GPU.
#[derive(Debug)]
struct View {
    params: wgpu::Buffer,
    slots: Grown,
    lines: Grown,
    starts: Grown,
    bars: Bars,
    values: Grown,
    /// The layout and the starts that are in the buffers.
    held: Option<(Arc<Layout>, Arc<Vec<bool>>)>,
    /// What is in `values`.
    held_values: Option<Arc<Vec<f32>>>,
    /// The heights that it is of.
    group: Option<(wgpu::Buffer, wgpu::BindGroup)>,
}

impl View {
    fn new(device: &wgpu::Device) -> Self {
        Self {
            params: device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staff"),
                size: size_of::<StaffParams>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
            slots: Grown::new(device, wgpu::BufferUsages::VERTEX),
            lines: Grown::new(device, wgpu::BufferUsages::VERTEX),
            starts: Grown::new(device, wgpu::BufferUsages::STORAGE),
            bars: Bars::new(device),
            values: Grown::new(device, wgpu::BufferUsages::STORAGE),
            held: None,
            held_values: None,
            group: None,
        }
    }

    /// Puts entropies onto the device, unless they are there.
    fn hold(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, entropies: &Arc<Vec<f32>>) {
        let held = self.held_values.as_ref();
        if !held.is_some_and(|held| Arc::ptr_eq(held, entropies)) {
            // A shader cannot tell NaN from a number; no entropy is negative.
            let known = |h: &f32| if h.is_nan() { -1.0 } else { *h };
            let pairs: Vec<[f32; 2]> = entropies.iter().map(|h| [known(h), 0.0]).collect();
            self.values
                .write(device, queue, bytemuck::cast_slice(&pairs));
            self.held_values = Some(Arc::clone(entropies));
        }
    }
}

/// A buffer that grows with what it holds.
#[derive(Debug)]
struct Grown {
    buffer: wgpu::Buffer,
    usage: wgpu::BufferUsages,
}

impl Grown {
    fn new(device: &wgpu::Device, usage: wgpu::BufferUsages) -> Self {
        let usage = usage | wgpu::BufferUsages::COPY_DST;
        Self {
            buffer: Self::buffer(device, usage, 256),
            usage,
        }
    }

    fn buffer(device: &wgpu::Device, usage: wgpu::BufferUsages, size: u64) -> wgpu::Buffer {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staff"),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// Says whether the buffer is another one now.
    fn write(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, bytes: &[u8]) -> bool {
        let size = bytes.len() as u64;
        let grows = size > self.buffer.size();
        if grows {
            self.buffer = Self::buffer(device, self.usage, size.next_power_of_two());
        }
        queue.write_buffer(&self.buffer, 0, bytes);
        grows
    }
}

impl Pipelines {
    /// Compiles the shaders for surfaces of a format.
    pub(crate) fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("staff"),
            source: wgpu::ShaderSource::Wgsl(shaders::STAFF.into()),
        });
        let storage = |binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::VERTEX,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: true },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("staff"),
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::VERTEX,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                    count: None,
                },
                storage(1),
                storage(2),
            ],
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("staff"),
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        // A second buffer is the first, one instance further on.
        let pipeline = |entry: &str, buffers: &[Option<wgpu::VertexBufferLayout<'_>>]| {
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some(entry),
                layout: Some(&layout),
                vertex: wgpu::VertexState {
                    module: &module,
                    entry_point: Some(entry),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    buffers,
                },
                primitive: wgpu::PrimitiveState::default(),
                depth_stencil: None,
                multisample: wgpu::MultisampleState::default(),
                fragment: Some(wgpu::FragmentState {
                    module: &module,
                    entry_point: Some("paint"),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    targets: &[Some(wgpu::ColorTargetState {
                        format,
                        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                        write_mask: wgpu::ColorWrites::ALL,
                    })],
                }),
                multiview_mask: None,
                cache: None,
            })
        };
        let instances = |stride, attributes| {
            Some(wgpu::VertexBufferLayout {
                array_stride: stride,
                step_mode: wgpu::VertexStepMode::Instance,
                attributes,
            })
        };
        let slot = wgpu::vertex_attr_array![0 => Float32x3, 1 => Uint32];
        let next = wgpu::vertex_attr_array![2 => Float32x3];
        let line = wgpu::vertex_attr_array![0 => Float32x3];
        let (slot, next, line) = (
            instances(16, &slot),
            instances(16, &next),
            instances(12, &line),
        );
        Self {
            foot_line: pipeline("foot_line", from_ref(&line)),
            bar: pipeline("bar", from_ref(&slot)),
            curve: pipeline("curve", &[slot.clone(), next]),
            hairline: pipeline("hairline", from_ref(&slot)),
            threshold_line: pipeline("threshold_line", &[line]),
            dot: pipeline("dot_mark", &[slot]),
            group,
            settler: Settler::new(device),
            nothing: device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some("no entropies"),
                contents: &[0; 8],
                usage: wgpu::BufferUsages::STORAGE,
            }),
            views: HashMap::new(),
        }
    }
}

/// A staff to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    /// Which one, if there are several.
    pub(crate) id: Id,
    /// What is drawn into.
    pub(crate) area: Rect,
    /// Where the text begins on the screen.
    pub(crate) origin: Pos2,
    /// The places of its bytes.
    pub(crate) layout: Arc<Layout>,
    /// What bars are made of.
    pub(super) news: News,
    /// Where bars are on their way.
    pub(super) moment: Moment,
    /// Whether a patch starts at each byte.
    pub(crate) starts: Arc<Vec<bool>>,
    /// The threshold in nats, if the rule has one.
    pub(crate) threshold: Option<f32>,
    /// Its colours.
    pub(crate) palette: &'static Palette,
}

impl Staff {
    /// The parts that show: lines, and bytes.
    pub(super) fn visible(&self) -> (Range<u32>, Range<u32>) {
        let top = self.area.top() - self.origin.y;
        let bottom = self.area.bottom() - self.origin.y;
        let (lines, bytes) = self.layout.visible(top, bottom);
        let count = |range: Range<usize>| {
            let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
            number(range.start)..number(range.end)
        };
        (count(lines), count(bytes))
    }

    fn params(&self, pixels_per_point: f32) -> StaffParams {
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let [low, middle, high] = self.palette.entropy.map(gamma);
        let signal = gamma(self.palette.signal);
        let hairline = gamma(self.palette.boundary);
        StaffParams {
            width: self.area.width(),
            height: self.area.height(),
            left: self.origin.x - self.area.left(),
            top: self.origin.y - self.area.top(),
            pixels_per_point,
            staff: self.layout.measures.staff,
            most: theme::MOST,
            rise: self.layout.measures.rise,
            drop: self.layout.measures.drop,
            threshold: self.threshold.unwrap_or(0.0),
            has_threshold: u32::from(self.threshold.is_some()),
            has_entropies: u32::from(self.news.cells.is_some()),
            stale_begin: number(self.news.stale.start),
            stale_end: number(self.news.stale.end),
            low_r: low[0],
            low_g: low[1],
            low_b: low[2],
            middle_r: middle[0],
            middle_g: middle[1],
            middle_b: middle[2],
            high_r: high[0],
            high_g: high[1],
            high_b: high[2],
            signal_r: signal[0],
            signal_g: signal[1],
            signal_b: signal[2],
            hairline_r: hairline[0],
            hairline_g: hairline[1],
            hairline_b: hairline[2],
            hairline_a: 0.9,
            foot_a: 0.35,
        }
    }
}

fn gamma(color: Color32) -> [f32; 3] {
    [color.r(), color.g(), color.b()].map(|value| f32::from(value) / 255.0)
}

fn line_instance(line: &Line) -> [f32; 3] {
    [line.left, line.right, line.foot]
}

/// One bit per byte, the first in the lowest.
fn bits(starts: &[bool]) -> Vec<u32> {
    let mut words = vec![0_u32; starts.len() / 32 + 1];
    for (word, flags) in words.iter_mut().zip(starts.chunks(32)) {
        for (bit, start) in flags.iter().enumerate() {
            *word |= u32::from(*start) << bit;
        }
    }
    words
}

impl CallbackTrait for Staff {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(pipelines) = resources.get_mut::<Pipelines>() else {
            return Vec::new();
        };
        let view = pipelines
            .views
            .entry(self.id)
            .or_insert_with(|| View::new(device));
        let (has_layout, has_starts) = match &view.held {
            Some((layout, starts)) => (
                Arc::ptr_eq(layout, &self.layout),
                Arc::ptr_eq(starts, &self.starts),
            ),
            None => (false, false),
        };
        if !has_layout {
            let lines: Vec<[f32; 3]> = self.layout.lines.iter().map(line_instance).collect();
            view.slots.write(
                device,
                queue,
                bytemuck::cast_slice::<Slot, u8>(&self.layout.slots),
            );
            view.lines
                .write(device, queue, bytemuck::cast_slice(&lines));
        }
        if !has_starts {
            // The shader asks for every byte of the layout.
            let mut flags = bits(&self.starts);
            let least = self.layout.slots.len() / 32 + 1;
            flags.resize(flags.len().max(least), 0);
            if view
                .starts
                .write(device, queue, bytemuck::cast_slice(&flags))
            {
                view.group = None;
            }
        }
        view.held = Some((Arc::clone(&self.layout), Arc::clone(&self.starts)));
        let params = self.params(screen.pixels_per_point);
        queue.write_buffer(&view.params, 0, bytemuck::bytes_of(&params));
        if let Some(cells) = &self.news.cells
            && !view.bars.is_done(&self.news)
        {
            let cells = match cells {
                Cells::Device { buffer, .. } => buffer,
                Cells::Values(entropies) => {
                    view.hold(device, queue, entropies);
                    &view.values.buffer
                }
            };
            let gpu = (device, queue, encoder);
            view.bars
                .settle(gpu, &pipelines.settler, &self.news, cells, self.moment);
        }
        let heights = match self.news.cells {
            Some(_) => view.bars.heights(),
            None => &pipelines.nothing,
        };
        if view.group.as_ref().is_none_or(|(of, _)| of != heights) {
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("staff"),
                layout: &pipelines.group,
                entries: &[&view.params, heights, &view.starts.buffer]
                    .into_iter()
                    .zip(0..)
                    .map(|(buffer, binding)| wgpu::BindGroupEntry {
                        binding,
                        resource: buffer.as_entire_binding(),
                    })
                    .collect::<Vec<_>>(),
            });
            view.group = Some((heights.clone(), group));
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(pipelines) = resources.get::<Pipelines>() else {
            return;
        };
        let Some(view) = pipelines.views.get(&self.id) else {
            return;
        };
        let Some((_, group)) = &view.group else {
            return;
        };
        let (lines, bytes) = self.visible();
        pass.set_bind_group(0, group, &[]);
        let draw = |pass: &mut wgpu::RenderPass<'static>,
                    pipeline: &wgpu::RenderPipeline,
                    held: &Grown,
                    instances: Range<u32>| {
            pass.set_pipeline(pipeline);
            pass.set_vertex_buffer(0, held.buffer.slice(..));
            pass.draw(0..6, instances);
        };
        draw(pass, &pipelines.foot_line, &view.lines, lines.clone());
        draw(pass, &pipelines.hairline, &view.slots, bytes.clone());
        if self.news.cells.is_some() && !self.layout.measures.curve {
            draw(pass, &pipelines.bar, &view.slots, bytes.clone());
        }
        draw(pass, &pipelines.threshold_line, &view.lines, lines);
        if self.news.cells.is_some() && self.layout.measures.curve {
            pass.set_pipeline(&pipelines.curve);
            pass.set_vertex_buffer(0, view.slots.buffer.slice(..));
            pass.set_vertex_buffer(1, view.slots.buffer.slice(16..));
            pass.draw(0..6, bytes);
            return;
        }
        draw(pass, &pipelines.dot, &view.slots, bytes);
    }
}

#[cfg(test)]
impl Pipelines {
    /// What shows of the entropies of a staff, in nats.
    pub(crate) fn heights(&self, id: Id) -> Option<&wgpu::Buffer> {
        Some(self.views.get(&id)?.bars.heights())
    }
}
