use super::{BltMatrices, Stack};
use crate::reference::block::sum;
use crate::reference::{
    ClosePatches, Closed, RowRange, embed, gather_add, hash_embed, linear, local_spans, rms_norm,
};
use blt::numerics::hash_ids;

/// Everything computed on the way to the logits of S tokens with P closed
/// patches, row-major.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    /// The patch of each token, P(i) of spec section 5.
    pub(crate) patch_ids: Vec<u32>,
    /// The patch that the decoder sees at each token, Q(i) of spec section 5.
    pub(crate) decoder_patch_ids: Vec<u32>,
    /// Rows of the hash tables, `[S, E]`, each within its table.
    pub(crate) hash_ids: Vec<u32>,
    /// Embeddings with those of the n-grams, `[S, D]`.
    pub(crate) embeds: Vec<f32>,
    /// After each encoder layer, `[S, D]`.
    pub(crate) encoder_layers: Vec<Vec<f32>>,
    /// The bytes of each patch pooled, `[P, pools * D]`, or joined.
    pub(crate) pooled: Vec<f32>,
    /// The first queries of each patch, `[P * k, D]`; none without
    /// cross-attention in the encoder.
    pub(crate) queries: Vec<f32>,
    /// The encoder's patches, `[P, k * D]`, or as they were pooled.
    pub(crate) patches: Vec<f32>,
    /// The latent model's input, `[P, G]`.
    pub(crate) latent_in: Vec<f32>,
    /// After each latent layer, `[P, G]`; the last is the model's output.
    pub(crate) latent_layers: Vec<Vec<f32>>,
    /// What the decoder sees of each patch, `[P * k, D]`.
    pub(crate) decoder_keys: Vec<f32>,
    /// Each cross-attention of the decoder with its own residual, `[S, D]`; the
    /// input is added once more before the layer.
    pub(crate) decoder_cross: Vec<Vec<f32>>,
    /// After each decoder layer, `[S, D]`.
    pub(crate) decoder_layers: Vec<Vec<f32>>,
    /// Normalised, `[S, D]`.
    pub(crate) decoder_norm: Vec<f32>,
    /// `[S, vocabulary]`
    pub(crate) logits: Vec<f32>,
}

impl BltMatrices {
    /// A whole text at once. `starts[j]` says whether a patch starts at position
    /// j, for the positions of `ids` and the one after them; the first two are
    /// true. Patches that are still open are left out: nothing reads them.
    pub(crate) fn forward(&self, ids: &[u32], starts: &[bool]) -> Stages {
        let patch_ids = patch_ids(starts);
        let decoder_patch_ids: Vec<u32> = patch_ids[1..].iter().map(|p| p - 1).collect();
        let mut s = Stages {
            patch_ids: patch_ids[..ids.len()].to_vec(),
            hash_ids: self.hash_rows(ids, 0),
            ..Stages::default()
        };
        s.embeds = self.embed_rows(ids, &s.hash_ids);
        s.encoder_layers = self.encoder.run(&s.embeds, ids);

        let closed = self.closing().run(ids, &starts[1..], &decoder_patch_ids);
        for (own, seen) in closed.own.iter().zip(&closed.seen) {
            let patch = self.patch(&s.encoder_layers, *own, *seen);
            s.pooled.extend(patch.pooled);
            s.queries.extend(patch.queries);
            s.patches.extend(patch.vector);
        }
        s.latent_in = match &self.latent_projection {
            Some(w) => linear(&s.patches, w, w.len() / self.latent.shape.hidden),
            None => s.patches.clone(),
        };
        s.latent_layers = self.latent_rows(&s.latent_in, &closed);
        let latent_out = s.latent_layers.last().unwrap_or(&s.latent_in);
        s.decoder_keys = self.decoder_vectors(latent_out);

        let h = s.encoder_layers.last().unwrap_or(&s.embeds).clone();
        self.decode(h, ids, &decoder_patch_ids, &closed.keys, &mut s);
        s.decoder_norm = rms_norm(
            s.decoder_layers.last().unwrap_or(&s.embeds),
            &self.decoder_norm,
            self.decoder.shape.epsilon,
        );
        s.logits = linear(&s.decoder_norm, &self.head, self.decoder.shape.hidden);
        s.decoder_patch_ids = decoder_patch_ids;
        s
    }

    fn latent_rows(&self, x: &[f32], closed: &Closed) -> Vec<Vec<f32>> {
        let mut layers: Vec<Vec<f32>> = Vec::new();
        for (block, mut cache) in self.latent.layers.iter().zip(self.latent.caches()) {
            let x = layers.last().map_or(x, Vec::as_slice);
            layers.push(block.forward(&self.latent.shape, x, &closed.spans, &mut cache));
        }
        layers
    }

    fn decode(
        &self,
        mut x: Vec<f32>,
        ids: &[u32],
        seen: &[u32],
        keys: &[RowRange],
        s: &mut Stages,
    ) {
        let shape = &self.decoder.shape;
        let spans = local_spans(ids, 0, self.decoder.window);
        if self.decoder_cross.is_empty() {
            gather_add(&mut x, &s.decoder_keys, seen, shape.hidden);
        }
        let caches = self.decoder.caches();
        for (l, (block, mut cache)) in self.decoder.layers.iter().zip(caches).enumerate() {
            if let Some(cross) = self.decoder_cross.get(l) {
                let attended = cross.forward(shape, &x, &s.decoder_keys, keys, 1);
                x = sum(&x, &attended);
                s.decoder_cross.push(attended);
            }
            x = block.forward(shape, &x, &spans, &mut cache);
            s.decoder_layers.push(x.clone());
        }
    }

    /// The hash rows of the tokens `ids[first..]`, `[T, E]`.
    pub(super) fn hash_rows(&self, ids: &[u32], first: usize) -> Vec<u32> {
        let s = &self.shape;
        hash_ids(ids, first, &s.groups, s.functions, s.hash_vocabulary)
    }

    /// The embeddings of tokens and of the n-grams that end with them, `[T, D]`.
    pub(super) fn embed_rows(&self, ids: &[u32], rows: &[u32]) -> Vec<f32> {
        let columns = self.encoder.shape.hidden;
        let tables = self.shape.functions * self.shape.groups.len();
        let mut x = embed(ids, &self.embed, columns);
        let vocabulary = self.shape.hash_vocabulary;
        if tables > 0 {
            hash_embed(&mut x, rows, tables, &self.hash_tables, vocabulary, columns);
        }
        x
    }

    /// Latent rows `[P, G]` as the decoder sees them, `[P * k, D]`.
    pub(super) fn decoder_vectors(&self, latent: &[f32]) -> Vec<f32> {
        match &self.decoder_projection {
            Some(w) => linear(latent, w, self.latent.shape.hidden),
            None => latent.to_vec(),
        }
    }

    /// Columns of what the decoder sees of one patch.
    pub(super) fn decoder_vector_width(&self) -> usize {
        match self.decoder_cross.len() {
            0 => self.decoder.shape.hidden,
            _ => self.shape.k * self.decoder.shape.hidden,
        }
    }

    /// The bookkeeping of patches before the first token.
    pub(super) fn closing(&self) -> ClosePatches {
        let s = &self.shape;
        ClosePatches::new(s.k, s.encoder_window, s.decoder_window)
    }
}

impl Stack {
    /// The rows `[S, hidden]` of a whole text after each layer of a local model.
    fn run(&self, x: &[f32], ids: &[u32]) -> Vec<Vec<f32>> {
        let spans = local_spans(ids, 0, self.window);
        let mut layers: Vec<Vec<f32>> = Vec::new();
        for (block, mut cache) in self.layers.iter().zip(self.caches()) {
            let x = layers.last().map_or(x, Vec::as_slice);
            layers.push(block.forward(&self.shape, x, &spans, &mut cache));
        }
        layers
    }
}

/// The patch of each position that `starts` has a flag for.
fn patch_ids(starts: &[bool]) -> Vec<u32> {
    let mut patches = 0;
    let count = |start: &bool| {
        patches += u32::from(*start);
        patches - 1
    };
    starts.iter().map(count).collect()
}
