// Y = X·W for an update X (rows × cols) and a thin W (cols × k): one task gives 64 rows by 16 columns of Y. Xᵀ·W is
// the same with the strides of both states exchanged.

@group(0) @binding(4) var<storage, read_write> result: array<f32>;

var<workgroup> tall: array<array<f32, TILE>, ROWS>;
var<workgroup> weight: array<array<f32, TILE>, TILE>;

@compute @workgroup_size(16, 16)
fn multiply(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (change, first row, first column of the result, unused)
    let task = tasks[index];
    let before = views[2u * task.x];
    let after = views[2u * task.x + 1u];
    let k = before.out_cols;
    let by_column = before.row_stride == 1u;
    let i = thread / TILE;
    let j = thread % TILE;

    var sums = vec4<f32>();
    for (var col = 0u; col < before.cols; col += TILE) {
        for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
            let r = select(n / TILE, n % ROWS, by_column);
            let c = select(n % TILE, n / ROWS, by_column);
            tall[r][c] = update_at(before, after, task.y + r, col + c).x;
        }
        weight[i][j] = thin(before.coefficients, before.cols, k, col + i, task.z + j);
        workgroupBarrier();
        var run = vec4<f32>();
        for (var c = 0u; c < TILE; c += 1u) {
            let x = vec4(tall[i][c], tall[i + 16u][c], tall[i + 32u][c], tall[i + 48u][c]);
            run += x * weight[c][j];
        }
        sums += run;
        workgroupBarrier();
    }
    for (var n = 0u; n < 4u; n += 1u) {
        let row = task.y + i + 16u * n;
        if (row < before.rows && task.z + j < k) {
            result[before.out + row * k + task.z + j] = sums[n];
        }
    }
}
