use super::BltMatrices;
use crate::reference::block::sum;
use crate::reference::{ClosePatches, KeyValues, gather_add, linear, local_spans, rms_norm};

/// A BLT with a text in it, token by token: the algorithm of spec section 11.
///
/// What a patch is made of is final once it closes, and the decoder never sees
/// an open one, so everything stored here stays as it is. A clone follows
/// another continuation of the same text. Every row is kept, windows or not,
/// which makes [`truncate`](Self::truncate) a matter of forgetting.
#[derive(Clone, Debug)]
pub(crate) struct Incremental<'m> {
    model: &'m BltMatrices,
    ids: Vec<u32>,
    /// Whether a patch starts after each token.
    starts: Vec<bool>,
    closing: ClosePatches,
    /// The rows of every encoder layer, `[S, D]`.
    encoded: Vec<Vec<f32>>,
    /// What the decoder sees of the closed patches, `[P * k, D]`.
    vectors: Vec<f32>,
    encoder: Vec<KeyValues>,
    latent: Vec<KeyValues>,
    decoder: Vec<KeyValues>,
}

impl<'m> Incremental<'m> {
    /// Before the first token.
    pub(crate) fn new(model: &'m BltMatrices) -> Self {
        Self {
            model,
            ids: Vec::new(),
            starts: Vec::new(),
            closing: model.closing(),
            encoded: vec![Vec::new(); model.encoder.layers.len()],
            vectors: Vec::new(),
            encoder: model.encoder.caches(),
            latent: model.latent.caches(),
            decoder: model.decoder.caches(),
        }
    }

    /// Number of tokens taken.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Takes a token and whether a patch starts after it, which the first
    /// token's is always; gives the logits of the next, `[vocabulary]`.
    pub(crate) fn push(&mut self, id: u32, starts_next: bool) -> Vec<f32> {
        let model = self.model;
        let at = self.ids.len();
        self.ids.push(id);
        self.starts.push(starts_next);

        let spans = local_spans(&self.ids, at, model.encoder.window);
        let mut x = model.embed_rows(&[id], &model.hash_rows(&self.ids, at));
        for (l, block) in model.encoder.layers.iter().enumerate() {
            x = block.forward(&model.encoder.shape, &x, &spans, &mut self.encoder[l]);
            self.encoded[l].extend(&x);
        }

        let patches = self.starts.iter().filter(|starts| **starts).count();
        let last = [u32::try_from(patches - 1).unwrap_or(u32::MAX)];
        let closed = self.closing.run(&[id], &[starts_next], &last);
        if let ([own], [seen]) = (&closed.own[..], &closed.seen[..]) {
            let mut g = model.patch(&self.encoded, *own, *seen).vector;
            if let Some(w) = &model.latent_projection {
                g = linear(&g, w, g.len());
            }
            for (block, cache) in model.latent.layers.iter().zip(&mut self.latent) {
                g = block.forward(&model.latent.shape, &g, &closed.spans, cache);
            }
            self.vectors.extend(model.decoder_vectors(&g));
        }

        // After the latent model: the last byte of a patch already sees the patch.
        let shape = &model.decoder.shape;
        let spans = local_spans(&self.ids, at, model.decoder.window);
        let (first, count) = closed.keys[0];
        if model.decoder_cross.is_empty() {
            gather_add(&mut x, &self.vectors, &last, shape.hidden);
        }
        for (l, block) in model.decoder.layers.iter().enumerate() {
            if let Some(cross) = model.decoder_cross.get(l) {
                let keys = &self.vectors[first * shape.hidden..(first + count) * shape.hidden];
                x = sum(&x, &cross.forward(shape, &x, keys, &[(0, count)], 1));
            }
            x = block.forward(shape, &x, &spans, &mut self.decoder[l]);
        }
        let h = rms_norm(&x, &model.decoder_norm, shape.epsilon);
        linear(&h, &model.head, shape.hidden)
    }

    /// Forgets the tokens from `to` on, as if they had never been pushed.
    pub(crate) fn truncate(&mut self, to: usize) {
        let model = self.model;
        self.ids.truncate(to);
        self.starts.truncate(to);
        self.closing = model.closing();
        let mut patches = 0;
        for (id, starts) in self.ids.iter().zip(&self.starts) {
            patches += u32::from(*starts);
            let _ = self.closing.run(&[*id], &[*starts], &[patches - 1]);
        }

        let columns = model.encoder.shape.hidden;
        for rows in &mut self.encoded {
            rows.truncate(self.ids.len() * columns);
        }
        let closed = patches as usize;
        // Without cross-attention a patch is one vector, whatever k is.
        let per_patch = model.decoder_vector_width();
        self.vectors.truncate(closed * per_patch);
        for (caches, rows, shape) in [
            (&mut self.encoder, self.ids.len(), &model.encoder.shape),
            (&mut self.latent, closed, &model.latent.shape),
            (&mut self.decoder, self.ids.len(), &model.decoder.shape),
        ] {
            for cache in caches {
                cache.truncate(rows, shape);
            }
        }
    }
}
