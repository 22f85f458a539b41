//! Hash tables on the GPU, in one piece or several, and hash tables that stay
//! with the host give the same logits to the bit.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::gpu::{Gpu, GpuOptions};
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession};
use common::{MADE, VARIANTS, folder, open};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// The bits of all logits of a text that is read at once and then byte by byte.
async fn bits(gpu: &Arc<Gpu>, checkpoint: &Arc<Checkpoint>, place: HashTables) -> Vec<u32> {
    let load = BltLoad {
        hash_tables: place,
        ..Default::default()
    };
    let model = BltModel::load(gpu, checkpoint, load, |_| ()).await.unwrap();
    assert_eq!(model.memory().host_tables, place == HashTables::Host);
    let options = BltOptions {
        rule: Some(Rule::new(Scheme::Space).unwrap()),
        ..Default::default()
    };
    let mut session = BltSession::new(&Arc::new(model), options).unwrap();
    let text = "Tables of n-grams, 해시 표, and\0\u{fffd} more of them. ".repeat(8);
    session.prefill(text.as_bytes()).await.unwrap();
    let mut bits: Vec<u32> = session.logits().iter().map(|l| l.to_bits()).collect();
    for byte in "n-grams again".bytes() {
        let logits = session.push(byte).await.unwrap();
        bits.extend(logits.iter().map(|l| l.to_bits()));
    }
    bits
}

/// A checkpoint with a tensor per table, as Meta's layout has them.
fn split(variant: &str) -> Arc<Checkpoint> {
    let read = |name: &str| std::fs::read(folder(variant).join(name)).unwrap();
    let (config, weights) = (read("config.json"), read("model.safetensors"));
    let stored = SafeTensors::deserialize(&weights).unwrap();
    let tables = open(variant).config().blt.as_ref().unwrap().hash.tables() as usize;
    let mut tensors: BTreeMap<String, TensorView<'_>> = BTreeMap::new();
    for (name, tensor) in stored.tensors() {
        let Some(stem) = name.strip_suffix("hash_tok_embedding.weight") else {
            tensors.insert(name, tensor);
            continue;
        };
        let [rows, columns] = *tensor.shape() else {
            panic!("{name} is no matrix");
        };
        // The tensor's own data lives as long as the file, not as the view.
        let data = stored.tensor(&name).unwrap().data();
        for (at, part) in data.chunks(data.len() / tables).enumerate() {
            let shape = vec![rows / tables, columns];
            let view = TensorView::new(tensor.dtype(), shape, part).unwrap();
            tensors.insert(format!("{stem}hash_tok_embedding.{at}.weight"), view);
        }
    }
    assert_eq!(tensors.len(), stored.len() + tables - 1);
    let bytes = safetensors::serialize(&tensors, None).unwrap();
    Arc::new(Checkpoint::from_bytes(&config, bytes, "split").unwrap())
}

#[test]
fn host_and_gpu_agree_to_the_bit() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await.unwrap();
        for variant in VARIANTS.iter().chain(&MADE) {
            let checkpoint = Arc::new(open(variant));
            let [on_gpu, on_host] = [
                bits(&gpu, &checkpoint, HashTables::Gpu).await,
                bits(&gpu, &checkpoint, HashTables::Host).await,
            ];
            assert_eq!(on_gpu.len(), 14 * 260);
            assert!(on_gpu == on_host, "{variant}");
        }
    });
}

#[test]
fn tables_in_pieces_agree_to_the_bit() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await.unwrap();
        for variant in ["k2_base", "bf16w"] {
            let fused = Arc::new(open(variant));
            let separate = split(variant);
            assert_eq!(separate.blt_weights().unwrap().hash_tables.len(), 6);
            let bytes: u64 = {
                let weights = fused.blt_weights().unwrap();
                let table = &weights.hash_tables[0];
                (table.elements() * table.dtype.size()) as u64
            };
            let expected = bits(&gpu, &fused, HashTables::Gpu).await;
            for place in [HashTables::Gpu, HashTables::Host] {
                assert!(expected == bits(&gpu, &separate, place).await, "{variant}");
            }
            // The largest of the session's own buffers must still be bound at once.
            let options = GpuOptions {
                binding_bytes: Some(bytes.min(256 << 10)),
                ..Default::default()
            };
            let small = Gpu::open(&options).await.unwrap();
            assert!(small.binding_bytes() < bytes, "the tables are in pieces");
            for checkpoint in [&fused, &separate] {
                for place in [HashTables::Gpu, HashTables::Host] {
                    assert!(
                        expected == bits(&small, checkpoint, place).await,
                        "{variant}"
                    );
                }
            }
        }
    });
}
