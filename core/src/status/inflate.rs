use alloc::{boxed::Box, vec, vec::Vec};

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress,
        inflate_flags::{TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

use crate::limits::STATUS_LIST_BYTES;

/// The content of one whole ZLIB stream with a right checksum and nothing after it, if it is not too long
pub(super) fn zlib(input: &[u8]) -> Option<Vec<u8>> {
    const FLAGS: u32 = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut out = vec![0; input.len().saturating_mul(4).clamp(1024, STATUS_LIST_BYTES)];
    let (mut read, mut written) = (0_usize, 0_usize);
    loop {
        let (status, took, gave) = decompress(&mut state, input.get(read..)?, &mut out, written, FLAGS);
        read = read.saturating_add(took);
        written = written.saturating_add(gave);
        if status == TINFLStatus::Done {
            out.truncate(written);
            return (read == input.len()).then_some(out);
        }
        if status != TINFLStatus::HasMoreOutput || out.len() >= STATUS_LIST_BYTES {
            return None;
        }
        out.resize(out.len().saturating_mul(2).min(STATUS_LIST_BYTES), 0);
    }
}
