//! Totals under a name: what a process counted before it changed its name stays with the old one.

/// Totals that only grow.
pub(crate) trait Totals: Copy + Default {
    /// Field by field `self - earlier`.
    fn since(&self, earlier: &Self) -> Self;
}

/// Turns the totals of a process into the totals of a stream.
///
/// The kernel counts per process. A stream is named by pid and comm, so when the
/// name changes a new stream begins at zero, and the sum over both is what the
/// kernel counted: what was read before the change is the old stream's.
#[derive(Debug, Default)]
pub(crate) struct Ledger<T> {
    epoch: u64,
    last: T,
    base: Option<Box<T>>,
}

impl<T: Totals> Ledger<T> {
    /// The totals of the stream of `epoch`, given the `total` of the process.
    pub(crate) fn advance(&mut self, epoch: u64, total: T) -> T {
        if self.epoch != epoch && self.epoch != 0 {
            self.base = Some(Box::new(self.last));
        }
        self.epoch = epoch;
        self.last = total;
        self.base.as_ref().map_or(total, |base| total.since(base))
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
            self - earlier
        }
    }

    #[test]
    fn streams_of_all_names_add_up_to_the_total_of_the_process() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.advance(1, 5u64), 5);
        assert_eq!(ledger.advance(1, 8), 8);
        assert_eq!(ledger.advance(2, 10), 2);
        assert_eq!(ledger.advance(2, 30), 22);
        assert_eq!(ledger.advance(3, 31), 1);
    }

    #[test]
    fn what_was_never_read_under_an_old_name_belongs_to_the_new_one() {
        assert_eq!(Ledger::default().advance(9, 100u64), 100);
    }
}
