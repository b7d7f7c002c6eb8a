// Y = X·W for a tall X (rows × cols) and a small W (cols × out_cols): one task gives 64 rows by 16 columns of Y.

@group(0) @binding(4) var<storage, read_write> result: array<f32>;

const ROWS = 64u;

var<workgroup> tall: array<array<f32, TILE>, ROWS>;
var<workgroup> weight: array<array<f32, TILE>, TILE>;

@compute @workgroup_size(16, 16)
fn apply(
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
    let by_column = view.row_stride == 1u;
    let i = thread / TILE;
    let j = thread % TILE;
    let out_col = task.z + j;

    var sums = vec4<f32>();
    for (var inner = 0u; inner < view.cols; inner += TILE) {
        for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
            let r = select(n / TILE, n % ROWS, by_column);
            let c = select(n % TILE, n / ROWS, by_column);
            tall[r][c] = bitcast<f32>(element_bits(view, task.y + r, inner + c));
        }
        var w = 0.0;
        if (inner + i < view.cols && out_col < view.out_cols) {
            w = coefficients[view.coefficients + (inner + i) * view.out_cols + out_col];
        }
        weight[i][j] = w;
        workgroupBarrier();
        var run = vec4<f32>();
        for (var c = 0u; c < TILE; c += 1u) {
            let x = vec4(tall[i][c], tall[i + 16u][c], tall[i + 32u][c], tall[i + 48u][c]);
            run += x * weight[c][j];
        }
        sums += run;
        workgroupBarrier();
    }
    for (var k = 0u; k < 4u; k += 1u) {
        let row = task.y + i + 16u * k;
        if (row < view.rows && out_col < view.out_cols) {
            result[view.out + row * view.out_cols + out_col] = sums[k];
        }
    }
}
