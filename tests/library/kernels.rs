//! Every variant of every kernel against the processor, in every tier that
//! the adapter has, and once more with checked shaders.
use blt::device::kernels::SHADERS;
use blt::device::{Device, DeviceOptions, Tier};
use blt::verify::Verifier;

/// Runs one tier; gives the number of variants. Where the adapter lacks the
/// tier, opening it must be refused with the adapter's own highest.
fn run(tier: Tier, checked_shaders: bool) -> usize {
    pollster::block_on(async {
        let options = DeviceOptions {
            tier: Some(tier),
            checked_shaders,
            ..Default::default()
        };
        let highest = crate::common::on_graphics().summary().tier;
        if !highest.includes(tier) {
            let refused = Device::open(&options).await.unwrap_err();
            assert_eq!(refused.exit_code(), 3);
            assert!(
                refused
                    .to_string()
                    .ends_with(&format!("its highest is {highest}"))
            );
            return 0;
        }
        let device = Device::open(&options).await.unwrap();
        let reports = Verifier::new(&device, 1).all(&mut |_| ()).await.unwrap();
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
        run(Tier::Base, false) >= 40,
        "the base tier runs everywhere"
    );
}

#[test]
fn base_with_checked_shaders() {
    assert!(run(Tier::Base, true) >= 40, "the base tier runs everywhere");
}

#[test]
fn subgroups() {
    run(Tier::Subgroups, false);
}

/// Few software drivers have matrix units: Mesa's from version 26 on.
#[test]
fn matrix_units() {
    for tier in [Tier::Matrix8, Tier::Matrix16] {
        run(tier, false);
    }
}

/// The CPU forms, with one thread and with several.
#[test]
fn processor() {
    for threads in [1, 2, 3] {
        let options = DeviceOptions {
            threads: Some(threads),
            ..crate::common::of_processor()
        };
        let device = pollster::block_on(Device::open(&options)).unwrap();
        let verifier = Verifier::new(&device, 1);
        let reports = pollster::block_on(verifier.all(&mut |_| ())).unwrap();
        let forms: Vec<&str> = SHADERS.iter().filter_map(|shader| shader.form).collect();
        assert!(forms.len() > 20);
        for report in &reports {
            assert!(report.passed, "{threads} threads: {report:?}");
        }
        let shaders = SHADERS.iter().filter(|shader| shader.form.is_some());
        for shader in shaders {
            assert!(
                reports.iter().any(|report| report.kernel == shader.name),
                "{}",
                shader.name
            );
        }
    }
}

/// The angles that a run brings along are those of the definition, to the bit.
#[test]
fn angles() {
    for (head, position, rows) in [
        (4, 0, 3),
        (12, 8190, 5),
        (64, 32_765, 9),
        (8, 5_000_000_000, 3),
    ] {
        let rotary = blt::model::rotary::Rotary::new(head, 10_000.0);
        let mut angles = Vec::new();
        for position in position..position + rows as u64 {
            rotary.append(position, &mut angles);
        }
        let want = crate::reference::rope_angles(position, rows, head, 10_000.0);
        assert_eq!(angles, want);
    }
}
