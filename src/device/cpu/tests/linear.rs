use super::{Random, Stored, close, everywhere, group_shift, quantisation, state};
use crate::device::bindings::{GateUpRowCpu, GateUpRowParams, LinearCpu, LinearParams};
use crate::device::cpu::kernels::{gate_up_row, linear};

struct Case {
    rows: usize,
    inputs: usize,
    outputs: usize,
    first_output: usize,
    after: usize,
    keep: f32,
    slots: usize,
    first_slot: usize,
    kind: usize,
}

fn check(c: &Case, random: &mut Random) {
    let w = Stored::rows(random, (c.outputs, c.inputs), c.kind);
    let x = random.numbers(c.rows * c.inputs);
    let stride = c.first_output + c.outputs + c.after;
    let y_rows = if c.slots > 0 { c.slots } else { c.rows + 1 };
    let y = random.numbers(y_rows * stride);
    let p = LinearParams {
        inputs4: (c.inputs / 4) as u32,
        outputs: c.outputs as u32,
        first_output: c.first_output as u32,
        stride: stride as u32,
        keep: c.keep,
        slots: c.slots as u32,
        inverse_columns: 0.0,
        epsilon: 0.0,
        norm_outputs: 1,
        group_shift: group_shift(c.kind),
    };
    let mut expected: Vec<f64> = y.iter().map(|y| f64::from(*y)).collect();
    let mut size = vec![0f64; expected.len()];
    for t in 0..c.rows {
        let row = if c.slots > 0 {
            (c.first_slot + t) % c.slots
        } else {
            t
        };
        for o in 0..c.outputs {
            let at = row * stride + c.first_output + o;
            let products = x[t * c.inputs..(t + 1) * c.inputs]
                .iter()
                .zip(&w.values[o * c.inputs..])
                .map(|(a, b)| f64::from(*a) * f64::from(*b));
            let sum: f64 = products.clone().sum();
            size[at] = products.map(f64::abs).sum::<f64>() + expected[at].abs();
            expected[at] = if c.keep == 0.0 {
                sum
            } else {
                f64::from(c.keep) * expected[at] + sum
            };
        }
    }
    let what = format!(
        "rows {} inputs {} outputs {} first {} keep {} slots {} kind {}",
        c.rows, c.inputs, c.outputs, c.first_output, c.keep, c.slots, c.kind
    );
    for found in everywhere(|cpu| {
        let mut y = y.clone();
        let state = state(c.rows, c.first_slot);
        linear::run(
            LinearCpu {
                state: &state,
                weights: w.weights(),
                x: &x,
                norm: &x,
                y: &mut y,
            },
            &p,
            cpu,
        );
        y
    }) {
        close(&found, &expected, |i| 1e-6 * size[i], &what);
    }
}

#[test]
fn linear_is_the_product() {
    let mut random = Random(1);
    for round in 0..520 {
        let kind = round % 9;
        let rows = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 25, 35, 58, 97, 130][random.below(16)];
        let slots = if random.below(3) == 0 {
            rows + random.below(9)
        } else {
            0
        };
        let case = Case {
            rows,
            inputs: match quantisation(kind) {
                None => 4 * [1, 2, 3, 4, 5, 8, 9, 48, 65, 130, 144][random.below(11)],
                Some(q) => q.group() * [1, 2, 3, 5, 7, 16, 17, 20, 67][random.below(9)],
            },
            outputs: [1, 2, 3, 5, 16, 31, 33, 64, 65, 100, 192][random.below(11)],
            first_output: random.below(2) * random.below(40),
            after: random.below(2) * random.below(7),
            keep: [0.0, 1.0, 2.0][random.below(3)],
            slots,
            first_slot: random.below(1000),
            kind,
        };
        check(&case, &mut random);
    }
}

#[test]
fn linear_with_fewer_rows_in_the_ring_than_come() {
    // The order of rows that meet is fixed: the last one is stored last.
    let mut random = Random(2);
    for rows in [5, 20] {
        let case = Case {
            rows,
            inputs: 8,
            outputs: 70,
            first_output: 0,
            after: 0,
            keep: 0.0,
            slots: 3,
            first_slot: 1,
            kind: 0,
        };
        check(&case, &mut random);
    }
}

#[test]
fn linear_of_no_rows_leaves_y() {
    let (x, w) = (vec![], vec![1.0; 64]);
    let p = LinearParams {
        inputs4: 4,
        outputs: 4,
        first_output: 0,
        stride: 4,
        keep: 0.0,
        slots: 0,
        inverse_columns: 0.0,
        epsilon: 0.0,
        norm_outputs: 1,
        group_shift: 0,
    };
    everywhere(|cpu| {
        let mut y = vec![3.0; 4];
        let state = state(0, 0);
        let weights = crate::device::bindings::Weights::F32(&w);
        linear::run(
            LinearCpu {
                state: &state,
                weights,
                x: &x,
                norm: &x,
                y: &mut y,
            },
            &p,
            cpu,
        );
        assert_eq!(y, [3.0; 4]);
    });
}

#[test]
fn gate_up_is_swiglu_of_the_product() {
    let mut random = Random(3);
    for round in 0..80 {
        let kind = round % 9;
        let inputs = match quantisation(kind) {
            None => 4 * [1, 2, 5, 16, 48, 100][random.below(6)],
            Some(q) => q.group() * [1, 2, 5, 7][random.below(4)],
        };
        let outputs = 4 * [1, 2, 5, 16, 48, 100][random.below(6)];
        let w = Stored::rows(&mut random, (2 * outputs, inputs), kind);
        let mut x = random.numbers(inputs);
        // Of a mean square of 1, so that the norm leaves it as it is.
        let square: f32 = x.iter().map(|x| x * x).sum();
        let scale = (inputs as f32 / square).sqrt();
        x.iter_mut().for_each(|x| *x *= scale);
        let norm = vec![1.0; inputs];
        let dot = |o: usize| -> f64 {
            let row = &w.values[o * inputs..(o + 1) * inputs];
            row.iter()
                .zip(&x)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        // An error of either product, times what the other factor makes of it.
        let error = 1e-6 + 3e-8 * inputs as f64;
        let (expected, tolerance): (Vec<f64>, Vec<f64>) = (0..outputs)
            .map(|o| {
                let (gate, up) = (dot(o), dot(outputs + o));
                let silu = gate / (1.0 + (-gate).exp());
                (silu * up, error * (1.0 + 1.1 * up.abs() + silu.abs()))
            })
            .unzip();
        let p = GateUpRowParams {
            inputs4: (inputs / 4) as u32,
            outputs: outputs as u32,
            inverse_columns: 1.0 / inputs as f32,
            epsilon: 0.0,
            group_shift: group_shift(kind),
        };
        for found in everywhere(|cpu| {
            let mut y = vec![0.0; outputs];
            let state = state(1, 0);
            let k = GateUpRowCpu {
                state: &state,
                weights: w.weights(),
                x: &x,
                norm: &norm,
                y: &mut y,
            };
            gate_up_row::run(k, &p, cpu);
            y
        }) {
            close(&found, &expected, |i| tolerance[i], "gate_up");
        }
    }
}
