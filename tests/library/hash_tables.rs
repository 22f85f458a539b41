//! Hash tables on the device, in one piece or several, hash tables that stay with the
//! host, and files that are read in pieces give the same logits to the bit.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{MADE, VARIANTS, folder, open};
use blt::checkpoint::{Checkpoint, ConvertOptions, Dtype};
use blt::device::{Device, DeviceOptions};
use blt::model::blt::{BltLoad, BltModel, HashTables, WeightBits};
use blt::numerics::Quantisation;
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
    if place != HashTables::Auto {
        assert_eq!(model.memory().host_tables, place == HashTables::Host);
    }
    let options = BltOptions {
        rule: Some(Rule::new(Scheme::Space).unwrap()),
        ..Default::default()
    };
    let mut session = BltSession::new(&Arc::new(model), options).unwrap();
    let text = "Tables of n-grams, 해시 표, and\0\u{fffd} more of them. ".repeat(3);
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
    let (config, bytes) = split_files(variant);
    Arc::new(Checkpoint::from_bytes(&config, bytes, "split").unwrap())
}

/// Its config and its weights.
fn split_files(variant: &str) -> (Vec<u8>, Vec<u8>) {
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
    (config, bytes)
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

/// What a folder gives that is mapped, and one that is read in pieces with its tables left
/// there, in some numbers of bits.
async fn pieces_agree(device: &Arc<Device>, folder: &std::path::Path, all: &[WeightBits]) {
    let name = folder.to_str().unwrap();
    let mapped = Arc::new(Checkpoint::open(name).unwrap());
    let parts = Arc::new(Checkpoint::open_in_pieces(name).unwrap());
    assert_eq!(
        parts.inspect().to_string(),
        mapped.inspect().to_string(),
        "{name}"
    );
    for wanted in all {
        let (mapped, parts) = (wanted.of(&mapped), wanted.of(&parts));
        let expected = bits(device, &mapped, HashTables::Host).await;
        let found = bits(device, &parts, HashTables::Auto).await;
        assert!(expected == found, "{name}, {wanted:?}");
    }
    let load = BltLoad::default();
    let model = BltModel::load(device, &parts, load, |_| ()).await.unwrap();
    assert!(model.memory().host_tables);
}

#[test]
fn files_that_are_read_in_pieces_agree_to_the_bit() {
    pollster::block_on(async {
        let device = crate::common::device();
        let stored = [WeightBits::Stored];
        for variant in ["gqa", "tied", "made/concatenated"] {
            pieces_agree(&device, &folder(variant), &stored).await;
        }
        let root = tempfile::tempdir().unwrap();
        for variant in ["k2_base", "bf16w"] {
            let narrow = [WeightBits::Stored, WeightBits::Eight, WeightBits::Mixed];
            pieces_agree(&device, &folder(variant), &narrow).await;
            let parts = Checkpoint::open_in_pieces(folder(variant).to_str().unwrap()).unwrap();
            let parts = Arc::new(parts);
            let on_host = bits(&device, &parts, HashTables::Host).await;
            let on_device = bits(&device, &parts, HashTables::Device).await;
            assert!(on_host == on_device, "{variant}");
            // A tensor per table.
            let separate = root.path().join(format!("{variant}-separate"));
            let (config, weights) = split_files(variant);
            std::fs::create_dir(&separate).unwrap();
            std::fs::write(separate.join("config.json"), config).unwrap();
            std::fs::write(separate.join("model.safetensors"), weights).unwrap();
            pieces_agree(&device, &separate, &stored).await;
            // Quantised files, several of them.
            for bits in [8, 4] {
                let place = root.path().join(format!("{variant}-{bits}"));
                let options = ConvertOptions {
                    dtype: Quantisation::of_bits(bits).map(Dtype::Quantised),
                    shard_bytes: 200_000,
                    ..Default::default()
                };
                let written = open(variant).convert(&place, &options, |_| Ok(())).unwrap();
                assert!(written.files > 1);
                pieces_agree(&device, &place, &stored).await;
            }
        }
    });
}

#[test]
fn a_file_that_is_read_in_pieces_may_not_become_shorter() {
    let root = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(folder("k2_base").join(file), root.path().join(file)).unwrap();
    }
    let name = root.path().to_str().unwrap();
    let checkpoint = Arc::new(Checkpoint::open_in_pieces(name).unwrap());
    let weights = std::fs::File::options()
        .write(true)
        .open(root.path().join("model.safetensors"))
        .unwrap();
    weights.set_len(100_000).unwrap();
    let said = pollster::block_on(async {
        let device = crate::common::device();
        let load = BltLoad::default();
        let loaded = BltModel::load(&device, &checkpoint, load, |_| ()).await;
        loaded.unwrap_err().to_string()
    });
    assert_eq!(
        said,
        format!(
            "{name}/model.safetensors has become shorter since it was opened; open the model again"
        )
    );
}
