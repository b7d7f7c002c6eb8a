// Per column: the largest finite |x| by its bits, and the count of not-finite values; both as integers, so that
// no compiler's assumption about NaN can touch them. One task: one slab of rows by one tile of columns.

// Two words a column: the bits of max |x|, the count. Zero before the dispatch.
@group(0) @binding(4) var<storage, read_write> columns: array<atomic<u32>>;

@compute @workgroup_size(16, 16)
fn scan(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    let task = tasks[index];
    let view = views[task.x];
    let col = task.z + local.x;
    var largest = 0u;
    var not_finite = 0u;
    for (var row = task.y + local.y; row < min(task.y + SLAB, view.rows); row += TILE) {
        let magnitude = element_bits(view, row, col) & 0x7fffffffu;
        if (magnitude >= 0x7f800000u) {
            not_finite += 1u;
        } else {
            largest = max(largest, magnitude);
        }
    }
    if (col < view.cols) {
        atomicMax(&columns[view.out + 2u * col], largest);
        if (not_finite > 0u) {
            atomicAdd(&columns[view.out + 2u * col + 1u], not_finite);
        }
    }
}
