// What the attention kernels share.
//
// Row t sees `spans[t]` keys: its own and those just before it. Causality, the
// sliding window and the document mask are all in that one number.
struct Params {
    heads: u32,     // query heads
    kv_heads: u32,  // key and value heads
    head4: u32,     // vectors of four per head
    slots: u32,     // slots of the ring, a power of two
    splits: u32,    // parts that a row's keys are cut into; 1: y has whole results
    scale: f32,     // 1 / sqrt(head dimension)
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> spans: array<u32>;         // [T]
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;         // [T, heads + 2 kv_heads, head4]
@group(0) @binding(4) var<storage, read> keys: array<vec4f>;        // [slots, kv_heads, head4]
@group(0) @binding(5) var<storage, read> values: array<vec4f>;      // [slots, kv_heads, head4]
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;     // [T, heads, head4], or [T, heads, splits, head4 + 1]

// First vector of the key (and value) of a row of this run, or before it.
fn key_at(row: u32, kv_head: u32) -> u32 {
    let slot = (state.first_slot + row) & (params.slots - 1u);
    return (slot * params.kv_heads + kv_head) * params.head4;
}
fn query_at(row: u32, head: u32) -> u32 {
    return (row * (params.heads + 2u * params.kv_heads) + head) * params.head4;
}
fn span_of(row: u32) -> u32 {
    return min(spans[row], params.slots);
}
