// What changes from one run of a plan to the next.
struct State {
    rows: u32,        // rows (tokens) of this run
    first_slot: u32,  // slot of row 0 in the ring of keys and values
}
@group(0) @binding(1) var<storage, read> state: State;

// A number of `params` that bounds a loop or decides a branch, read once before
// it. Mesa's software driver compiles a shader anew for every value of a uniform
// that alone bounds a loop, unrolled, and never frees what it compiled; it does
// not when storage has a part in it.
fn bound(number: u32) -> u32 {
    return select(0u, number, state.rows > 0u);
}
