// The heights of the bars of a staff on their way to what the entropy kernel has
// written. A number that has come is taken up as the height to go to; one that has
// still to come leaves its bar where it is.

struct Params {
    // Bars, one for each byte and one for the next byte.
    count: u32,
    // Of this frame and of the last news, in milliseconds; 0 follows the largest.
    now: u32,
    news: u32,
    // From an old height to a new one, in milliseconds.
    duration: u32,
    // Bytes whose numbers have still to arrive.
    stale_begin: u32,
    stale_end: u32,
    // Whether the cells are those of this text, and not of the one before.
    has_cells: u32,
    // The entropy in nats that fills a staff.
    most: f32,
}

// In nats; `began` is in milliseconds.
struct Bar {
    from_: f32,
    to_: f32,
    began: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Entropy and -ln p of each byte, in nats, [bytes + 1].
@group(0) @binding(1) var<storage, read> cells: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> bars: array<Bar>;
// What shows, in nats.
@group(0) @binding(3) var<storage, read_write> heights: array<f32>;

// Fast at first, slow at the end.
fn height(bar: Bar) -> f32 {
    let passed = params.now - bar.began;
    if passed >= params.duration {
        return bar.to_;
    }
    let left = 1.0 - f32(passed) / f32(params.duration);
    return bar.to_ + (bar.from_ - bar.to_) * left * left * left;
}

@compute @workgroup_size(64)
fn settle(@builtin(global_invocation_id) id: vec3<u32>) {
    let byte = id.x;
    if byte >= params.count || byte >= arrayLength(&bars) || byte >= arrayLength(&heights) {
        return;
    }
    var bar = bars[byte];
    let is_stale = byte >= params.stale_begin && byte < params.stale_end;
    if params.has_cells != 0u && !is_stale && byte < arrayLength(&cells) {
        // Neither NaN nor infinite: such a bar has no height.
        let entropy = cells[byte].x;
        let to_ = select(0.0, clamp(entropy, 0.0, params.most), entropy == entropy);
        if to_ != bar.to_ {
            bar = Bar(height(bar), to_, params.news);
        }
    }
    let shown = height(bar);
    if params.now - bar.began >= params.duration {
        // It stays, even when the milliseconds have come round again.
        bar.from_ = bar.to_;
    }
    bars[byte] = bar;
    heights[byte] = shown;
}
