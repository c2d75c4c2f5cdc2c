//! Who reads: every receiver has a seat, with its bit in the host's books, and leaves it to the one that follows it.
//!
//! Seats are made before the programs are loaded, which are cut to them. Later a receiver that
//! is configured anew takes the seat of its predecessor, and what that had learned of its streams.

use std::sync::Arc;

use component::{ComponentId, Predicate};
use tokio::sync::watch;

use super::Reading;
use crate::collectors::{Collector, Reader};

/// Which registered receiver is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderId(pub(super) usize);

/// What a receiver wants to read.
pub(crate) struct Wish {
    /// Its id: it follows the receiver that had the same.
    pub(crate) receiver: ComponentId,
    pub(crate) collector: &'static Collector,
    /// Whether it wants histograms.
    pub(crate) histograms: bool,
    /// What its reader has been told, see [`Reader::settings`].
    pub(crate) settings: u64,
}

/// All seats, in the order of registration.
pub(super) struct Seats {
    seats: Vec<Seat>,
    lead: watch::Sender<ReaderId>,
}

struct Seat {
    wish: Wish,
    predicate: Option<Arc<Predicate>>,
    /// Receivers that have it: for a moment a running one and its successor.
    users: usize,
    reader: Option<Box<dyn Reader>>,
}

impl Default for Seats {
    fn default() -> Self {
        Self { seats: Vec::new(), lead: watch::Sender::new(ReaderId(0)) }
    }
}

impl Seats {
    pub(super) fn add(&mut self, wish: &Wish) -> ReaderId {
        self.seats.push(Seat { wish: wish.clone(), predicate: None, users: 1, reader: None });
        ReaderId(self.seats.len() - 1)
    }

    /// A seat for what the loaded programs count.
    pub(super) fn find(&mut self, wish: &Wish) -> Result<ReaderId, String> {
        let restart = "the programs in the kernel stay as they are while the agent runs: restart it";
        let Wish { receiver, collector, histograms, settings } = wish;
        let of_collector = |seat: &Seat| seat.wish.collector.name == collector.name;
        if !self.seats.iter().any(of_collector) {
            return Err(format!("{} is not counted; {restart}", collector.name));
        }
        let place = self.seats.iter().position(|seat| seat.wish.receiver == *receiver);
        let place = place.or_else(|| self.seats.iter().position(|seat| of_collector(seat) && seat.users == 0));
        let Some(place) = place else {
            return Err(format!("there is no room for another receiver of {}; {restart}", collector.name));
        };
        let seat = &mut self.seats[place];
        if seat.wish.histograms != *histograms {
            return Err(format!("histograms cannot be changed now; {restart}"));
        }
        if seat.wish.settings != *settings {
            return Err(format!(
                "of its keys only collection_interval can be changed now, to go on with the rest {restart}"
            ));
        }
        seat.wish = wish.clone();
        seat.users += 1;
        self.choose_lead();
        Ok(ReaderId(place))
    }

    pub(super) fn leave(&mut self, id: ReaderId) {
        if let Some(seat) = self.seats.get_mut(id.0) {
            seat.users = seat.users.saturating_sub(1);
        }
        self.choose_lead();
    }

    /// The first that is taken looks after the host.
    fn choose_lead(&mut self) {
        let first = self.seats.iter().position(|seat| seat.users > 0).unwrap_or(0);
        self.lead.send_if_modified(|lead| std::mem::replace(lead, ReaderId(first)) != ReaderId(first));
    }

    pub(super) fn lead(&self) -> watch::Receiver<ReaderId> {
        self.lead.subscribe()
    }

    pub(super) fn leads(&self, id: ReaderId) -> bool {
        *self.lead.borrow() == id
    }

    /// One bit per reader whose seat is taken.
    pub(super) fn taken(&self) -> u64 {
        let taken = self.seats.iter().enumerate().filter(|(_, seat)| seat.users > 0);
        taken.fold(0, |bits, (place, _)| bits | super::verdicts::bit(place))
    }

    pub(super) fn take_reader(&mut self, id: ReaderId) -> Option<Box<dyn Reader>> {
        self.seats.get_mut(id.0)?.reader.take()
    }

    pub(super) fn keep_reader(&mut self, id: ReaderId, reader: Box<dyn Reader>) {
        if let Some(seat) = self.seats.get_mut(id.0) {
            seat.reader = Some(reader);
        }
    }

    pub(super) fn set_predicate(&mut self, id: ReaderId, predicate: Option<Arc<Predicate>>) {
        if let Some(seat) = self.seats.get_mut(id.0) {
            seat.predicate = predicate;
        }
    }

    pub(super) fn collector(&self, id: ReaderId) -> Option<&'static Collector> {
        self.seats.get(id.0).map(|seat| seat.wish.collector)
    }

    pub(super) fn collectors(&self) -> Vec<&'static Collector> {
        self.seats.iter().map(|seat| seat.wish.collector).collect()
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let reading = |Seat { wish, predicate, .. }: &Seat| Reading {
            collector: wish.collector,
            histograms: wish.histograms,
            predicate: predicate.clone(),
        };
        self.seats.iter().map(reading).collect()
    }
}

impl Clone for Wish {
    fn clone(&self) -> Self {
        let Self { receiver, collector, histograms, settings } = self;
        Self { receiver: receiver.clone(), collector, histograms: *histograms, settings: *settings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors;

    fn wish(receiver: &str, histograms: bool, settings: u64) -> Wish {
        let receiver: ComponentId = receiver.parse().unwrap();
        let named = |one: &&&Collector| one.factory.component_type == receiver.component_type();
        let collector = collectors::ALL.iter().find(named).unwrap();
        Wish { receiver, collector, histograms, settings }
    }

    #[test]
    fn a_receiver_that_is_configured_anew_has_the_seat_of_its_predecessor() {
        let mut seats = Seats::default();
        seats.add(&wish("ebpf_syscalls", false, 0));
        let network = seats.add(&wish("ebpf_network", false, 0));
        assert_eq!(seats.find(&wish("ebpf_network", false, 0)), Ok(network));
        seats.leave(network);
        assert_eq!(seats.taken(), 0b11, "its successor has it");
        seats.leave(network);
        assert_eq!(seats.taken(), 0b01);
        assert_eq!(seats.find(&wish("ebpf_network/other", false, 0)), Ok(network), "it is free");
    }

    #[test]
    fn what_the_programs_do_not_count_is_refused() {
        let mut seats = Seats::default();
        seats.add(&wish("ebpf_syscalls", false, 7));
        for (wish, why) in [
            (wish("ebpf_memory", false, 0), "memory is not counted"),
            (wish("ebpf_syscalls", true, 7), "histograms"),
            (wish("ebpf_syscalls", false, 8), "collection_interval"),
            (wish("ebpf_syscalls/other", false, 7), "no room for another"),
        ] {
            let reason = seats.find(&wish).unwrap_err();
            assert!(reason.contains(why) && reason.contains("restart"), "{reason}");
        }
        assert_eq!(seats.taken(), 1);
    }

    #[test]
    fn the_first_that_is_there_looks_after_the_host() {
        let mut seats = Seats::default();
        let first = seats.add(&wish("ebpf_syscalls", false, 0));
        let second = seats.add(&wish("ebpf_network", false, 0));
        assert!(seats.leads(first) && !seats.leads(second));
        seats.leave(first);
        assert!(seats.leads(second));
    }
}
