// Attention for a few rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees.
//
// A workgroup has a head of a row, or a part of its keys: then it leaves its sums,
// and after them its maximum and its total, to `attention_merge`.
#cpu attention
#variants HEAD 32 64 128 256
#variants METHOD tree subgroup:subgroups
#define WIDTH 256
#define KEYS 4
#import attention
#import split
// A part of a head of a row to each workgroup.
const TILE_X = 1u;

// For `key_row`.
var<private> own_row: u32;
var<private> kv_head: u32;
fn query4(at: u32) -> vec4f {
    return qkv[at] * params.scale;
}
fn key_row(back: u32) -> u32 {
    return key_at(own_row - back, kv_head);
}
fn key4(at: u32) -> vec4f {
    return keys[at];
}
fn value4(at: u32) -> vec4f {
    return values[at];
}

#import attend
@compute @workgroup_size($WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3u,
#if METHOD == tree
    @builtin(local_invocation_index) place: u32,
#else
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(subgroup_size) subgroup_size: u32,
#endif
) {
    let row = group.y;
    if row >= state.rows {
        return;
    }
    let head = group.x / params.splits;
    let split = group.x % params.splits;
    own_row = row;
    kv_head = head / (params.heads / params.kv_heads);
    let span = span_of(row);
    let whole = params.splits == 1u;
    let part = select(part_of(span, params.splits), span, whole);
    let first = split * part;
    if split > 0u && first >= span {
        return;
    }
#if METHOD == subgroup
    // Teams are parts of subgroups.
    let place = subgroup * subgroup_size + subgroup_lane;
#endif
    let head4 = bound(params.head4);
    let result = row * params.heads * params.splits + group.x;
    let at = result * select(head4 + 1u, head4, whole);
    let query = query_at(row, head);
    let end = min(first + part, span);
    let totals = attend(place, query, head4, first, end, at, whole);
    if !whole && place == 0u {
        y[at + head4] = vec4f(totals, 0.0, 0.0);
    }
}
