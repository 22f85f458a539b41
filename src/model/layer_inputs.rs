//! What goes into each layer of a model, for the rows of a run.

use super::block::BlockShape;
use crate::device::tensor::padded;
use crate::device::{Device, Tensor};

/// Per layer the rows that go into it, `[rows, hidden]`. Those that a run is given
/// begin at row 0; those that it leaves lie as in a ring of `rows` rows, from its
/// first slot on.
#[derive(Debug)]
pub(crate) struct LayerInputs {
    layers: Vec<Tensor>,
    rows: usize,
    row_bytes: u64,
}

impl LayerInputs {
    /// Room for runs of up to `rows` rows, a power of two.
    pub(crate) fn new(device: &Device, shape: &BlockShape, layers: usize, rows: usize) -> Self {
        let values = rows * padded(shape.hidden);
        Self {
            layers: (0..layers)
                .map(|_| Tensor::new(device, "layer inputs", values))
                .collect(),
            rows,
            row_bytes: padded(shape.hidden) as u64 * 4,
        }
    }

    /// Rows that there is room for.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What goes into a layer.
    pub(crate) fn of(&self, layer: usize) -> &Tensor {
        &self.layers[layer]
    }

    /// Bytes of `rows` rows of one layer.
    pub(crate) fn bytes_of(&self, rows: usize) -> u64 {
        rows as u64 * self.row_bytes
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.layers.iter().map(Tensor::bytes).sum()
    }
}
