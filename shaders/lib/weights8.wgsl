// Eight neighbouring weights, and their product with eight numbers, from 32- or
// 16-bit storage.
struct Eight {
    low: vec4f,
    high: vec4f,
}
#if WEIGHTS == f32
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
fn product8(index: u32, low: vec4f, high: vec4f) -> f32 {
    return dot(weights[2u * index], low) + dot(weights[2u * index + 1u], high);
}
fn eight_at(index: u32) -> Eight {
    return Eight(weights[2u * index], weights[2u * index + 1u]);
}
#else
@group(0) @binding(2) var<storage, read> weights: array<vec4u>;
fn product8(index: u32, low: vec4f, high: vec4f) -> f32 {
    let packed = weights[index];
    return dot(unpacked(packed.xy), low) + dot(unpacked(packed.zw), high);
}
fn eight_at(index: u32) -> Eight {
    let packed = weights[index];
    return Eight(unpacked(packed.xy), unpacked(packed.zw));
}
#endif
#if WEIGHTS == f16
fn unpacked(packed: vec2u) -> vec4f {
    return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
#endif
#if WEIGHTS == bf16
fn unpacked(packed: vec2u) -> vec4f {
    return bitcast<vec4f>(vec4u(
        packed.x << 16u, packed.x & 0xffff0000u,
        packed.y << 16u, packed.y & 0xffff0000u,
    ));
}
#endif
