// Rows of a tall matrix taken from others: row i of Y is (1 − t)·X[s] + t·X[s + 1], with s and t of every row from
// the CPU, where they are exact. Cropping and zero padding have t = 0, and s outside of X gives zeros. One task
// gives 64 rows by 16 columns of Y.

@group(0) @binding(4) var<storage, read_write> result: array<f32>;

const ROWS = 64u;

@compute @workgroup_size(16, 16)
fn resize(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (view, first row, first column of the result, unused)
    let task = tasks[index];
    let view = views[task.x];
    // Neighbouring threads read neighbouring numbers, whichever way the matrix is stored.
    let by_column = view.row_stride == 1u;
    for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
        let row = task.y + select(n / TILE, n % ROWS, by_column);
        let col = task.z + select(n % TILE, n / ROWS, by_column);
        if (row < view.out_rows && col < view.out_cols) {
            // Two numbers a row: s, which a float holds exactly, and t.
            let place = view.coefficients + 2u * row;
            let source = u32(coefficients[place]);
            let t = coefficients[place + 1u];
            var x = bitcast<f32>(element_bits(view, source, col));
            if (t != 0.0) {
                x = (1.0 - t) * x + t * bitcast<f32>(element_bits(view, source + 1u, col));
            }
            result[view.out + row * view.out_cols + col] = x;
        }
    }
}
