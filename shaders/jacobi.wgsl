// An orthogonal V for each M (n × n) so that the columns of M·V are orthogonal: Hestenes' one-sided Jacobi method, one
// workgroup a matrix and one sweep a dispatch, which no watchdog minds. Sixteen pairs of columns are turned at a time,
// sixteen invocations to a pair. In one round every column is in one pair, in one sweep with every other one: a
// round-robin tournament.
//
// M comes with ‖M‖_F = 1. Columns are in quarters of four rows, padded with zeros. A column of C = M·V shorter than
// 4·2⁻²⁴ is rounding noise: nothing turns it.

// Per matrix C and V, column by column, and one vector of what has been done: sweeps, rotations of the last one. Zero
// before the first sweep.
@group(0) @binding(4) var<storage, read_write> state: array<vec4<f32>>;

const LANES = 16u;
const THREADS = 256u;
// Columns whose cosine is at most 2⁻²⁰ are orthogonal.
const ORTHOGONAL = 9.5367431640625e-7;
// 2⁻⁴⁴, a square.
const NOISE = 5.684341886080802e-14;

// ‖p‖², ‖q‖² and p·q as each invocation sums them. Two take turns, so that a barrier between the writing and the reading
// is all it takes.
var<workgroup> partials: array<array<vec3<f32>, THREADS>, 2>;
var<workgroup> done: vec4<f32>;
var<workgroup> rotations: atomic<u32>;

// Who sits at a place of a tournament's round: the first stays, all others move on by one.
fn player(place: u32, round: u32, players: u32) -> u32 {
    return select(1u + (place + round - 1u) % (players - 1u), 0u, place == 0u);
}

// tan(θ/2) of the rotation by at most 45° after which columns with these squares and this product are orthogonal.
fn half_tangent(sums: vec3<f32>) -> f32 {
    let zeta = (sums.y - sums.x) / (2.0 * sums.z);
    let t = select(-1.0, 1.0, zeta >= 0.0) / (abs(zeta) + sqrt(1.0 + zeta * zeta));
    return t / (1.0 + sqrt(1.0 + t * t));
}

// 2τ/(1+τ²). One step of Newton's makes the quotient good, which may be off by 2.5 ULP.
fn sine(tau: f32) -> f32 {
    let square = 1.0 + tau * tau;
    let inverse = 1.0 / square;
    return 2.0 * tau * (inverse + inverse * (1.0 - square * inverse));
}

// Columns at p and q become p − s·(q + τ·p) and q + s·(p − τ·q), with τ = tan(θ/2) and s = sin θ (Rutishauser). That is
// orthogonal for any τ, however inexact, and what is lost of s is lost of the change only: with the cosine and the sine
// themselves V would be off by a hundred times as much.
fn turn(p: u32, q: u32, quarters: u32, lane: u32, tau: f32, s: f32) {
    for (var i = lane; i < quarters; i += LANES) {
        let x = state[p + i];
        let y = state[q + i];
        state[p + i] = x - s * (y + tau * x);
        state[q + i] = y + s * (x - tau * y);
    }
}

@compute @workgroup_size(256)
fn jacobi(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = task_index(workgroup, workgroups);
    if (index >= arrayLength(&tasks)) {
        return;
    }
    // (matrix, places of C, of V and of what has been done)
    let task = tasks[index];
    let view = views[task.x];
    let n = view.cols;
    let quarters = (n + 3u) / 4u;

    if (thread == 0u) {
        done = state[task.w];
    }
    let before = workgroupUniformLoad(&done);
    if (before.x == 0.0) {
        for (var i = thread; i < n * quarters; i += THREADS) {
            let col = i / quarters;
            let row = 4u * (i % quarters);
            var column = vec4<u32>();
            for (var r = 0u; r < 4u; r += 1u) {
                column[r] = element_bits(view, row + r, col);
            }
            state[task.y + i] = bitcast<vec4<f32>>(column);
            state[task.z + i] = select(vec4(0.0), vec4(1.0), vec4(row, row + 1u, row + 2u, row + 3u) == vec4(col));
        }
        storageBarrier();
    } else if (before.y == 0.0) {
        return;
    }

    let lane = thread % LANES;
    let players = n + n % 2u;
    var which = 0u;
    for (var round = 0u; round + 1u < players; round += 1u) {
        for (var first = 0u; first < players / 2u; first += THREADS / LANES) {
            let pair = first + thread / LANES;
            let one = player(pair, round, players);
            let other = player(players - 1u - pair, round, players);
            let p = min(one, other) * quarters;
            let q = max(one, other) * quarters;
            // With an odd n one column has a bye.
            let plays = pair < players / 2u && max(one, other) < n;
            var sums = vec3<f32>();
            if (plays) {
                for (var i = lane; i < quarters; i += LANES) {
                    let x = state[task.y + p + i];
                    let y = state[task.y + q + i];
                    sums += vec3(dot(x, x), dot(y, y), dot(x, y));
                }
            }
            partials[which][thread] = sums;
            workgroupBarrier();
            // All of a pair add the same numbers in the same order, and so do the same.
            sums = vec3<f32>();
            for (var i = 0u; i < LANES; i += 1u) {
                sums += partials[which][thread - lane + i];
            }
            which = 1u - which;
            let lengths = sqrt(sums.x) * sqrt(sums.y);
            if (plays && min(sums.x, sums.y) > NOISE && abs(sums.z) > ORTHOGONAL * lengths) {
                let tau = half_tangent(sums);
                let s = sine(tau);
                turn(task.y + p, task.y + q, quarters, lane, tau, s);
                turn(task.z + p, task.z + q, quarters, lane, tau, s);
                if (lane == 0u) {
                    atomicAdd(&rotations, 1u);
                }
            }
        }
        // The next round's pairs are of other invocations.
        storageBarrier();
    }
    workgroupBarrier();
    if (thread == 0u) {
        state[task.w] = vec4(before.x + 1.0, f32(atomicLoad(&rotations)), 0.0, 0.0);
    }
}
