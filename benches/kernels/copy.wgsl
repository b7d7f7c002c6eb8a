// As fast as memory goes: every thread copies 16 bytes.

@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4<u32>>;

@compute @workgroup_size(256)
fn copy(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // At most 2^15 workgroups in one dimension.
    let n = (workgroup.y * 32768u + workgroup.x) * 256u + thread;
    if (n < arrayLength(&target_)) {
        target_[n] = source[n];
    }
}
