//! Two messages at a time with the SHA extensions of x86-64 processors.
//!
//! The state lies in two registers as the instructions want it: `abef` and `cdgh`, the first letter in the highest lane
//! (Intel, "Intel SHA Extensions", 2013).

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
};

const BLOCK_BYTES: usize = 64;
/// What the padding adds at least: the bit after the message and its length.
const LEAST_PADDING_BYTES: usize = 9;

/// The hash value that a message begins with (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The constants of the rounds (FIPS 180-4, section 4.2.2), four rounds a row.
const ROUND_CONSTANTS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// A message in blocks: those it fills, and the one or two that its end and the padding make.
struct Message<'a> {
    full: &'a [[u8; BLOCK_BYTES]],
    end: [[u8; BLOCK_BYTES]; 2],
    blocks: usize,
}

impl<'a> Message<'a> {
    fn new(message: &'a [u8]) -> Self {
        let (full, rest) = message.as_chunks::<BLOCK_BYTES>();
        let mut end = [[0; BLOCK_BYTES]; 2];
        let bytes = end.as_flattened_mut();
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[rest.len()] = 0x80;
        let end_blocks = (rest.len() + LEAST_PADDING_BYTES).div_ceil(BLOCK_BYTES);
        let bits = (message.len() as u64) * 8;
        bytes[end_blocks * BLOCK_BYTES - 8..end_blocks * BLOCK_BYTES].copy_from_slice(&bits.to_be_bytes());
        Self { full, end, blocks: full.len() + end_blocks }
    }

    #[inline(always)]
    fn block(&self, position: usize) -> &[u8; BLOCK_BYTES] {
        self.full.get(position).unwrap_or_else(|| &self.end[position - self.full.len()])
    }
}

/// The digest of each message, in their order; the messages again if the processor cannot.
#[expect(unsafe_code, reason = "the features that the call needs were asked for in the line before")]
pub(super) fn digest_each<'a, I: ExactSizeIterator<Item = &'a [u8]>>(messages: I) -> Result<Vec<[u8; 32]>, I> {
    if !(is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")) {
        return Err(messages);
    }
    // SAFETY: the function needs nothing but the features `sha` and `sse4.1`, which imply all that it uses.
    Ok(unsafe { digest_each_here(messages) })
}

/// One of the two messages under way.
struct Lane<'a> {
    /// Which of the messages it is.
    index: usize,
    message: Message<'a>,
    /// How many of its blocks are taken in.
    done: usize,
}

impl<'a> Lane<'a> {
    fn new((index, message): (usize, &'a [u8])) -> Self {
        Self { index, message: Message::new(message), done: 0 }
    }

    fn blocks_left(&self) -> usize {
        self.message.blocks - self.done
    }
}

#[target_feature(enable = "sha,sse4.1")]
fn digest_each_here<'a>(messages: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<[u8; 32]> {
    let mut digests = vec![[0; 32]; messages.len()];
    let mut messages = messages.enumerate();
    let mut lanes = [messages.next().map(Lane::new), messages.next().map(Lane::new)];
    let mut states = [State::initial(); 2];
    while let [Some(first), Some(second)] = &mut lanes {
        let blocks = first.blocks_left().min(second.blocks_left());
        compress(&mut states, [&first.message, &second.message], [first.done, second.done], blocks);
        first.done += blocks;
        second.done += blocks;
        for (lane, state) in lanes.iter_mut().zip(&mut states) {
            if let Some(finished) = lane.take_if(|lane| lane.blocks_left() == 0) {
                digests[finished.index] = state.digest();
                *state = State::initial();
                *lane = messages.next().map(Lane::new);
            }
        }
    }
    for (lane, state) in lanes.into_iter().zip(states) {
        if let Some(lane) = lane {
            let mut states = [state];
            compress(&mut states, [&lane.message], [lane.done], lane.blocks_left());
            digests[lane.index] = states[0].digest();
        }
    }
    digests
}

#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

impl State {
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn initial() -> Self {
        let [a, b, c, d, e, f, g, h] = INITIAL.map(u32::cast_signed);
        Self { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn digest(self) -> [u8; 32] {
        let Self { abef, cdgh } = self;
        let words = [
            _mm_extract_epi32(abef, 3),
            _mm_extract_epi32(abef, 2),
            _mm_extract_epi32(cdgh, 3),
            _mm_extract_epi32(cdgh, 2),
            _mm_extract_epi32(abef, 1),
            _mm_extract_epi32(abef, 0),
            _mm_extract_epi32(cdgh, 1),
            _mm_extract_epi32(cdgh, 0),
        ];
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
        digest
    }
}

/// The sixteen words of a block, four a register, the first in the lowest lane.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn words(block: &[u8; BLOCK_BYTES]) -> [__m128i; 4] {
    let swap_bytes = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let halves = block.as_chunks::<8>().0;
    let half = |position: usize| i64::from_le_bytes(halves[position]);
    std::array::from_fn(|four| _mm_shuffle_epi8(_mm_set_epi64x(half(four * 2 + 1), half(four * 2)), swap_bytes))
}

/// Four rounds of each message.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four_rounds<const N: usize>(states: &mut [State; N], words: [__m128i; N], constants: [u32; 4]) {
    let [first, second, third, fourth] = constants.map(u32::cast_signed);
    let constants = _mm_set_epi32(fourth, third, second, first);
    let mut inputs = words;
    for input in &mut inputs {
        *input = _mm_add_epi32(*input, constants);
    }
    for (state, input) in states.iter_mut().zip(inputs) {
        state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, input);
    }
    for (state, input) in states.iter_mut().zip(inputs) {
        state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(input, 0x0e));
    }
}

/// Takes as many blocks of each message, from that at its position on, into its state.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress<const N: usize>(states: &mut [State; N], messages: [&Message<'_>; N], from: [usize; N], blocks: usize) {
    for step in 0..blocks {
        let before = *states;
        let mut schedule = [[_mm_setzero_si128(); N]; 4];
        for (lane, (message, from)) in messages.iter().zip(from).enumerate() {
            for (words, four) in schedule.iter_mut().zip(words(message.block(from + step))) {
                words[lane] = four;
            }
        }
        let (given, made) = ROUND_CONSTANTS.split_at(4);
        for (words, constants) in schedule.iter().zip(given) {
            four_rounds(states, *words, *constants);
        }
        for constants in made.as_chunks::<4>().0 {
            for (four, constants) in constants.iter().enumerate() {
                let mut words = schedule[four];
                for (lane, word) in words.iter_mut().enumerate() {
                    let [first, second, third, fourth] = std::array::from_fn(|next| schedule[(four + next) % 4][lane]);
                    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(first, second), _mm_alignr_epi8(fourth, third, 4));
                    *word = _mm_sha256msg2_epu32(sum, fourth);
                }
                schedule[four] = words;
                four_rounds(states, words, *constants);
            }
        }
        for (state, before) in states.iter_mut().zip(before) {
            state.abef = _mm_add_epi32(state.abef, before.abef);
            state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
        }
    }
}
