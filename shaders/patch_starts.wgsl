// Where patches start, and the patch each byte belongs to.
//
// Row t of the run is position i of the text (the token ids, BOS at 0); it
// decides whether a patch starts at position i + 1, from what is known there.
// `patches[t]` is the patch of position i + 1, the one with BOS not counted.
// One workgroup; each invocation takes a stretch of rows, and a prefix sum over
// the stretches joins them.
#define WIDTH 64
// One workgroup for all.
const TILE_X = 1u;
struct Params {
    rule: u32,          // see the constants below
    threshold: f32,     // nats
    threshold_add: f32, // nats; GLOBAL_AND_MONOTONIC: the least rise
    size: u32,          // STATIC: bytes per patch
    max_length: u32,    // longest patch; 0: no limit
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> ids: array<u32>;               // [T]
@group(0) @binding(3) var<storage, read> entropies: array<vec2f>;       // [T], (H, ln p)
@group(0) @binding(4) var<storage, read_write> carry: Carry;
@group(0) @binding(5) var<storage, read_write> starts: array<u32>;      // [T]
@group(0) @binding(6) var<storage, read_write> patches: array<u32>;     // [T]

#import patch_rule
const NONE = 0xffffffffu;

var<workgroup> last_start: array<u32, $WIDTH>;
var<workgroup> counts: array<u32, $WIDTH>;

@compute @workgroup_size($WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
    let rows = state.rows;
    let stretch = (rows + $WIDTHu - 1u) / $WIDTHu;
    let begin = min(lane * stretch, rows);
    let end = min(begin + stretch, rows);

    var last = NONE;
    for (var t = begin; t < end; t++) {
        let start = rule_starts(t);
        starts[t] = u32(start);
        if start {
            last = t;
        }
    }
    last_start[lane] = last;
    workgroupBarrier();

    // Distance of the position before this stretch from the rule's last start.
    var distance = carry.distance + begin;
    for (var other = 0u; other < lane; other++) {
        if last_start[other] != NONE {
            distance = begin - 1u - last_start[other];
        }
    }
    let max_length = bound(params.max_length);
    var count = 0u;
    for (var t = begin; t < end; t++) {
        distance++;
        var start = starts[t] == 1u;
        if start {
            distance = 0u;
        }
        if max_length > 0u {
            start = start || distance % params.max_length == 0u;
        }
        starts[t] = u32(start);
        count += u32(start);
    }
    counts[lane] = count;
    workgroupBarrier();

    var patch_index = carry.patches;
    for (var other = 0u; other < lane; other++) {
        patch_index += counts[other];
    }
    for (var t = begin; t < end; t++) {
        patch_index += starts[t];
        patches[t] = patch_index - 1u;
    }
    // Everybody has read the carry before the last invocation replaces it.
    workgroupBarrier();
    if lane == $WIDTHu - 1u && rows > 0u {
        leave(rows, distance, patch_index);
    }
}
