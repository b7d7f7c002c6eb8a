// A tall matrix inside a buffer of 32-bit words, and the decoding of its elements. Every kernel begins with this
// file. Decoding works on integers only: an implementation may flush subnormals and may assume that NaN does not
// occur, but it may not change bits.

// TallView of src/kernels/view.rs, field by field.
struct View {
    offset: u32,
    rows: u32,
    cols: u32,
    row_stride: u32,
    col_stride: u32,
    dtype: u32,
    coefficients: u32,
    out: u32,
    out_rows: u32,
    out_cols: u32,
}

@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read> views: array<View>;
// One workgroup each: (view, first row, first column or tile, where the result goes).
@group(0) @binding(2) var<storage, read> tasks: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> coefficients: array<f32>;

const TILE = 16u;
const SLAB = 256u;

// The bits of an f32 of the same value as the f16 with bits `h`.
fn widen_f16(h: u32) -> u32 {
    let sign = (h & 0x8000u) << 16u;
    let exponent = (h >> 10u) & 0x1fu;
    let mantissa = h & 0x3ffu;
    if (exponent == 31u) {
        return sign | 0x7f800000u | (mantissa << 13u);
    }
    if (exponent == 0u) {
        if (mantissa == 0u) {
            return sign;
        }
        let shift = countLeadingZeros(mantissa) - 21u;
        return sign | ((113u - shift) << 23u) | ((mantissa << (shift + 13u)) & 0x7fffffu);
    }
    return sign | ((exponent + 112u) << 23u) | (mantissa << 13u);
}

// Element (row, col), counted in elements from the buffer's start, and the word that holds it.
fn element_index(view: View, row: u32, col: u32) -> u32 {
    return view.offset + row * view.row_stride + col * view.col_stride;
}

fn word_index(view: View, index: u32) -> u32 {
    return select(index >> 1u, index, view.dtype == 0u);
}

// The bits, as f32, of the element at `index` in its word.
fn bits_in(word: u32, view: View, index: u32) -> u32 {
    if (view.dtype == 0u) {
        return word;
    }
    let half_word = (word >> ((index & 1u) * 16u)) & 0xffffu;
    if (view.dtype == 1u) {
        return widen_f16(half_word);
    }
    return half_word << 16u;
}

// The bits of element (row, col) as f32. Outside of the matrix: zero.
fn element_bits(view: View, row: u32, col: u32) -> u32 {
    if (row >= view.rows || col >= view.cols) {
        return 0u;
    }
    let index = element_index(view, row, col);
    return bits_in(words[word_index(view, index)], view, index);
}

// The workgroup's number in a dispatch that may be folded into two dimensions.
fn task_index(workgroup: vec3<u32>, workgroups: vec3<u32>) -> u32 {
    return workgroup.y * workgroups.x + workgroup.x;
}
