// XᵀY of two tall matrices of the same rows, which may lie in two buffers, by slabs of 256 rows: one task gives one
// 16×16 tile of one slab's sum. The CPU adds the slabs in f64. Inside a slab, eights of rows are summed first, then eight
// of those, then the four of these: no sum has more than eight terms, which keeps cosines good to some 1e-7. Pair n has views 2n (X, in `words`) and 2n + 1 (Y, in `other_words`).

@group(0) @binding(4) var<storage, read_write> partials: array<f32>;
@group(0) @binding(5) var<storage, read> other_words: array<u32>;

const RUN = 64u;

var<workgroup> left: array<array<f32, TILE>, RUN>;
var<workgroup> right: array<array<f32, TILE>, RUN>;

// Element (row, col) of a matrix in `other_words`. Outside of it: zero.
fn other_element(view: View, row: u32, col: u32) -> f32 {
    if (row >= view.rows || col >= view.cols) {
        return 0.0;
    }
    let index = element_index(view, row, col);
    return bitcast<f32>(bits_in(other_words[word_index(view, index)], view, index));
}

@compute @workgroup_size(16, 16)
fn cross(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (pair, first row, tile of X's columns | tile of Y's columns << 16, place of the result)
    let task = tasks[index];
    let x = views[2u * task.x];
    let y = views[2u * task.x + 1u];
    let x_col = (task.z & 0xffffu) * TILE;
    let y_col = (task.z >> 16u) * TILE;
    // Neighbouring threads read neighbouring numbers, whichever way each matrix is stored.
    let x_by_column = x.row_stride == 1u;
    let y_by_column = y.row_stride == 1u;
    let i = thread / TILE;
    let j = thread % TILE;

    var total = 0.0;
    let end = min(task.y + SLAB, x.rows);
    for (var first = task.y; first < end; first += RUN) {
        for (var n = thread; n < RUN * TILE; n += TILE * TILE) {
            let x_r = select(n / TILE, n % RUN, x_by_column);
            let x_c = select(n % TILE, n / RUN, x_by_column);
            left[x_r][x_c] = bitcast<f32>(element_bits(x, first + x_r, x_col + x_c));
            let y_r = select(n / TILE, n % RUN, y_by_column);
            let y_c = select(n % TILE, n / RUN, y_by_column);
            right[y_r][y_c] = other_element(y, first + y_r, y_col + y_c);
        }
        workgroupBarrier();
        var sum = 0.0;
        for (var eight = 0u; eight < RUN; eight += 8u) {
            var part = 0.0;
            for (var r = eight; r < eight + 8u; r += 1u) {
                part += left[r][i] * right[r][j];
            }
            sum += part;
        }
        total += sum;
        workgroupBarrier();
    }
    partials[task.w + thread] = total;
}
