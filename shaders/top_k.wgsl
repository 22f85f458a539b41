// The k most likely next bytes of each row: ids by falling logit (the smaller
// id first among equals) and their log-probabilities.
//
// One invocation per row; k passes over the logits, so that nothing is stored.
#define WIDTH 64
struct Params {
    vocabulary: u32,  // number of logits
    stride: u32,      // columns of `logits`, padding included
    k: u32,           // entries per row, at most `vocabulary`
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> logits: array<f32>;               // [T, stride]
@group(0) @binding(3) var<storage, read_write> best_ids: array<u32>;       // [T, k]
@group(0) @binding(4) var<storage, read_write> best_log_p: array<f32>;     // [T, k]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.x;
    if row >= state.rows {
        return;
    }
    let vocabulary = bound(params.vocabulary);
    let k = bound(params.k);
    let at = row * params.stride;
    var largest = logits[at];
    for (var v = 1u; v < vocabulary; v++) {
        largest = max(largest, logits[at + v]);
    }
    var total = 0.0;
    for (var v = 0u; v < vocabulary; v++) {
        total += exp(logits[at + v] - largest);
    }
    let log_total = largest + log(total);

    // The entry found last; the next one comes after it in the order.
    var previous = 0.0;
    var previous_id = 0u;
    for (var rank = 0u; rank < k; rank++) {
        var found = -3.4e38;
        var found_id = 0u;
        for (var v = 0u; v < vocabulary; v++) {
            let logit = logits[at + v];
            let after = rank == 0u || logit < previous || (logit == previous && v > previous_id);
            if after && logit > found {
                found = logit;
                found_id = v;
            }
        }
        best_ids[row * params.k + rank] = found_id;
        best_log_p[row * params.k + rank] = found - log_total;
        previous = found;
        previous_id = found_id;
    }
}
