// ‖X − left·rightᵀ‖² and ‖X‖² of an update X: one task takes a part of a tile and gives 16 partial sums of each.
// The CPU adds them in f64.

@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

// The two sides share UNIT: 2^16 each.
const HALF_UNIT = 65536.0;

// Tiles of `left`, then sums; and of `right`, turned.
var<workgroup> lefts: array<array<f32, TILE>, ROWS>;
var<workgroup> rights: array<array<f32, TILE>, TILE>;

@compute @workgroup_size(16, 16)
fn residual(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (change, first row, first column, place of the result)
    let task = tasks[index];
    let before = views[2u * task.x];
    let after = views[2u * task.x + 1u];
    let k = before.out_cols;
    let end_row = min(task.y + before.out_rows, before.rows);
    let end_col = min(task.z + after.out_rows, before.cols);
    let i = thread / TILE;
    let j = thread % TILE;

    var squares = vec2<f32>();
    for (var row = task.y; row < end_row; row += ROWS) {
        var row_squares = vec2<f32>();
        for (var col = task.z; col < end_col; col += TILE) {
            var product = vec4<f32>();
            for (var inner = 0u; inner < k; inner += TILE) {
                for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
                    let left = thin(after.coefficients, before.rows, k, row + n / TILE, inner + n % TILE);
                    lefts[n / TILE][n % TILE] = left * HALF_UNIT;
                }
                rights[j][i] = thin(before.coefficients, before.cols, k, col + i, inner + j) * HALF_UNIT;
                workgroupBarrier();
                var run = vec4<f32>();
                for (var c = 0u; c < TILE; c += 1u) {
                    let left = vec4(lefts[i][c], lefts[i + 16u][c], lefts[i + 32u][c], lefts[i + 48u][c]);
                    run += left * rights[c][j];
                }
                product += run;
                workgroupBarrier();
            }
            for (var n = 0u; n < 4u; n += 1u) {
                let x = update_at(before, after, row + i + 16u * n, col + j).x;
                let rest = x - product[n];
                row_squares += vec2(rest * rest, x * x);
            }
        }
        squares += row_squares;
    }
    lefts[i][j] = squares.x;
    lefts[i + 16u][j] = squares.y;
    workgroupBarrier();
    if (thread < 32u) {
        var sum = 0.0;
        for (var c = 0u; c < TILE; c += 1u) {
            sum += lefts[thread][c];
        }
        partials[task.w + thread] = sum;
    }
}
