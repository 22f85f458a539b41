//! Hash tables on the device, in one piece or several, and hash tables that stay
//! with the host give the same logits to the bit.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{MADE, VARIANTS, folder, open};
use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceOptions};
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// The bits of all logits of a text that is read at once and then byte by byte.
async fn bits(device: &Arc<Device>, checkpoint: &Arc<Checkpoint>, place: HashTables) -> Vec<u32> {
    let load = BltLoad {
        hash_tables: place,
        ..Default::default()
    };
    let model = BltModel::load(device, checkpoint, load, |_| ())
        .await
        .unwrap();
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
fn host_and_device_agree_to_the_bit() {
    pollster::block_on(async {
        let device = crate::common::device();
        for variant in VARIANTS.iter().chain(&MADE) {
            let checkpoint = Arc::new(open(variant));
            let [on_gpu, on_host] = [
                bits(&device, &checkpoint, HashTables::Device).await,
                bits(&device, &checkpoint, HashTables::Host).await,
            ];
            assert_eq!(on_gpu.len(), 14 * 260);
            assert!(on_gpu == on_host, "{variant}");
        }
    });
}

#[test]
fn tables_in_pieces_agree_to_the_bit() {
    pollster::block_on(async {
        let device = crate::common::device();
        for variant in ["k2_base", "bf16w"] {
            let fused = Arc::new(open(variant));
            let separate = split(variant);
            assert_eq!(separate.blt_weights().unwrap().hash_tables.len(), 6);
            let bytes: u64 = {
                let weights = fused.blt_weights().unwrap();
                let table = &weights.hash_tables[0];
                (table.elements() * table.dtype.size()) as u64
            };
            let expected = bits(&device, &fused, HashTables::Device).await;
            for place in [HashTables::Device, HashTables::Host] {
                assert!(
                    expected == bits(&device, &separate, place).await,
                    "{variant}"
                );
            }
            // The largest of the session's own buffers must still be bound at once.
            let options = DeviceOptions {
                binding_bytes: Some(bytes.min(256 << 10)),
                ..crate::common::options()
            };
            let small = Device::open(&options).await.unwrap();
            assert!(small.binding_bytes() < bytes, "the tables are in pieces");
            for checkpoint in [&fused, &separate] {
                for place in [HashTables::Device, HashTables::Host] {
                    assert!(
                        expected == bits(&small, checkpoint, place).await,
                        "{variant}"
                    );
                }
            }
        }
    });
}
