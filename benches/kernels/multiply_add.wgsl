// As fast as arithmetic goes: every thread multiplies and adds in 16 chains that do not wait for each other.

@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4<u32>>;

// `STEPS` in probes.rs.
const STEPS = 1024u;

@compute @workgroup_size(256)
fn multiply_add(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let n = workgroup.x * 256u + thread;
    // Not known before: or a compiler would do the sum itself.
    let seed = vec4<f32>(source[n] & vec4(0xffu));
    let factor = vec4(0.999) + seed * 1e-9;
    var a = seed;
    var b = seed + 1.0;
    var c = seed + 2.0;
    var d = seed + 3.0;
    for (var step = 0u; step < STEPS; step += 4u) {
        a = a * factor + seed; b = b * factor + seed; c = c * factor + seed; d = d * factor + seed;
        a = a * factor + seed; b = b * factor + seed; c = c * factor + seed; d = d * factor + seed;
        a = a * factor + seed; b = b * factor + seed; c = c * factor + seed; d = d * factor + seed;
        a = a * factor + seed; b = b * factor + seed; c = c * factor + seed; d = d * factor + seed;
    }
    target_[n] = bitcast<vec4<u32>>((a + b) + (c + d));
}
