// What changes from one run of a plan to the next.
struct State {
    rows: u32,        // rows (tokens) of this run
    first_slot: u32,  // slot of row 0 in the ring of keys and values
}
@group(0) @binding(1) var<storage, read> state: State;
