// The staves of a text: above every line of it a staff with one bar per byte, as
// high and as deep in colour as the byte's entropy; through all staves the line of
// the threshold; and a mark and a hairline where a patch starts. Heights are what
// `settle.wgsl` makes of the very buffer that the entropy kernel has written.

struct Params {
    // The rectangle that is drawn into, and where the text begins in it; in points.
    width: f32,
    height: f32,
    left: f32,
    top: f32,
    pixels_per_point: f32,
    // Height of a staff in points, and the entropy in nats that fills it.
    staff: f32,
    most: f32,
    // From the foot of the staff down to the begin and the end of a hairline, in points.
    rise: f32,
    drop: f32,
    threshold: f32,
    // Whether there is a threshold, and whether there are entropies at all.
    has_threshold: u32,
    has_entropies: u32,
    // Bytes whose numbers have still to arrive.
    stale_begin: u32,
    stale_end: u32,
    // Of an entropy of 0, of half and of all of `most`; not premultiplied, gamma.
    low_r: f32,
    low_g: f32,
    low_b: f32,
    middle_r: f32,
    middle_g: f32,
    middle_b: f32,
    high_r: f32,
    high_g: f32,
    high_b: f32,
    signal_r: f32,
    signal_g: f32,
    signal_b: f32,
    hairline_r: f32,
    hairline_g: f32,
    hairline_b: f32,
    hairline_a: f32,
    foot_a: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
// What shows of the entropy of each byte, in nats, [bytes + 1].
@group(0) @binding(1) var<storage, read> heights: array<f32>;
// A bit for each byte: does a patch start there? [(bytes + 32) / 32]
@group(0) @binding(2) var<storage, read> starts: array<u32>;

struct Vertex {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
    // Pixels from the middle of a dot, or along a dashed line.
    @location(1) place: vec2<f32>,
    @location(2) @interpolate(flat) radius: f32,
}

const HIDDEN = vec4<f32>(2.0, 2.0, 2.0, 1.0);

// The corners of a rectangle as two triangles.
fn corner(index: u32) -> vec2<f32> {
    let right = index == 1u || index == 2u || index == 4u;
    let bottom = index == 2u || index == 4u || index == 5u;
    return vec2<f32>(select(0.0, 1.0, right), select(0.0, 1.0, bottom));
}

fn to_clip(points: vec2<f32>) -> vec4<f32> {
    let unit = points / vec2<f32>(params.width, params.height);
    return vec4<f32>(unit.x * 2.0 - 1.0, 1.0 - unit.y * 2.0, 0.0, 1.0);
}

fn snapped(points: f32) -> f32 {
    return round(points * params.pixels_per_point) / params.pixels_per_point;
}

fn rectangle(index: u32, least: vec2<f32>, greatest: vec2<f32>) -> vec4<f32> {
    return to_clip(mix(least, greatest, corner(index)));
}

fn is_start(byte: u32) -> bool {
    return ((starts[byte >> 5u] >> (byte & 31u)) & 1u) == 1u;
}

fn entropy_of(byte: u32) -> f32 {
    if params.has_entropies == 0u || byte >= arrayLength(&heights) {
        return 0.0;
    }
    return heights[byte];
}

fn color_of(entropy: f32) -> vec3<f32> {
    let low = vec3<f32>(params.low_r, params.low_g, params.low_b);
    let middle = vec3<f32>(params.middle_r, params.middle_g, params.middle_b);
    let high = vec3<f32>(params.high_r, params.high_g, params.high_b);
    let share = entropy / params.most * 2.0;
    return mix(mix(low, middle, min(share, 1.0)), high, max(share - 1.0, 0.0));
}

fn opacity(byte: u32) -> f32 {
    let stale = byte >= params.stale_begin && byte < params.stale_end;
    return select(1.0, 0.5, stale);
}

// A bar. `slot` is the left and right edge and the foot of the staff, in points.
@vertex
fn bar(
    @builtin(vertex_index) index: u32,
    @location(0) slot: vec3<f32>,
    @location(1) byte: u32,
) -> Vertex {
    let entropy = entropy_of(byte);
    let foot = params.top + slot.z;
    let gap = min(1.0, (slot.y - slot.x) * 0.15);
    let left = snapped(params.left + slot.x);
    let right = max(snapped(params.left + slot.y - gap), left + 1.0 / params.pixels_per_point);
    let height = entropy / params.most * params.staff;
    var out: Vertex;
    out.position = rectangle(index, vec2<f32>(left, foot - height), vec2<f32>(right, foot));
    out.color = vec4<f32>(color_of(entropy), opacity(byte));
    out.radius = 0.0;
    return out;
}

// A piece of the curve, from the middle of a byte to that of the next one in its
// line. The last instance of a line is one too many and is not seen.
@vertex
fn curve(
    @builtin(vertex_index) index: u32,
    @location(0) slot: vec3<f32>,
    @location(1) byte: u32,
    @location(2) next: vec3<f32>,
) -> Vertex {
    let foot = params.top + slot.z;
    let scale = params.staff / params.most;
    let from_ = vec2<f32>(params.left + (slot.x + slot.y) * 0.5, foot - entropy_of(byte) * scale);
    let to_ = vec2<f32>(params.left + (next.x + next.y) * 0.5, foot - entropy_of(byte + 1u) * scale);
    let along = normalize(to_ - from_ + vec2<f32>(1e-6, 0.0));
    let across = vec2<f32>(-along.y, along.x) * 1.25;
    let at = corner(index);
    var out: Vertex;
    out.position = to_clip(mix(from_, to_, at.x) + across * (at.y * 2.0 - 1.0));
    if next.z != slot.z || next.x < slot.x {
        out.position = HIDDEN;
    }
    out.color = vec4<f32>(color_of(params.most), opacity(byte));
    // Pixels from the middle of the line, for soft edges.
    out.place = vec2<f32>((at.y * 2.0 - 1.0) * 1.25 * params.pixels_per_point, 0.0);
    out.radius = 0.75 * params.pixels_per_point;
    return out;
}

// The hairline at the left edge of a byte that starts a patch.
@vertex
fn hairline(
    @builtin(vertex_index) index: u32,
    @location(0) slot: vec3<f32>,
    @location(1) byte: u32,
) -> Vertex {
    let left = snapped(params.left + slot.x) - 1.0 / params.pixels_per_point;
    let foot = params.top + slot.z;
    var out: Vertex;
    out.position = rectangle(
        index,
        vec2<f32>(left, foot + params.rise),
        vec2<f32>(left + 1.0 / params.pixels_per_point, foot + params.drop),
    );
    if !is_start(byte) {
        out.position = HIDDEN;
    }
    out.color = vec4<f32>(params.hairline_r, params.hairline_g, params.hairline_b, params.hairline_a);
    out.radius = 0.0;
    return out;
}

// The dot on a bar that the threshold lets start a patch.
@vertex
fn dot_mark(
    @builtin(vertex_index) index: u32,
    @location(0) slot: vec3<f32>,
    @location(1) byte: u32,
) -> Vertex {
    let entropy = entropy_of(byte);
    let radius = min(2.0, max(1.2, (slot.y - slot.x) * 0.3));
    let middle = vec2<f32>(
        params.left + (slot.x + slot.y) * 0.5,
        params.top + slot.z - entropy / params.most * params.staff,
    );
    let reach = radius + 1.0;
    let offset = (corner(index) * 2.0 - 1.0) * reach;
    var out: Vertex;
    out.position = to_clip(middle + offset);
    if !is_start(byte) || params.has_threshold == 0u || params.has_entropies == 0u {
        out.position = HIDDEN;
    }
    out.color = vec4<f32>(params.signal_r, params.signal_g, params.signal_b, opacity(byte));
    out.place = offset * params.pixels_per_point;
    out.radius = radius * params.pixels_per_point;
    return out;
}

// The foot of a staff; `line` is its left and right end and its foot, in points.
@vertex
fn foot_line(@builtin(vertex_index) index: u32, @location(0) line: vec3<f32>) -> Vertex {
    let y = snapped(params.top + line.z);
    var out: Vertex;
    out.position = rectangle(
        index,
        vec2<f32>(params.left + line.x, y),
        vec2<f32>(params.left + line.y, y + 1.0 / params.pixels_per_point),
    );
    out.color = vec4<f32>(params.hairline_r, params.hairline_g, params.hairline_b, params.foot_a);
    out.radius = 0.0;
    return out;
}

// The threshold through a staff, dashed.
@vertex
fn threshold_line(@builtin(vertex_index) index: u32, @location(0) line: vec3<f32>) -> Vertex {
    let share = clamp(params.threshold / params.most, 0.0, 1.0);
    let y = snapped(params.top + line.z - share * params.staff);
    let left = params.left + line.x - 10.0;
    let right = params.left + line.y + 8.0;
    var out: Vertex;
    out.position = rectangle(index, vec2<f32>(left, y), vec2<f32>(right, y + 1.0 / params.pixels_per_point));
    if params.has_threshold == 0u {
        out.position = HIDDEN;
    }
    out.color = vec4<f32>(params.signal_r, params.signal_g, params.signal_b, 1.0);
    out.place = vec2<f32>((right - left) * corner(index).x, 0.0);
    out.radius = -1.0;
    return out;
}

// Colours leave premultiplied.
@fragment
fn paint(in: Vertex) -> @location(0) vec4<f32> {
    var alpha = in.color.a;
    if in.radius > 0.0 {
        alpha *= clamp(in.radius + 0.5 - length(in.place), 0.0, 1.0);
    }
    // Dashes of 3 points with gaps of 2.5.
    if in.radius < 0.0 && in.place.x % 5.5 > 3.0 {
        discard;
    }
    return vec4<f32>(in.color.rgb * alpha, alpha);
}
