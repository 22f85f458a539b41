//! Every variant of every shader, translated to what each native backend is
//! given: SPIR-V (checked by `spirv-val`), Metal and HLSL.
use std::io::Write as _;
use std::process::{Command, Stdio};

use blt::device::kernel::Variant;
use blt::device::kernels::SHADERS;
use naga::back::{hlsl, msl, spv};
use naga::valid::{
    Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator,
};

pub(crate) fn parse(variant: &Variant) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(variant.wgsl).unwrap();
    let capabilities = Capabilities::SHADER_FLOAT16
        | Capabilities::SHADER_FLOAT16_IN_FLOAT32
        | Capabilities::SUBGROUP
        | Capabilities::SUBGROUP_BARRIER
        | Capabilities::COOPERATIVE_MATRIX;
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .unwrap();
    (module, info)
}

fn each_variant(mut check: impl FnMut(&str, &Variant, &naga::Module, &ModuleInfo)) {
    let mut count = 0;
    for shader in SHADERS {
        for variant in shader.variants {
            let (module, info) = parse(variant);
            check(
                &format!("{} [{}]", shader.name, variant.label()),
                variant,
                &module,
                &info,
            );
            count += 1;
        }
    }
    assert!(count > 60, "only {count} variants");
}

#[test]
fn to_metal() {
    let options = msl::Options {
        lang_version: (3, 0),
        fake_missing_bindings: true,
        ..Default::default()
    };
    each_variant(|name, variant, module, info| {
        let (text, _) = msl::write_string(module, info, &options, &msl::PipelineOptions::default())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(text.contains("kernel void main_"), "{name}");
        assert_eq!(
            text.contains("simd_sum"),
            variant.wgsl.contains("subgroupAdd"),
            "{name}"
        );
    });
}

#[test]
fn to_hlsl() {
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_2,
        fake_missing_bindings: true,
        ..Default::default()
    };
    let pipeline = hlsl::PipelineOptions {
        entry_point: Some((naga::ShaderStage::Compute, "main".to_owned())),
    };
    each_variant(|name, variant, module, info| {
        // DX12 has none for shaders.
        if variant.needs.has_matrix_units() {
            return;
        }
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(module, info, None)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let [x, y, z] = variant.workgroup;
        assert!(
            text.contains(&format!("[numthreads({x}, {y}, {z})]")),
            "{name}"
        );
    });
}

/// `spirv-val --version` says `SPIRV-Tools v2025.1 …`.
fn validator_year() -> Option<u32> {
    let answer = Command::new("spirv-val").arg("--version").output().ok()?;
    let said = String::from_utf8(answer.stdout).ok()?;
    said.split_once(" v")?.1.split('.').next()?.parse().ok()
}

#[test]
fn to_spirv() {
    let options = spv::Options {
        lang_version: (1, 3),
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    // Validators of before 2024 do not know the instructions of matrix units.
    let knows_matrices = validator_year().is_some_and(|year| year >= 2024);
    each_variant(|name, variant, module, info| {
        let words =
            spv::write_vec(module, info, &options, None).unwrap_or_else(|e| panic!("{name}: {e}"));
        let path = folder.path().join(format!("{name}.spv"));
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        std::fs::File::create(&path)
            .unwrap()
            .write_all(&bytes)
            .unwrap();
        if knows_matrices || !variant.needs.has_matrix_units() {
            files.push((name.to_owned(), path));
        }
    });
    // Debian's spirv-tools; the test command installs it on Linux. Elsewhere the
    // driver's own compiler is the judge.
    if cfg!(target_os = "linux") {
        for (name, path) in &files {
            let answer = Command::new("spirv-val")
                .args(["--target-env", "vulkan1.1"])
                .arg(path)
                .stderr(Stdio::piped())
                .stdout(Stdio::piped())
                .output()
                .expect("spirv-val (package spirv-tools) checks the SPIR-V");
            let said = String::from_utf8_lossy(&answer.stdout).into_owned()
                + &String::from_utf8_lossy(&answer.stderr);
            assert!(answer.status.success(), "{name}: {said}");
        }
    }
}
