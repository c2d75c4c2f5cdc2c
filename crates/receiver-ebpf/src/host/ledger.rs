//! Totals under a name: what a process counted before it changed its name stays with the old one.

/// Totals that only grow.
pub(crate) trait Totals: Copy + Default {
    /// Field by field `self - earlier`, wrapping.
    fn since(&self, earlier: &Self) -> Self;
}

/// Names that a process is remembered under. One that comes back after more than so many others begins anew.
const MOST_NAMES: usize = 4;

/// Turns the totals of a process into the totals of a stream.
///
/// The kernel counts per process. A stream is named by pid and comm, so when the
/// name changes a new stream begins at zero, and the sum over all is what the
/// kernel counted: what was read before the change is the old stream's. Under a name that
/// the process had before, the stream of that name goes on.
#[derive(Debug, Default)]
pub(crate) struct Ledger<T> {
    epoch: u64,
    last: T,
    renamed: Option<Box<Renamed<T>>>,
}

/// What only a process with several names needs.
#[derive(Debug)]
struct Renamed<T> {
    /// What the present stream's total is behind the process's.
    base: T,
    /// Epochs and totals of streams that have ended for now, the latest last.
    earlier: Vec<(u64, T)>,
}

impl<T: Totals> Ledger<T> {
    /// The totals of the stream of `epoch`, and what it gained since the last call, given the `total` of the process.
    pub(crate) fn advance(&mut self, epoch: u64, total: T) -> (T, T) {
        if self.epoch != epoch && self.epoch != 0 {
            self.change(epoch);
        }
        let interval = total.since(&self.last);
        self.epoch = epoch;
        self.last = total;
        (self.renamed.as_ref().map_or(total, |renamed| total.since(&renamed.base)), interval)
    }

    fn change(&mut self, epoch: u64) {
        let base = self.renamed.as_ref().map_or_else(T::default, |renamed| renamed.base);
        let mut earlier = self.renamed.take().map_or_else(Vec::new, |renamed| renamed.earlier);
        earlier.push((self.epoch, self.last.since(&base)));
        let resumed = earlier.iter().position(|(known, _)| *known == epoch).map(|position| earlier.remove(position).1);
        if earlier.len() >= MOST_NAMES {
            earlier.remove(0);
        }
        // The stream goes on from what it had come to: that much less lies behind it.
        let base = self.last.since(&resumed.unwrap_or_default());
        self.renamed = Some(Box::new(Renamed { base, earlier }));
    }

    /// The epoch and total of the last call.
    pub(crate) fn last(&self) -> (u64, T) {
        (self.epoch, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Totals for u64 {
        fn since(&self, earlier: &Self) -> Self {
            self.wrapping_sub(*earlier)
        }
    }

    #[test]
    fn streams_of_all_names_add_up_to_the_total_of_the_process() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.advance(1, 5u64), (5, 5));
        assert_eq!(ledger.advance(1, 8), (8, 3));
        assert_eq!(ledger.advance(2, 10), (2, 2));
        assert_eq!(ledger.advance(2, 30), (22, 20));
        assert_eq!(ledger.advance(3, 31), (1, 1));
    }

    #[test]
    fn what_was_never_read_under_an_old_name_belongs_to_the_new_one() {
        assert_eq!(Ledger::default().advance(9, 100u64), (100, 100));
    }

    #[test]
    fn the_stream_of_a_name_that_comes_back_goes_on() {
        let mut ledger = Ledger::default();
        ledger.advance(1, 100u64);
        ledger.advance(2, 150);
        assert_eq!(ledger.advance(1, 180), (130, 30), "100 and 30");
        assert_eq!(ledger.advance(2, 181), (51, 1), "50 and 1");
    }

    #[test]
    fn only_so_many_names_are_remembered() {
        let mut ledger = Ledger::default();
        for epoch in 1..=100 {
            ledger.advance(epoch, epoch * 10);
        }
        assert!(ledger.renamed.as_ref().unwrap().earlier.len() <= MOST_NAMES);
        assert_eq!(ledger.advance(1, 1005), (5, 5), "begins anew");
        assert_eq!(ledger.advance(99, 1006), (11, 1));
    }
}
