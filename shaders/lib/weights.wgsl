// Neighbouring weights as f32, from 32- or 16-bit storage: four of them, or with LOADS
// of 8 also eight in one load, which are unpacked later. An index counts vectors of
// four; that of eight 16-bit weights must be even.
#if WEIGHTS == f32
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
struct Eight { low: vec4f, high: vec4f }
fn weights_at(index: u32) -> vec4f {
    return weights[index];
}
fn eight_at(index: u32) -> Eight {
    return Eight(weights[index], weights[index + 1u]);
}
fn low(eight: Eight) -> vec4f {
    return eight.low;
}
fn high(eight: Eight) -> vec4f {
    return eight.high;
}
#else
#if LOADS == 4
@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
fn weights_at(index: u32) -> vec4f {
    return unpacked(weights[index]);
}
#else
@group(0) @binding(2) var<storage, read> weights: array<vec4u>;
alias Eight = vec4u;
fn weights_at(index: u32) -> vec4f {
    let eight = weights[index >> 1u];
    return unpacked(select(eight.xy, eight.zw, (index & 1u) == 1u));
}
fn eight_at(index: u32) -> Eight {
    return weights[index >> 1u];
}
fn low(eight: Eight) -> vec4f {
    return unpacked(eight.xy);
}
fn high(eight: Eight) -> vec4f {
    return unpacked(eight.zw);
}
#endif
#endif
#if WEIGHTS == f16
fn unpacked(pair: vec2u) -> vec4f {
    return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y));
}
#endif
#if WEIGHTS == bf16
fn unpacked(pair: vec2u) -> vec4f {
    return bitcast<vec4f>(vec4u(
        pair.x << 16u, pair.x & 0xffff0000u,
        pair.y << 16u, pair.y & 0xffff0000u,
    ));
}
#endif
