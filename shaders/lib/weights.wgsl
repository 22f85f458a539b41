// Rows of weights as f32, read as four neighbours, or with LOADS of 8 also as eight in one
// load, which are unpacked later. `weights_row` gives where a row begins, and an index
// counts vectors of four from there; that of eight must be even. `width4` are vectors of
// four per row.
//
// Quantised rows have their packed numbers first and then a pair of scale and bias for
// each group of `4 << params.group_shift` neighbours, two halves of a word.
#if WEIGHTS == f32
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
struct Eight { low: vec4f, high: vec4f }
fn weights_row(row: u32, width4: u32) -> u32 {
    return row * width4;
}
fn weights_at(start: u32, index: u32, width4: u32) -> vec4f {
    return weights[start + index];
}
fn eight_at(start: u32, index: u32, width4: u32) -> Eight {
    return Eight(weights[start + index], weights[start + index + 1u]);
}
fn low(eight: Eight) -> vec4f {
    return eight.low;
}
fn high(eight: Eight) -> vec4f {
    return eight.high;
}
#else
#if WEIGHTS == q8
@group(0) @binding(2) var<storage, read> weights: array<u32>;
fn pair_at(start: u32, index: u32, width4: u32) -> vec2f {
    return unpack2x16float(weights[start + width4 + (index >> params.group_shift)]);
}
fn weights_row(row: u32, width4: u32) -> u32 {
    return row * (width4 + (width4 >> params.group_shift));
}
fn scaled(four: u32, pair: vec2f) -> vec4f {
    return pair.x * vec4f(unpack4xU8(four)) + pair.y;
}
fn weights_at(start: u32, index: u32, width4: u32) -> vec4f {
    return scaled(weights[start + index], pair_at(start, index, width4));
}
struct Eight { numbers: vec2u, pair: vec2f }
fn eight_at(start: u32, index: u32, width4: u32) -> Eight {
    let numbers = vec2u(weights[start + index], weights[start + index + 1u]);
    return Eight(numbers, pair_at(start, index, width4));
}
fn low(eight: Eight) -> vec4f {
    return scaled(eight.numbers.x, eight.pair);
}
fn high(eight: Eight) -> vec4f {
    return scaled(eight.numbers.y, eight.pair);
}
#else
#if WEIGHTS == q4
@group(0) @binding(2) var<storage, read> weights: array<u32>;
fn pair_at(start: u32, index: u32, width4: u32) -> vec2f {
    return unpack2x16float(weights[start + (width4 >> 1u) + (index >> params.group_shift)]);
}
fn weights_row(row: u32, width4: u32) -> u32 {
    return row * ((width4 >> 1u) + (width4 >> params.group_shift));
}
fn scaled(four: u32, pair: vec2f) -> vec4f {
    let numbers = vec4u(four, four >> 4u, four >> 8u, four >> 12u) & vec4u(15u);
    return pair.x * vec4f(numbers) + pair.y;
}
fn weights_at(start: u32, index: u32, width4: u32) -> vec4f {
    let four = weights[start + (index >> 1u)] >> ((index & 1u) << 4u);
    return scaled(four, pair_at(start, index, width4));
}
struct Eight { numbers: u32, pair: vec2f }
fn eight_at(start: u32, index: u32, width4: u32) -> Eight {
    return Eight(weights[start + (index >> 1u)], pair_at(start, index, width4));
}
fn low(eight: Eight) -> vec4f {
    return scaled(eight.numbers, eight.pair);
}
fn high(eight: Eight) -> vec4f {
    return scaled(eight.numbers >> 16u, eight.pair);
}
#else
fn weights_row(row: u32, width4: u32) -> u32 {
    return row * width4;
}
#if LOADS == 4
@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
fn weights_at(start: u32, index: u32, width4: u32) -> vec4f {
    return unpacked(weights[start + index]);
}
#else
@group(0) @binding(2) var<storage, read> weights: array<vec4u>;
alias Eight = vec4u;
fn weights_at(start: u32, index: u32, width4: u32) -> vec4f {
    let at = start + index;
    let eight = weights[at >> 1u];
    return unpacked(select(eight.xy, eight.zw, (at & 1u) == 1u));
}
fn eight_at(start: u32, index: u32, width4: u32) -> Eight {
    return weights[(start + index) >> 1u];
}
fn low(eight: Eight) -> vec4f {
    return unpacked(eight.xy);
}
fn high(eight: Eight) -> vec4f {
    return unpacked(eight.zw);
}
#endif
#if WEIGHTS == f16
fn unpacked(pair: vec2u) -> vec4f {
    return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y));
}
#else
fn unpacked(pair: vec2u) -> vec4f {
    return bitcast<vec4f>(vec4u(
        pair.x << 16u, pair.x & 0xffff0000u,
        pair.y << 16u, pair.y & 0xffff0000u,
    ));
}
#endif
#endif
#endif
#endif
