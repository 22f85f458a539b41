//! The pool itself.
use crate::device::cpu::{Cpu, Level};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn each_piece_runs_once() {
    for threads in [1, 2, 5] {
        let cpu = Cpu::new(threads, Level::detect());
        for round in 0..3000 {
            let pieces = round % 19;
            let counts: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            cpu.pieces(pieces, usize::MAX, |i| {
                counts[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(
                counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == 1)
            );
            if round % 500 == 0 {
                // Long enough for the workers to sleep.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
    }
}

#[test]
fn a_panic_reaches_the_caller_and_leaves_the_pool_whole() {
    let cpu = Cpu::new(3, Level::detect());
    for bad in 0..40 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cpu.pieces(40, usize::MAX, |i| {
                std::hint::black_box((0..1000).sum::<usize>());
                assert!(i != bad, "on purpose");
            });
        }));
        assert!(result.is_err());
        let count = AtomicUsize::new(0);
        cpu.pieces(40, usize::MAX, |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 40);
    }
}

#[test]
fn pieces_within_pieces_and_callers_beside_each_other() {
    let cpu = Cpu::new(3, Level::detect());
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    cpu.pieces(5, usize::MAX, |_| {
                        cpu.pieces(3, usize::MAX, |_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                }
            });
        }
    });
    assert_eq!(count.into_inner(), 4 * 200 * 15);
}
