// leftᵀ·X·right, ‖X‖² and ‖before‖² of an update X in one pass. One task takes a part of a tile and 16 columns of
// `right`: it gives all of leftᵀ·X·right in these columns for its part, as 16×16 tiles from the top, and if they are
// the first columns, 16 partial sums each of the squares of X, of those of `before`, and of what is not finite.
// The CPU adds the tasks in f64.

// Zero before the dispatch.
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

// A tile of X, then one of `left`; a tile of `right`, then Y = X·right.
var<workgroup> tall: array<array<f32, TILE>, ROWS>;
var<workgroup> other: array<array<f32, TILE>, ROWS>;

@compute @workgroup_size(16, 16)
fn align(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (change, first row / 64 | tile of right << 24, first column, place of the result)
    let task = tasks[index];
    let before = views[2u * task.x];
    let after = views[2u * task.x + 1u];
    let k = before.out_cols;
    let right_col = (task.y >> 24u) * TILE;
    let first_row = (task.y & 0xffffffu) * ROWS;
    let end_row = min(first_row + before.out_rows, before.rows);
    let end_col = min(task.z + after.out_rows, before.cols);
    // Neighbouring threads read neighbouring numbers, whichever way the tile is stored.
    let by_column = before.row_stride == 1u;
    let i = thread / TILE;
    let j = thread % TILE;

    var squares = vec2<f32>();
    var not_finite = 0u;
    for (var row = first_row; row < end_row; row += ROWS) {
        var row_squares = vec2<f32>();
        var sums = vec4<f32>();
        for (var col = task.z; col < end_col; col += TILE) {
            for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
                let r = select(n / TILE, n % ROWS, by_column);
                let c = select(n % TILE, n / ROWS, by_column);
                let update = update_at(before, after, row + r, col + c);
                tall[r][c] = update.x;
                row_squares += vec2(update.x * update.x, update.before * update.before);
                not_finite += update.not_finite;
            }
            if (k > 0u) {
                other[i][j] = thin(before.coefficients, before.cols, k, col + i, right_col + j);
                workgroupBarrier();
                var run = vec4<f32>();
                for (var c = 0u; c < TILE; c += 1u) {
                    let x = vec4(tall[i][c], tall[i + 16u][c], tall[i + 32u][c], tall[i + 48u][c]);
                    run += x * other[c][j];
                }
                sums += run;
                workgroupBarrier();
            }
        }
        squares += row_squares;
        for (var n = 0u; n < 4u; n += 1u) {
            other[i + 16u * n][j] = sums[n];
        }
        for (var left_col = 0u; left_col < k; left_col += TILE) {
            for (var n = thread; n < ROWS * TILE; n += TILE * TILE) {
                tall[n / TILE][n % TILE] = thin(after.coefficients, before.rows, k, row + n / TILE, left_col + n % TILE);
            }
            workgroupBarrier();
            var sum = 0.0;
            for (var r = 0u; r < ROWS; r += 1u) {
                sum += tall[r][i] * other[r][j];
            }
            partials[task.w + left_col * TILE + thread] += sum;
            workgroupBarrier();
        }
    }
    if (right_col == 0u) {
        workgroupBarrier();
        tall[i][j] = squares.x;
        tall[i + 16u][j] = squares.y;
        tall[i + 32u][j] = f32(not_finite);
        workgroupBarrier();
        if (thread < 48u) {
            var sum = 0.0;
            for (var c = 0u; c < TILE; c += 1u) {
                sum += tall[thread][c];
            }
            partials[task.w + (k + TILE - 1u) / TILE * TILE * TILE + thread] = sum;
        }
    }
}
