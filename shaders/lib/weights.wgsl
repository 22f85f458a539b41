// Four neighbouring weights as f32, from 32- or 16-bit storage.
#if WEIGHTS == f32
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
fn weights_at(index: u32) -> vec4f {
    return weights[index];
}
#endif
#if WEIGHTS == f16
@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
fn weights_at(index: u32) -> vec4f {
    let packed = weights[index];
    return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
#endif
#if WEIGHTS == bf16
@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
fn weights_at(index: u32) -> vec4f {
    let packed = weights[index];
    return bitcast<vec4f>(vec4u(
        packed.x << 16u, packed.x & 0xffff0000u,
        packed.y << 16u, packed.y & 0xffff0000u,
    ));
}
#endif
