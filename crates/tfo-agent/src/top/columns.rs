//! The columns: what each shows, what it is called, which of them find room.

use std::cmp::Ordering;

use super::figures::{Figure, Spread};
use super::reading::Who;
use super::state::Line;
use super::units::Unit;

/// Something that is shown of every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Pid,
    Cpu,
    Calls,
    Errors,
    Mean,
    P50,
    P99,
    Net,
    Received,
    Sent,
    File,
    Read,
    Written,
    RunQueue,
    Wait99,
    Switches,
    Migrations,
    Faults,
    Major,
    Connections,
    Retransmits,
}

/// All of them, in the order of the screen.
pub(super) const COLUMNS: [Column; 21] = {
    use Column::*;
    [
        Pid,
        Cpu,
        Calls,
        Errors,
        Mean,
        P50,
        P99,
        Net,
        Received,
        Sent,
        File,
        Read,
        Written,
        RunQueue,
        Wait99,
        Switches,
        Migrations,
        Faults,
        Major,
        Connections,
        Retransmits,
    ]
};

impl Column {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        self.words().0
    }

    /// Its head.
    pub(super) fn title(self, totals: bool) -> &'static str {
        let (_, rate, total, ..) = self.words();
        if totals { total } else { rate }
    }

    /// The head of it in a plain table, and what is printed for one unit of what is measured.
    pub(super) fn plain(self, totals: bool) -> (&'static str, f64) {
        let scale = match self.unit() {
            Unit::Share if totals => return ("CPU_us", 1e6),
            Unit::Seconds => 1e6,
            Unit::Share => 100.0,
            Unit::Count | Unit::Bytes => 1.0,
        };
        (self.words().3, scale)
    }

    /// What it shows, in a few words.
    pub(super) fn meaning(self) -> &'static str {
        self.words().4
    }

    /// The value that is shown, and sorted by.
    pub(super) fn value(self, line: &Line, totals: bool) -> f64 {
        use Figure as F;
        let shown = if totals { &line.totals } else { &line.rates };
        match self {
            Self::Pid => match line.who {
                Who::Process { pid, .. } => f64::from(pid),
                Who::Overflow | Who::Nobody => 0.0,
            },
            Self::Cpu => shown.of(F::OnCpu),
            Self::Calls => shown.of(F::Calls),
            Self::Errors => shown.of(F::Errors),
            Self::Mean if shown.of(F::Calls) > 0.0 => shown.of(F::CallTime) / shown.of(F::Calls),
            Self::Mean => f64::NAN,
            Self::P50 => shown.spread(Spread::Calls).p50,
            Self::P99 => shown.spread(Spread::Calls).p99,
            Self::Net => shown.of(F::Received) + shown.of(F::Sent),
            Self::Received => shown.of(F::Received),
            Self::Sent => shown.of(F::Sent),
            Self::File => shown.of(F::Read) + shown.of(F::Written),
            Self::Read => shown.of(F::Read),
            Self::Written => shown.of(F::Written),
            Self::RunQueue => shown.of(F::RunQueue),
            Self::Wait99 => shown.spread(Spread::Waits).p99,
            Self::Switches => shown.of(F::Switches),
            Self::Migrations => shown.of(F::Migrations),
            Self::Faults => shown.of(F::Faults),
            Self::Major => shown.of(F::MajorFaults),
            Self::Connections => shown.of(F::Connections),
            Self::Retransmits => shown.of(F::Retransmits),
        }
    }

    /// The same as it stands on the screen.
    pub(super) fn text(self, line: &Line, totals: bool) -> String {
        let unit = match self.unit() {
            Unit::Share if totals => Unit::Seconds,
            unit => unit,
        };
        unit.show(self.value(line, totals))
    }

    /// Greatest first, what is not known last; pids rise.
    pub(super) fn order(self, a: &Line, b: &Line, totals: bool) -> Ordering {
        let of = |line| match self.value(line, totals) {
            value if value.is_nan() => f64::NEG_INFINITY,
            value => value,
        };
        let order = of(b).total_cmp(&of(a));
        if self == Self::Pid { order.reverse() } else { order }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Cpu => Unit::Share,
            Self::Mean | Self::P50 | Self::P99 | Self::RunQueue | Self::Wait99 => Unit::Seconds,
            Self::Net | Self::Received | Self::Sent | Self::File | Self::Read | Self::Written => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// On the command line, as the head of rates, of totals, in a plain table, and in the help.
    fn words(self) -> (&'static str, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Pid => ("pid", "PID", "PID", "PID", "process id"),
            Self::Cpu => ("cpu", "CPU", "CPU", "CPU%", "time on a CPU"),
            Self::Calls => ("calls", "CALL/s", "CALLS", "CALLS", "system calls"),
            Self::Errors => ("errors", "ERR/s", "ERRORS", "ERRORS", "system calls that failed"),
            Self::Mean => ("mean", "MEAN", "MEAN", "MEAN_us", "mean time of a call"),
            Self::P50 => ("p50", "P50", "P50", "P50_us", "half of the calls took no longer, waiting included"),
            Self::P99 => ("p99", "P99", "P99", "P99_us", "99 of 100 took no longer"),
            Self::Net => ("net", "NET/s", "NET", "NET_B", "bytes over TCP and UDP"),
            Self::Received => ("received", "RECV/s", "RECV", "RECV_B", "of them received"),
            Self::Sent => ("sent", "SENT/s", "SENT", "SENT_B", "of them sent"),
            Self::File => ("file", "FILE/s", "FILE", "FILE_B", "bytes of files read and written"),
            Self::Read => ("read", "READ/s", "READ", "READ_B", "of them read"),
            Self::Written => ("written", "WRIT/s", "WRIT", "WRITTEN_B", "of them written"),
            Self::RunQueue => ("runq", "RUNQ/s", "RUNQ", "RUNQ_us", "time that its threads waited for a CPU"),
            Self::Wait99 => ("wait99", "WAIT99", "WAIT99", "WAIT99_us", "99 of 100 such waits took no longer"),
            Self::Switches => ("switches", "CTX/s", "CTX", "SWITCHES", "context switches"),
            Self::Migrations => ("migrations", "MIGR/s", "MIGR", "MIGRATIONS", "moves to another CPU"),
            Self::Faults => ("faults", "FLT/s", "FAULTS", "FAULTS", "page faults"),
            Self::Major => ("major", "MAJ/s", "MAJOR", "MAJOR", "of them those that had to read"),
            Self::Connections => ("connections", "CONN/s", "CONN", "CONNECTIONS", "TCP connections established"),
            Self::Retransmits => ("retransmits", "RETR/s", "RETR", "RETRANSMITS", "TCP segments sent again"),
        }
    }
}

/// Letters of a number and of the head over it.
const NUMBER: usize = 6;

/// Of the pid, a blank, the name and a blank less than a column takes.
pub(super) const IDENTITY: usize = 7 + 1 + 15;

/// The columns that find room in `width`, in their order, and how many letters each gets with the blanks before it.
///
/// `spreads` says whether there are quantiles of calls; where there are none, nobody needs their columns.
pub(super) fn fitting(width: usize, spreads: bool, sort: Column) -> (Vec<Column>, usize) {
    use Column::*;
    let latency: &[Column] = if spreads { &[P50, P99] } else { &[Mean] };
    let wanted = [Calls, Errors].iter().chain(latency).chain(&[Net, File, RunQueue, Faults, Cpu, Mean, Switches]);
    let wanted = wanted.chain(&[Received, Sent, Read, Written, Wait99, Major, Connections, Retransmits, Migrations]);
    let room = width.saturating_sub(IDENTITY) / (NUMBER + 1);
    let mut chosen: Vec<Column> = Vec::new();
    for column in std::iter::once(&sort).chain(wanted) {
        let is_known = spreads || !matches!(column, P50 | P99 | Wait99);
        if is_known && *column != Pid && chosen.len() < room && !chosen.contains(column) {
            chosen.push(*column);
        }
    }
    chosen.sort_by_key(|column| COLUMNS.iter().position(|known| known == column));
    let spare = width.saturating_sub(IDENTITY) / chosen.len().max(1);
    (chosen, spare.clamp(NUMBER + 1, NUMBER + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_letters_have_room_for_what_is_asked_for_most() {
        use Column::*;
        let (columns, width) = fitting(80, true, Calls);
        assert_eq!(columns, [Calls, Errors, P50, P99, Net, File, RunQueue, Faults]);
        assert!(IDENTITY + columns.len() * width <= 80);
        assert_eq!(fitting(80, false, Calls).0, [Cpu, Calls, Errors, Mean, Net, File, RunQueue, Faults]);
    }

    #[test]
    fn whatever_the_width_the_sorted_column_is_there_and_nothing_is_too_wide() {
        for width in 0..300 {
            for sort in COLUMNS {
                for spreads in [true, false] {
                    let (columns, each) = fitting(width, spreads, sort);
                    assert!(columns.is_empty() || IDENTITY + columns.len() * each <= width, "{width} {columns:?}");
                    let known = spreads || !matches!(sort, Column::P50 | Column::P99 | Column::Wait99);
                    assert!(columns.is_empty() || sort == Column::Pid || columns.contains(&sort) == known, "{width}");
                }
            }
        }
        assert!(fitting(160, true, Column::Calls).0.len() >= 17);
    }
}
