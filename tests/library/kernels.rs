//! Every variant of every kernel against its CPU reference, in every tier that
//! the adapter has, and once more with checked shaders.
use blt::device::kernels::SHADERS;
use blt::device::{AdapterChoice, Device, DeviceOptions, Tier};
use blt::measure::verify::verify;

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
        let reports = verify(&device, 1, &mut |_| ()).await.unwrap();
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
fn subgroups() {
    run(Tier { subgroups: true }, false);
}

/// The CPU forms, with one thread and with several.
#[test]
fn processor() {
    for threads in [1, 2, 3] {
        let options = DeviceOptions {
            choice: AdapterChoice {
                adapter: Some("cpu".to_owned()),
                backend: None,
            },
            threads: Some(threads),
            ..Default::default()
        };
        let device = pollster::block_on(Device::open(&options)).unwrap();
        let reports = pollster::block_on(verify(&device, 1, &mut |_| ())).unwrap();
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
