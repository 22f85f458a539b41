//! Stand-in until the branch with the real one is merged.
#![allow(missing_docs)]
use std::ops::Range;
use std::sync::Arc;

use super::{ContextOptions, EntropyOptions, EntropySession};
use crate::bytes::{BOS, encode};
use crate::error::Result;
use crate::model::entropy::EntropyModel;

#[derive(Clone, Debug, Default)]
pub struct EditOptions {
    pub context: ContextOptions,
    pub snapshot_bytes: u64,
}

#[derive(Debug)]
pub struct EditSession {
    session: EntropySession,
    model: Arc<EntropyModel>,
    bytes: Vec<u8>,
    entropies: Vec<f32>,
    nlls: Vec<f32>,
    done: usize,
    cells: wgpu::Buffer,
}

impl EditSession {
    pub fn new(model: &Arc<EntropyModel>, options: EditOptions) -> Result<Self> {
        let session = EntropySession::new(
            model,
            EntropyOptions {
                context: options.context,
                ..Default::default()
            },
        )?;
        let cells = Self::buffer(model, 1);
        Ok(Self {
            session,
            model: Arc::clone(model),
            bytes: vec![],
            entropies: vec![f32::NAN],
            nlls: vec![],
            done: 0,
            cells,
        })
    }
    fn buffer(model: &EntropyModel, n: usize) -> wgpu::Buffer {
        model.gpu().device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (n as u64 + 1) * 8,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    pub fn entropies(&self) -> &[f32] {
        &self.entropies
    }
    pub fn nlls(&self) -> &[f32] {
        &self.nlls
    }
    pub fn stale(&self) -> Option<Range<usize>> {
        (self.done <= self.bytes.len()).then(|| self.done..self.bytes.len() + 1)
    }
    pub fn cells(&self) -> &wgpu::Buffer {
        &self.cells
    }
    pub fn replace(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes = bytes.to_vec();
        self.entropies.resize(bytes.len() + 1, f32::NAN);
        self.nlls.resize(bytes.len(), f32::NAN);
        self.session.reset();
        self.done = 0;
        self.cells = Self::buffer(&self.model, bytes.len());
        Ok(())
    }
    pub async fn step(&mut self) -> Result<bool> {
        let mut ids = vec![BOS];
        ids.extend(encode(&self.bytes));
        let end = (self.done + 256).min(ids.len());
        let rows = self.session.push(&ids[self.done..end]).await?;
        for (i, (h, nll)) in rows.entropies.iter().zip(&rows.nlls).enumerate() {
            self.entropies[self.done + i] = *h;
            if let Some(nll) = nll
                && self.done + i > 0
            {
                self.nlls[self.done + i - 1] = *nll;
            }
        }
        self.done = end;
        let pairs: Vec<[f32; 2]> = self.entropies.iter().map(|h| [*h, 0.0]).collect();
        self.model
            .gpu()
            .queue()
            .write_buffer(&self.cells, 0, bytemuck::cast_slice(&pairs));
        Ok(self.stale().is_some())
    }
    pub async fn prepare(&mut self, _at: usize) -> Result<()> {
        Ok(())
    }
    pub async fn distribution(&mut self, at: usize) -> Result<Vec<f32>> {
        let mut s = EntropySession::new(&self.model, EntropyOptions::default())?;
        let mut ids = vec![BOS];
        ids.extend(encode(&self.bytes[..at]));
        s.push(&ids).await?;
        let l = s.last_logits();
        let m = l.iter().copied().fold(f32::MIN, f32::max);
        let z: f32 = l.iter().map(|x| (x - m).exp()).sum();
        Ok(l.iter().map(|x| x - m - z.ln()).collect())
    }
}
