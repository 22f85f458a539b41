//! naga's view of a variant, and the Rust that describes it.

use crate::preprocess::{Combination, Expanded};
use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use std::collections::HashMap;
use std::fmt::Write as _;

/// WebGPU's default limits, which every variant but those for matrix units must keep.
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 * 1024;
/// `Tier::of` asks for as much.
const WORKGROUP_BYTES_BESIDE_MATRIX_UNITS: u32 = 32 << 10;
const INVOCATIONS: u32 = 256;

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Binding {
    name: String,
    kind: &'static str,
    ty: String,
}

#[derive(Clone, PartialEq, Debug)]
struct Field {
    name: String,
    ty: &'static str,
    offset: u32,
}

pub(crate) struct Variant {
    combination: Combination,
    wgsl: String,
    /// The variant of `Tier` that it needs.
    tier: &'static str,
    workgroup: [u32; 3],
    /// Items that a workgroup covers in x and y.
    tile: [u32; 2],
    bindings: Vec<Binding>,
    params: Vec<Field>,
    /// Structs in storage, by the name of their binding.
    records: Vec<(String, Vec<Field>)>,
}

impl Variant {
    pub(crate) fn new(
        kernel: &str,
        combination: Combination,
        expanded: Expanded,
    ) -> Result<Self, String> {
        let label = format!("{kernel} [{}]", key(&combination));
        let at = |line: Option<usize>| expanded.place(line.unwrap_or(0));
        let module = naga::front::wgsl::parse_str(&expanded.wgsl).map_err(|e| {
            let line = e.location(&expanded.wgsl).map(|l| l.line_number as usize);
            format!("{}: {} (in {label})", at(line), e.message())
        })?;
        let needs = combination.iter().find_map(|(_, v)| v.tier.as_deref());
        // `unpack2x16float` belongs to plain WGSL, whatever the tier.
        let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
        let matrix = Capabilities::SUBGROUP
            | Capabilities::SHADER_FLOAT16
            | Capabilities::COOPERATIVE_MATRIX;
        let beside = WORKGROUP_BYTES_BESIDE_MATRIX_UNITS;
        let (tier, more, most_workgroup_bytes) = match needs {
            None => ("Base", Capabilities::empty(), WORKGROUP_BYTES),
            Some("subgroups") => ("Subgroups", Capabilities::SUBGROUP, WORKGROUP_BYTES),
            Some("matrix8") => ("Matrix8", matrix, beside),
            Some("matrix16") => ("Matrix16", matrix, beside),
            Some(other) => return Err(format!("{label}: unknown tier `{other}`")),
        };
        capabilities |= more;
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .subgroup_stages(ShaderStages::COMPUTE)
            .subgroup_operations(SubgroupOperationSet::all())
            .validate(&module)
            .map_err(|e| {
                let line = e.location(&expanded.wgsl).map(|l| l.line_number as usize);
                let text = e.emit_to_string(&expanded.wgsl);
                format!("{}: {text} (in {label})", at(line))
            })?;

        let [entry] = &module.entry_points[..] else {
            return Err(format!("{label} must have exactly one entry point"));
        };
        if entry.name != "main" {
            return Err(format!("{label}: the entry point is called `main`"));
        }
        let mut layouter = naga::proc::Layouter::default();
        layouter
            .update(module.to_ctx())
            .map_err(|e| format!("{label}: {e}"))?;

        let mut bindings = Vec::new();
        let mut params = Vec::new();
        let mut records = Vec::new();
        let mut workgroup_bytes = 0;
        let mut globals: Vec<_> = module.global_variables.iter().collect();
        globals.sort_by_key(|(_, g)| g.binding.map(|b| (b.group, b.binding)));
        for (handle, global) in globals {
            let used = !info.get_entry_point(0)[handle].is_empty();
            let name = global.name.clone().unwrap_or_default();
            match global.space {
                naga::AddressSpace::WorkGroup => {
                    if used {
                        workgroup_bytes += layouter[global.ty].size;
                    }
                }
                naga::AddressSpace::Uniform | naga::AddressSpace::Storage { .. } => {
                    let Some(place) = global.binding else {
                        return Err(format!("{label}: `{name}` has no @binding"));
                    };
                    if place.group != 0 || place.binding as usize != bindings.len() {
                        return Err(format!(
                            "{label}: `{name}` must be @group(0) @binding({})",
                            bindings.len()
                        ));
                    }
                    let kind = match global.space {
                        naga::AddressSpace::Uniform => "Uniform",
                        naga::AddressSpace::Storage { access }
                            if access.contains(naga::StorageAccess::STORE) =>
                        {
                            "ReadWrite"
                        }
                        _ => "Read",
                    };
                    if name == "params" {
                        params = fields(&module, global.ty, &label)?;
                    } else if let Some(ty) = record_type(&module, global.ty) {
                        records.push((name.clone(), fields(&module, ty, &label)?));
                    }
                    bindings.push(Binding {
                        name,
                        kind,
                        ty: type_name(&module, global.ty),
                    });
                }
                _ => {}
            }
        }
        let invocations: u32 = entry.workgroup_size.iter().product();
        let storage = bindings.iter().filter(|b| b.kind != "Uniform").count();
        if storage > STORAGE_BUFFERS
            || workgroup_bytes > most_workgroup_bytes
            || invocations > INVOCATIONS
        {
            return Err(format!(
                "{label} leaves WebGPU's default limits: {storage} storage buffers, \
                 {workgroup_bytes} bytes of workgroup memory, {invocations} invocations"
            ));
        }
        Ok(Self {
            combination,
            wgsl: expanded.wgsl,
            tier,
            workgroup: entry.workgroup_size,
            tile: [
                constant(&module, "TILE_X").unwrap_or(entry.workgroup_size[0]),
                constant(&module, "TILE_Y").unwrap_or(entry.workgroup_size[1]),
            ],
            bindings,
            params,
            records,
        })
    }
}

/// The struct that a binding holds, once or in an array.
fn record_type(
    module: &naga::Module,
    ty: naga::Handle<naga::Type>,
) -> Option<naga::Handle<naga::Type>> {
    match module.types[ty].inner {
        naga::TypeInner::Struct { .. } => Some(ty),
        naga::TypeInner::Array { base, .. } => record_type(module, base),
        _ => None,
    }
}

/// The value of a module-scope `const` of type u32.
fn constant(module: &naga::Module, name: &str) -> Option<u32> {
    let (_, constant) = module
        .constants
        .iter()
        .find(|(_, c)| c.name.as_deref() == Some(name))?;
    match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
        _ => None,
    }
}

fn key(combination: &Combination) -> String {
    let parts: Vec<String> = combination
        .iter()
        .map(|(name, value)| format!("{name}={}", value.text))
        .collect();
    parts.join(" ")
}

fn fields(
    module: &naga::Module,
    ty: naga::Handle<naga::Type>,
    label: &str,
) -> Result<Vec<Field>, String> {
    let naga::TypeInner::Struct { members, .. } = &module.types[ty].inner else {
        return Err(format!("{label}: not a struct"));
    };
    members
        .iter()
        .map(|member| {
            let name = member.name.clone().unwrap_or_default();
            let ty = match module.types[member.ty].inner {
                naga::TypeInner::Scalar(naga::Scalar::U32) => "u32",
                naga::TypeInner::Scalar(naga::Scalar::I32) => "i32",
                naga::TypeInner::Scalar(naga::Scalar::F32) => "f32",
                _ => return Err(format!("{label}: `{name}` must be u32, i32 or f32")),
            };
            Ok(Field {
                name,
                ty,
                offset: member.offset,
            })
        })
        .collect()
}

fn type_name(module: &naga::Module, ty: naga::Handle<naga::Type>) -> String {
    let ty = &module.types[ty];
    if let Some(name) = &ty.name {
        return name.clone();
    }
    let scalar = |s: naga::Scalar| match (s.kind, s.width) {
        (naga::ScalarKind::Uint, _) => "u32",
        (naga::ScalarKind::Sint, _) => "i32",
        (naga::ScalarKind::Float, 2) => "f16",
        _ => "f32",
    };
    match ty.inner {
        naga::TypeInner::Scalar(s) => scalar(s).to_owned(),
        naga::TypeInner::Vector { size, scalar: s } => format!("vec{}<{}>", size as u8, scalar(s)),
        naga::TypeInner::Array { base, .. } => format!("array<{}>", type_name(module, base)),
        _ => "?".to_owned(),
    }
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            })
        })
        .collect()
}

/// The CPU forms whose parameters and bindings have been written.
#[derive(Default)]
pub(crate) struct Forms(HashMap<String, Shape>);

/// The fields of a form's parameters, and its bindings with how they are used.
type Shape = (Vec<Field>, Vec<(String, &'static str)>);

impl Forms {
    /// The Rust text of a form's parameters and of the views that it is given;
    /// empty if a kernel of the same form has been here before.
    pub(crate) fn bindings(
        &mut self,
        form: &str,
        kernel: &str,
        variants: &[Variant],
    ) -> Result<String, String> {
        let first = checked(kernel, variants)?;
        let own = if form == "none" { kernel } else { form };
        let listed = first.bindings.iter().map(|b| (b.name.clone(), b.kind));
        let shape = (first.params.clone(), listed.collect::<Vec<_>>());
        if let Some(other) = self.0.get(own) {
            return match *other == shape {
                true => Ok(String::new()),
                false => Err(format!(
                    "{kernel}: other bindings or params than form {own}"
                )),
            };
        }
        self.0.insert(own.to_owned(), shape);
        let ty = camel(own);
        let mut out = record(
            &format!("{ty}Params"),
            &format!("Parameters of `{own}`"),
            &first.params,
        )?;
        for (binding, fields) in &first.records {
            if binding != "state" {
                let what = format!("`{binding}` of `{own}`");
                out += &record(&format!("{ty}{}", camel(binding)), &what, fields)?;
            }
        }
        if form == "none" {
            return Ok(out);
        }
        let _ = writeln!(
            out,
            "/// What the CPU form of `{own}` is given.\n#[derive(Debug)]\n\
             pub(crate) struct {ty}Cpu<'a> {{"
        );
        for binding in &first.bindings[1..] {
            let view = view_of(own, binding, first);
            let _ = writeln!(out, "    pub(crate) {}: {view},", binding.name);
        }
        if stored(first) {
            let _ = writeln!(out, "    pub(crate) stored: &'static str,");
        }
        out += "}\n\n";
        Ok(out)
    }
}

/// Does the form have to be told how weights are stored?
fn stored(variant: &Variant) -> bool {
    variant
        .combination
        .iter()
        .any(|(axis, _)| axis == "WEIGHTS")
        && variant.bindings.iter().all(|b| b.name != "weights")
}

/// The Rust type of a binding for a CPU form.
fn view_of(form: &str, binding: &Binding, variant: &Variant) -> String {
    let reference = if binding.kind == "ReadWrite" {
        "&'a mut"
    } else {
        "&'a"
    };
    let is_record = variant
        .records
        .iter()
        .any(|(name, _)| *name == binding.name);
    match binding.name.as_str() {
        "state" => "&'a State".to_owned(),
        "weights" => "Weights<'a>".to_owned(),
        name if is_record => format!("{reference} {}{}", camel(form), camel(name)),
        _ if binding.ty.contains("u32") => format!("{reference} [u32]"),
        _ => format!("{reference} [f32]"),
    }
}

/// The first variant, whose bindings and params are those of all.
fn checked<'v>(kernel: &str, variants: &'v [Variant]) -> Result<&'v Variant, String> {
    let first = variants
        .first()
        .ok_or_else(|| format!("{kernel} has no variant"))?;
    for other in &variants[1..] {
        let same = first.params == other.params
            && first.bindings.len() == other.bindings.len()
            && first
                .bindings
                .iter()
                .zip(&other.bindings)
                .all(|(a, b)| a.name == b.name && a.kind == b.kind);
        if !same {
            return Err(format!(
                "{kernel}: variant [{}] has other bindings or params",
                key(&other.combination)
            ));
        }
    }
    if first
        .bindings
        .first()
        .is_none_or(|b| b.name != "params" || b.kind != "Uniform")
    {
        return Err(format!("{kernel}: binding 0 must be the uniform `params`"));
    }
    Ok(first)
}

/// The Rust text that hands a step to its CPU form.
fn on_cpu(form: &str, variant: &Variant) -> String {
    if form == "none" {
        return "CpuForm(|_| ())".to_owned();
    }
    let ty = camel(form);
    let mut out =
        format!("CpuForm(|mut call| {{\n        let params: {ty}Params = call.params();\n");
    for (index, binding) in variant.bindings[1..].iter().enumerate() {
        let name = &binding.name;
        let access = if binding.kind == "ReadWrite" {
            "write"
        } else {
            "read"
        };
        let is_record = variant.records.iter().any(|(record, _)| record == name);
        let _ = match name.as_str() {
            "state" => writeln!(out, "        let state = call.state({index});"),
            "weights" => writeln!(out, "        let weights = call.weights({index});"),
            _ if is_record => writeln!(
                out,
                "        let Some({name}) = call.{access}({index}).first{}() else {{ return }};",
                if access == "write" { "_mut" } else { "" }
            ),
            _ => writeln!(out, "        let {name} = call.{access}({index});"),
        };
    }
    let mut fields: Vec<&str> = variant.bindings[1..]
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    if stored(variant) {
        out += "        let stored = call.stored();\n";
        fields.push("stored");
    }
    let _ = write!(
        out,
        "        let views = {ty}Cpu {{ {} }};\n        cpu::kernels::{form}::run(views, &params, call.cpu());\n    }})",
        fields.join(", ")
    );
    out
}

/// The Rust text for one kernel.
pub(crate) fn kernel(
    name: &str,
    form: &str,
    header: &[String],
    variants: &[Variant],
) -> Result<String, String> {
    let first = checked(name, variants)?;
    let ty = camel(name);
    let params = format!("{}Params", camel(if form == "none" { name } else { form }));
    let constant = name.to_ascii_uppercase();
    let doc: String = header
        .iter()
        .map(|line| format!("///{}\n", line.replace('[', "\\[").replace(']', "\\]")))
        .collect();
    let mut out = String::new();

    let _ = writeln!(
        out,
        "{doc}#[derive(Clone, Copy, Debug)]\npub struct {ty}<'a> {{"
    );
    for binding in &first.bindings[1..] {
        let access = if binding.kind == "ReadWrite" {
            "read and written"
        } else {
            "read"
        };
        let _ = writeln!(
            out,
            "    /// `{}`, {access}.\n    pub {}: Slice<'a>,",
            binding.ty, binding.name
        );
    }
    let _ = writeln!(out, "}}\n");
    let list: Vec<String> = first.bindings[1..]
        .iter()
        .map(|b| format!("self.{}", b.name))
        .collect();
    let _ = writeln!(
        out,
        "impl<'a> Kernel<'a> for {ty}<'a> {{\n    type Params = {params};\n    const SHADER: &'static Shader = &{constant};\n    const ON_CPU: CpuForm = {};\n    fn slices(&self) -> Vec<Slice<'a>> {{\n        vec![{}]\n    }}\n}}\n",
        on_cpu(form, first),
        list.join(", ")
    );

    let _ = writeln!(
        out,
        "/// Every variant of `shaders/{name}.wgsl`.\npub static {constant}: Shader = Shader {{"
    );
    let named = Some(form).filter(|form| *form != "none");
    let _ = writeln!(
        out,
        "    name: {name:?},\n    form: {named:?},\n    bindings: &["
    );
    for binding in &first.bindings {
        let _ = writeln!(
            out,
            "        Binding {{ name: {:?}, kind: BindingKind::{}, floats: {} }},",
            binding.name,
            binding.kind,
            view_of(form, binding, first).ends_with("[f32]")
        );
    }
    let _ = writeln!(
        out,
        "    ],\n    params_size: {},\n    variants: &[",
        first.params.len() * 4
    );
    for variant in variants {
        let choices: Vec<String> = variant
            .combination
            .iter()
            .map(|(n, v)| format!("({n:?}, {:?})", v.text))
            .collect();
        let _ = writeln!(
            out,
            "        Variant {{ choices: &[{}], needs: Tier::{}, workgroup: {:?}, tile: {:?}, wgsl: {:?} }},",
            choices.join(", "),
            variant.tier,
            variant.workgroup,
            variant.tile,
            variant.wgsl
        );
    }
    let _ = writeln!(out, "    ],\n}};\n");
    Ok(out)
}

/// A Rust struct with the layout of a shader's.
fn record(name: &str, what: &str, fields: &[Field]) -> Result<String, String> {
    let mut out = format!(
        "/// {what}, laid out as the shader reads it.\n#[repr(C)]\n\
         #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]\n\
         pub struct {name} {{\n"
    );
    for (index, field) in fields.iter().enumerate() {
        if field.offset as usize != index * 4 {
            return Err(format!("{name}.{} is not packed", field.name));
        }
        let _ = writeln!(
            out,
            "    /// `{}`.\n    pub {}: {},",
            field.name, field.name, field.ty
        );
    }
    out += "}\n\n";
    Ok(out)
}

/// The Rust text for a file of vertex and fragment shaders: its text, and the
/// struct of its uniform `params`.
pub(crate) fn view(name: &str, path: &std::path::Path, wgsl: &str) -> Result<String, String> {
    let place = path.display();
    let module = naga::front::wgsl::parse_str(wgsl)
        .map_err(|e| format!("{place}: {}", e.emit_to_string(wgsl)))?;
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|e| format!("{place}: {}", e.emit_to_string(wgsl)))?;
    let params = module
        .global_variables
        .iter()
        .find(|(_, global)| global.name.as_deref() == Some("params"))
        .ok_or_else(|| format!("{place}: there is no uniform `params`"))?;
    let fields = fields(&module, params.1.ty, name)?;
    Ok(record(
        &format!("{}Params", camel(name)),
        &format!("Parameters of `shaders/view/{name}.wgsl`"),
        &fields,
    )? + &format!(
        "/// `shaders/view/{name}.wgsl`.\npub const {}: &str = {wgsl:?};\n\n",
        name.to_ascii_uppercase()
    ))
}

/// The struct `state`, which every kernel shares.
pub(crate) fn state(all: &[Vec<Variant>]) -> Result<String, String> {
    let mut states = all
        .iter()
        .flatten()
        .flat_map(|v| v.records.iter().filter(|(name, _)| name == "state"));
    let (_, first) = states.next().ok_or("no kernel has `state`")?;
    if states.any(|(_, other)| other != first) {
        return Err("kernels disagree about `state`".to_owned());
    }
    record(
        "State",
        "What changes from one run of a plan to the next",
        first,
    )
}

/// The list of all kernels.
pub(crate) fn table(names: &[String]) -> String {
    let list: Vec<String> = names
        .iter()
        .map(|n| format!("&{}", n.to_ascii_uppercase()))
        .collect();
    format!(
        "/// All kernels, by name.\npub static SHADERS: &[&Shader] = &[{}];\n",
        list.join(", ")
    )
}
