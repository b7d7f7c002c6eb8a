// (X·S)ᵀ(X·S) with S diagonal, by slabs of 256 rows: one task gives one 16×16 tile of one slab's sum. The CPU
// adds the slabs in f64. Inside a slab, runs of 64 rows are summed first and then added up, which bounds the
// rounding error by that of 64 + 4 additions.

@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

const RUN = 64u;

// The left columns, and the right ones where they are others.
var<workgroup> columns: array<array<array<f32, TILE>, RUN>, 2>;

fn scaled(view: View, row: u32, col: u32) -> f32 {
    if (col >= view.cols) {
        return 0.0;
    }
    return bitcast<f32>(element_bits(view, row, col)) * coefficients[view.coefficients + col];
}

@compute @workgroup_size(16, 16)
fn gram(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (view, first row, tile of the left columns | tile of the right columns << 16, place of the result)
    let task = tasks[index];
    let view = views[task.x];
    let left_col = (task.z & 0xffffu) * TILE;
    let right_col = (task.z >> 16u) * TILE;
    let other = select(1u, 0u, left_col == right_col);
    // Neighbouring threads read neighbouring numbers, whichever way the matrix is stored.
    let by_column = view.row_stride == 1u;
    let i = thread / TILE;
    let j = thread % TILE;

    var total = 0.0;
    let end = min(task.y + SLAB, view.rows);
    for (var first = task.y; first < end; first += RUN) {
        for (var n = thread; n < RUN * TILE; n += TILE * TILE) {
            let r = select(n / TILE, n % RUN, by_column);
            let c = select(n % TILE, n / RUN, by_column);
            columns[0][r][c] = scaled(view, first + r, left_col + c);
            if (other == 1u) {
                columns[1][r][c] = scaled(view, first + r, right_col + c);
            }
        }
        workgroupBarrier();
        var sum = 0.0;
        for (var r = 0u; r < RUN; r += 1u) {
            sum += columns[0][r][i] * columns[other][r][j];
        }
        total += sum;
        workgroupBarrier();
    }
    partials[task.w + thread] = total;
}
