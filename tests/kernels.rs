//! Every variant of every kernel against its CPU reference, in every tier that
//! the adapter has, and once more with checked shaders.
#![allow(clippy::unwrap_used, clippy::panic)]

use blt::gpu::{Gpu, GpuOptions, Tier};
use blt::measure::verify::verify;

/// Runs one tier; gives the number of variants. Where the adapter lacks the
/// tier, opening it must be refused with the adapter's own highest.
fn run(tier: Tier, checked_shaders: bool) -> usize {
    pollster::block_on(async {
        let options = GpuOptions {
            tier: Some(tier),
            checked_shaders,
            ..Default::default()
        };
        let highest = Gpu::open(&GpuOptions::default())
            .await
            .unwrap()
            .summary()
            .tier;
        if !highest.includes(tier) {
            let refused = Gpu::open(&options).await.unwrap_err();
            assert_eq!(refused.exit_code(), 3);
            assert!(
                refused
                    .to_string()
                    .ends_with(&format!("its highest is {highest}"))
            );
            return 0;
        }
        let gpu = Gpu::open(&options).await.unwrap();
        let reports = verify(&gpu, 1, &mut |_| ()).await.unwrap();
        let failed: Vec<String> = reports
            .iter()
            .filter(|r| !r.passed)
            .map(|r| {
                format!(
                    "{} [{}]: {:.2e} > {:.0e}",
                    r.kernel, r.variant, r.max_error, r.tolerance
                )
            })
            .collect();
        assert!(failed.is_empty(), "tier {tier}:\n{}", failed.join("\n"));
        assert!(!reports.is_empty(), "no variant needs tier {tier}");
        reports.len()
    })
}

#[test]
fn base() {
    assert!(
        run(Tier::BASE, false) >= 40,
        "the base tier runs everywhere"
    );
}

#[test]
fn base_with_checked_shaders() {
    assert!(run(Tier::BASE, true) >= 40, "the base tier runs everywhere");
}

#[test]
fn f16() {
    run(
        Tier {
            f16: true,
            subgroups: false,
        },
        false,
    );
}

#[test]
fn subgroups() {
    run(
        Tier {
            f16: false,
            subgroups: true,
        },
        false,
    );
}

#[test]
fn f16_and_subgroups() {
    run(
        Tier {
            f16: true,
            subgroups: true,
        },
        false,
    );
}
