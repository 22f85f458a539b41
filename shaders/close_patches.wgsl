// What a run of bytes closes: for each patch that ends in it, its bytes and
// what it may see; for each byte, the patches that its decoder attends to.
//
// `patches[t]` is the last closed patch once row t is done. One invocation
// walks the rows: there is little to do and each row depends on the one before.
// The results are the state of the plans over patches (rows = patches closed
// here, first_slot = patches before them) and over their k vectors each.
struct Params {
    k: u32,               // vectors per patch
    encoder_window: u32,  // patches whose bytes a patch attends to, its own included
    decoder_window: u32,  // patches that a byte attends to
    begins: u32,          // slots of `begins`
    rows: u32,            // rows that `ranges` has room for, a multiple of 32
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> ids: array<u32>;              // [T]
@group(0) @binding(3) var<storage, read> starts: array<u32>;           // [T], 1: a patch starts after row t
@group(0) @binding(4) var<storage, read> patches: array<u32>;          // [T]
// Three pieces of 64 words: State of the patches, State of their vectors, and
// what the next run needs: (position, first patch of the document, EOS in the open patch).
@group(0) @binding(5) var<storage, read_write> carry: array<u32>;      // [192]
@group(0) @binding(6) var<storage, read_write> begins: array<u32>;     // [begins], first position of each patch
// Per row (first vector, count); then per closed patch (first position, count)
// within the window, and of its own bytes.
@group(0) @binding(7) var<storage, read_write> ranges: array<vec2u>;   // [rows + 2 rows]
@group(0) @binding(8) var<storage, read_write> spans: array<u32>;      // [T], patches that a closed patch sees

const EOS = 2u;
const POSITION = 128u;
const DOCUMENT = 129u;
const ENDED = 130u;

@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x > 0u {
        return;
    }
    let position = carry[POSITION];
    var document = carry[DOCUMENT];
    var ended = carry[ENDED];
    // Patches closed before this run.
    var before = 0u;
    if state.rows > 0u {
        before = patches[0] + 1u - starts[0];
    }
    var closed = 0u;
    for (var t = 0u; t < state.rows; t++) {
        if ids[t] == EOS {
            ended = 1u;
        }
        if starts[t] == 1u {
            let patch_index = before + closed;
            let end = position + t + 1u;
            let begin = begins[patch_index % params.begins];
            let oldest = patch_index + 1u - min(params.encoder_window, patch_index + 1u);
            let first = begins[oldest % params.begins];
            ranges[params.rows + 2u * closed] = vec2u(first, end - first);
            ranges[params.rows + 2u * closed + 1u] = vec2u(begin, end - begin);
            spans[closed] = patch_index + 1u - document;
            if ended == 1u {
                document = patch_index + 1u;
                ended = 0u;
            }
            begins[(patch_index + 1u) % params.begins] = end;
            closed++;
        }
        // Nothing is closed yet only before the first token.
        let seen = min(params.decoder_window, patches[t] + 1u);
        ranges[t] = vec2u((patches[t] + 1u - seen) * params.k, seen * params.k);
    }
    carry[0] = closed;
    carry[1] = before;
    carry[64] = closed * params.k;
    carry[65] = before * params.k;
    carry[POSITION] = position + state.rows;
    carry[DOCUMENT] = document;
    carry[ENDED] = ended;
}
