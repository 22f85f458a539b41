// sum + a . b, as a chain: some compilers make more of `dot` than four operations.
fn dot_add(a: vec4f, b: vec4f, sum: f32) -> f32 {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
