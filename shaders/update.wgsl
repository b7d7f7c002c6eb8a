// An update X = after − before: a tile in two states, which may have two dtypes and lie in two buffers. The kernels
// over updates begin with this file, after tall.wgsl.
//
// Change n has views 2n (before) and 2n + 1 (after). Of the fields that the two would share, those of `before` and
// of `after` mean different things:
//   coefficients  the first number of `right` or W; of `left`. Row by row, both.
//   out           the place of the result; nothing.
//   out_rows      the rows, and the columns, that one task takes: multiples of 64 and of 16.
//   out_cols      k; nothing.

@group(0) @binding(5) var<storage, read> after_words: array<u32>;

const ROWS = 64u;
// Both states are taken times 2^32, so that the squares of small updates are no subnormals, which a GPU flushes.
const UNIT = 4294967296.0;

struct Update {
    x: f32,
    before: f32,
    // NaNs and infinities in both states.
    not_finite: u32,
}

fn is_not_finite(bits: u32) -> u32 {
    return select(0u, 1u, (bits & 0x7fffffffu) >= 0x7f800000u);
}

// X and `before` at (row, col). Outside of the tile: zero.
fn update_at(before: View, after: View, row: u32, col: u32) -> Update {
    if (row >= before.rows || col >= before.cols) {
        return Update(0.0, 0.0, 0u);
    }
    let old_index = element_index(before, row, col);
    let new_index = element_index(after, row, col);
    let old_bits = bits_in(words[word_index(before, old_index)], before, old_index);
    let new_bits = bits_in(after_words[word_index(after, new_index)], after, new_index);
    let old = bitcast<f32>(old_bits) * UNIT;
    let new_ = bitcast<f32>(new_bits) * UNIT;
    return Update(new_ - old, old, is_not_finite(old_bits) + is_not_finite(new_bits));
}

// Number (row, col) of a thin matrix of k columns that begins at `place`. Beyond its rows and columns: zero.
fn thin(place: u32, rows: u32, k: u32, row: u32, col: u32) -> f32 {
    if (row >= rows || col >= k) {
        return 0.0;
    }
    return coefficients[place + row * k + col];
}
