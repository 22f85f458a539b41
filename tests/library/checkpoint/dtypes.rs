//! The way from stored bytes to `f32`, for every 16-bit pattern.

use blt::checkpoint::{Checkpoint, Dtype, TensorData, TensorView};
use half::{bf16, f16};

use crate::checkpoint::{alone, alone_tensors, safetensors};

fn every_pattern() -> Vec<u8> {
    (0..=u16::MAX).flat_map(u16::to_le_bytes).collect()
}

fn view<'a>(dtype: Dtype, shape: &'a [usize], bytes: &'a [u8]) -> TensorView<'a> {
    TensorView {
        name: "x",
        dtype,
        source: dtype,
        shape,
        data: TensorData::Bytes(bytes),
        whole: None,
    }
}

/// A half by its definition, without `half`.
fn by_definition(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[test]
fn halves_are_exact() {
    let bytes = every_pattern();
    let view = view(Dtype::F16, &[65536], &bytes);
    assert_eq!(view.elements(), 65536);
    for (bits, found) in (0..=u16::MAX).zip(view.to_f32()) {
        assert_eq!(
            found.to_bits(),
            f16::from_bits(bits).to_f32().to_bits(),
            "{bits:#x}"
        );
        let defined = by_definition(bits);
        assert!(
            f64::from(found) == defined || found.is_nan() && defined.is_nan(),
            "{bits:#x}"
        );
    }
}

#[test]
fn bfloats_are_exact() {
    let bytes = every_pattern();
    for (bits, found) in (0..=u16::MAX).zip(view(Dtype::Bf16, &[65536], &bytes).to_f32()) {
        assert_eq!(
            found.to_bits(),
            bf16::from_bits(bits).to_f32().to_bits(),
            "{bits:#x}"
        );
        let defined = f32::from_bits(u32::from(bits) << 16);
        assert!(
            found.to_bits() == defined.to_bits() || found.is_nan() && defined.is_nan(),
            "{bits:#x}"
        );
    }
}

#[test]
fn singles_are_exact_at_any_alignment() {
    let values = [
        0.0,
        -0.0,
        1.5,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        1e-45,
    ];
    let bytes: Vec<u8> = values.iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    for offset in 0..8 {
        let mut shifted = vec![0xAA; offset];
        shifted.extend(&bytes);
        let found = view(Dtype::F32, &[8], &shifted[offset..]).to_f32();
        assert!(
            found
                .iter()
                .zip(&values)
                .all(|(a, b)| a.to_bits() == b.to_bits()),
            "{offset}"
        );
    }
}

#[test]
fn a_file_may_leave_its_tensors_unaligned() {
    // An odd header and a one-byte tensor before the weights.
    let mut tensors = vec![("other".to_owned(), "U8", vec![1])];
    tensors.extend(
        alone_tensors()
            .into_iter()
            .map(|(name, _, shape)| (format!("patcher.{name}"), "F32", shape)),
    );
    let checkpoint = crate::checkpoint::open_bytes(&alone(), safetensors(&tensors)).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    assert_eq!(weights.embed.to_f32()[0], f32::from_le_bytes([1, 2, 3, 4]));
    assert_eq!(checkpoint.inspect().extra, ["other"]);
}

#[test]
fn bytes_may_be_static_or_shared() {
    let file = safetensors(&alone_tensors());
    let config = alone().to_string();
    let leaked: &'static [u8] = Box::leak(file.clone().into_boxed_slice());
    let shared: std::sync::Arc<[u8]> = file.into();
    let a = Checkpoint::from_bytes(config.as_bytes(), leaked, "the embedded model").unwrap();
    let b = Checkpoint::from_bytes(config.as_bytes(), shared, "the embedded model").unwrap();
    assert_eq!(a.origin(), "the embedded model");
    let (a, b) = (a.entropy_weights().unwrap(), b.entropy_weights().unwrap());
    assert_eq!(a.lm_head.bytes(), b.lm_head.bytes());
    assert!(
        leaked
            .as_ptr_range()
            .contains(&a.lm_head.bytes().unwrap().as_ptr()),
        "the weights were copied"
    );
}
