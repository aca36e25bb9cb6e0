//! Times of calls: a monotonic clock, rounds that warm up, and the median of those that count.

use core::{hint::black_box, time::Duration};
use std::time::Instant;

const WARM_UP: usize = 5;
const ROUNDS: usize = 101;
/// A round is so many calls that it takes about as long: short, so that a busy machine spoils few of them
const ROUND: Duration = Duration::from_millis(1);

/// One of those who take turns
pub(crate) struct Contender<'a> {
    call: Box<dyn FnMut() -> bool + 'a>,
    calls: u32,
    rounds: Vec<Duration>,
}

impl<'a> Contender<'a> {
    /// `call` answers yes, or the measurement is void
    pub(crate) fn new(call: impl FnMut() -> bool + 'a) -> Self {
        let mut contender = Self { call: Box::new(call), calls: 1, rounds: Vec::new() };
        while contender.round() < ROUND && contender.calls < 1 << 20 {
            contender.calls *= 2;
        }
        contender
    }

    fn round(&mut self) -> Duration {
        let begin = Instant::now();
        for _ in 0..self.calls {
            assert!(black_box((self.call)()));
        }
        begin.elapsed()
    }

    fn median(mut self) -> f64 {
        self.rounds.sort_unstable();
        self.rounds[self.rounds.len() / 2].as_secs_f64() * 1e6 / f64::from(self.calls)
    }
}

/// The median over the rounds of the time of one call, in microseconds. All take turns in every round, each being
/// first as often as the others, so that a busy machine hits all of them alike. A turn begins with a round that does
/// not count, which brings back into the processor's caches what the turns of others have pushed out.
pub(crate) fn medians<const N: usize>(mut contenders: [Contender<'_>; N]) -> [f64; N] {
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..N {
            let contender = &mut contenders[(turn + round) % N];
            contender.round();
            let took = contender.round();
            if round >= WARM_UP {
                contender.rounds.push(took);
            }
        }
    }
    contenders.map(Contender::median)
}
