//! What a profile, an alignment and a projection cost, to the dispatch and to the byte.

use lorascope_format::bytes::ByteSource;
use lorascope_format::container::sniff::HEAD;
use lorascope_kernels::TallView;
use lorascope_kernels::plan;
use lorascope_protocol::projection::Request;
use lorascope_protocol::report::Counts;

use super::*;

const MODULES: [&str; 3] = ["q_proj", "k_proj", "v_proj"];
const SIDE: u64 = 256;
/// So few columns of random numbers are nearly orthogonal, and one pass does.
const RANK: u64 = 4;
/// Left and right of each module.
const FACTORS: u64 = 2 * MODULES.len() as u64;
/// Bytes of a number, of one matrix's description, and of what one workgroup is told.
const NUMBER: u64 = 4;
const VIEW: u64 = size_of::<TallView>() as u64;
const TASK: u64 = 16;
/// Workgroups: `scan` and `gram` take 256 rows each, all others 64.
const SLABS: u64 = SIDE / 256;
const PARTS: u64 = SIDE / 64;

fn tensors(path: &str, seed: u64, of_module: &[(&str, &str, [u64; 2])]) -> MemorySource {
    let mut numbers = crate::numbers::Numbers::new(seed);
    let mut all = Vec::new();
    for module in MODULES {
        for (prefix, suffix, shape) in of_module {
            let count = shape[0] * shape[1];
            let bytes: Vec<u8> = (0..count).flat_map(|_| (numbers.gaussian() as f32).to_le_bytes()).collect();
            all.push((
                format!("{prefix}model.layers.0.self_attn.{module}.{suffix}weight"),
                shape.map(|n| n as usize),
                bytes,
            ));
        }
    }
    let views = all.iter().map(|(name, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
        (name, view.unwrap())
    });
    MemorySource::new(path, safetensors::serialize(views, None).unwrap())
}

/// What is read of a file to know what is in it: its beginning, which tells what kind it is, and the header's text.
fn header(file: &MemorySource) -> u64 {
    let first = block_on(ByteSource::read(file, 0..8)).unwrap();
    HEAD.min(ByteSource::len(file)) + u64::from_le_bytes(first.try_into().unwrap())
}

/// A profile: what is uploaded of the factors, and what `scan` and one `gram` are told of them.
fn profile() -> Counts {
    let told = 2 * (VIEW + SLABS * TASK) + NUMBER * RANK;
    let bytes_uploaded = FACTORS * (NUMBER * SIDE * RANK + told);
    let work = plan::work(1);
    Counts {
        bytes_read: FACTORS * NUMBER * SIDE * RANK,
        bytes_uploaded,
        dispatches: work.dispatches,
        readbacks: work.readbacks,
        ..Counts::default()
    }
}

/// An alignment: U and V of each module out of its factors, one `apply` and one readback for each of them; then one
/// `align` over the weights of both checkpoints, with U and V beside them.
fn alignment() -> Counts {
    let bases = FACTORS * (VIEW + PARTS * TASK + NUMBER * RANK * RANK);
    let weights = 2 * MODULES.len() as u64 * NUMBER * SIDE * SIDE;
    let beside = MODULES.len() as u64 * (2 * VIEW + PARTS * TASK + NUMBER * 2 * SIDE * RANK);
    let more = Counts {
        dispatches: FACTORS + 1,
        readbacks: FACTORS + 1,
        bytes_read: weights,
        bytes_uploaded: bases + weights + beside,
        fallbacks: 0,
    };
    profile().plus(more)
}

/// A projection by svd to the same size: one `apply` and one `resize` for all factors, which is told once where each
/// row comes from, and one readback.
fn projection() -> Counts {
    let applied = FACTORS * (VIEW + PARTS * TASK + NUMBER * RANK * RANK);
    let resized = FACTORS * (VIEW + PARTS * TASK) + NUMBER * 2 * SIDE;
    let more = Counts { dispatches: 2, readbacks: 1, bytes_uploaded: applied + resized, ..Counts::default() };
    profile().plus(more)
}

#[test]
fn counts_of_each_kind_of_work_are_exact() {
    let pair = [("base_model.model.", "lora_A.", [RANK, SIDE]), ("base_model.model.", "lora_B.", [SIDE, RANK])];
    let adapter = tensors("lora/adapter_model.safetensors", 5, &pair);
    let states = [("before.safetensors", 6), ("after.safetensors", 7)]
        .map(|(path, seed)| tensors(path, seed, &[("", "", [SIDE, SIDE])]));
    for choice in backends() {
        let (mut session, messages) = start(choice, Steady);
        let mut past = Counts::default();
        let mut spent = |session: &Session<_, _, _>, what: &str, headers: u64, mut wanted: Counts| {
            if choice == BackendChoice::Cpu {
                wanted = Counts { bytes_read: wanted.bytes_read, ..Counts::default() };
            }
            wanted.bytes_read += headers;
            past = past.plus(wanted);
            assert_eq!(session.engine().counts, past, "{choice:?}: {what}");
        };
        block_on(session.load(vec![adapter.clone()]));
        assert_eq!(verdict(&messages).0, Outcome::Done);
        spent(&session, "the profile", header(&adapter), profile());
        block_on(session.load(states.to_vec()));
        assert_eq!(verdict(&messages).0, Outcome::Done);
        assert_eq!(session.report().alignment.len(), 1);
        spent(&session, "the alignment", states.iter().map(header).sum(), alignment());
        let item = item(&messages, "lora");
        block_on(session.ask(1, Question::Project { item, request: Box::new(Request::default()) }));
        assert!(session.report().projection.is_some());
        spent(&session, "the projection", 0, projection());
    }
}
