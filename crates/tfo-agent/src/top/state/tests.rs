//! Rates from readings whose times and totals are known.

use super::*;
use crate::top::figures::{ORIGINS, Place};

const SECOND: Time = 1_000_000_000;

fn process(pid: u32) -> Who {
    Who::Process { pid, comm: "sh".into() }
}

/// Totals of calls and received bytes, read at `seconds`.
fn reading(seconds: u64, rows: &[(u32, f64, f64)]) -> Reading {
    let origin = |figure| ORIGINS.iter().find(|origin| origin.place == Place::Number(figure)).unwrap();
    let mut reading = Reading::default();
    for (pid, calls, received) in rows {
        reading.number(origin(Figure::Calls), &process(*pid), seconds * SECOND, *calls);
        reading.number(origin(Figure::Received), &process(*pid), seconds * SECOND, *received);
    }
    reading
}

/// Rates and totals of calls by process.
fn calls(state: &State) -> Vec<(Who, f64, f64)> {
    let mut lines = state.picture().lines;
    lines.sort_by_key(|line| format!("{:?}", line.who));
    let of = |line: &Line| (line.who.clone(), line.rates.of(Figure::Calls), line.totals.of(Figure::Calls));
    lines.iter().map(of).collect()
}

#[test]
fn rates_are_what_came_between_two_readings_by_their_own_times() {
    let mut state = State::default();
    assert!(state.take(reading(10, &[(1, 100.0, 1.0), (2, 7.0, 1.0)])));
    assert!(!state.picture().rated);
    assert_eq!(calls(&state), [(process(1), 0.0, 100.0), (process(2), 0.0, 7.0)]);
    assert!(state.take(reading(14, &[(1, 300.0, 9.0), (2, 7.0, 1.0)])));
    assert_eq!(calls(&state), [(process(1), 50.0, 300.0), (process(2), 0.0, 7.0)]);
    let picture = state.picture();
    assert_eq!((picture.rated, picture.period, picture.time), (true, 4.0, 14 * SECOND));
    assert_eq!((picture.sum(Figure::Calls), picture.sum(Figure::Received)), (50.0, 2.0));
    assert_eq!(picture.lines.iter().filter(|line| line.is_idle()).count(), 1);
}

#[test]
fn the_same_reading_again_changes_nothing() {
    let mut state = State::default();
    state.take(reading(10, &[(1, 100.0, 0.0)]));
    state.take(reading(11, &[(1, 150.0, 0.0)]));
    assert!(!state.take(reading(11, &[(1, 150.0, 0.0)])));
    assert!(!state.take(reading(9, &[(1, 50.0, 0.0)])));
    assert_eq!(calls(&state), [(process(1), 50.0, 150.0)]);
}

#[test]
fn who_is_new_counts_from_zero_and_so_does_who_began_anew() {
    let mut state = State::default();
    state.take(reading(10, &[(1, 100.0, 0.0)]));
    state.take(reading(12, &[(1, 10.0, 0.0), (2, 60.0, 0.0)]));
    assert_eq!(calls(&state), [(process(1), 5.0, 10.0), (process(2), 30.0, 60.0)]);
}

#[test]
fn who_has_ended_is_shown_once_more_and_then_forgotten() {
    let mut state = State::default();
    state.take(reading(10, &[(1, 100.0, 0.0), (2, 1.0, 0.0)]));
    state.take(reading(11, &[(1, 130.0, 0.0), (2, 2.0, 0.0)]));
    // On a page it stands for minutes after its last point.
    let mut left = reading(12, &[(2, 4.0, 0.0)]);
    left.rows.extend(reading(11, &[(1, 130.0, 0.0)]).rows);
    state.take(left);
    assert_eq!(calls(&state), [(process(2), 2.0, 4.0)]);
    assert_eq!(state.rows.len(), 1);
    // Back under the same pid and name, it is somebody else.
    state.take(reading(13, &[(1, 5.0, 0.0), (2, 4.0, 0.0)]));
    assert_eq!(calls(&state), [(process(1), 5.0, 5.0), (process(2), 0.0, 4.0)]);
}

#[test]
fn groups_come_at_times_of_their_own() {
    let mut state = State::default();
    state.take(reading(10, &[(1, 100.0, 100.0)]));
    let mut network = reading(15, &[(1, 0.0, 600.0)]);
    for row in network.rows.values_mut() {
        row.times[Group::Syscalls as usize] = 0;
    }
    state.take(network);
    let picture = state.picture();
    assert_eq!((picture.sum(Figure::Calls), picture.sum(Figure::Received)), (0.0, 100.0));
    assert_eq!(picture.lines[0].totals.of(Figure::Calls), 100.0, "what was not read stays");
}

#[test]
fn quantiles_are_of_what_came_since_and_of_all() {
    let at = |seconds: u64, fast: u64, slow: u64| {
        let mut reading = reading(seconds, &[(1, 1.0, 0.0)]);
        let mut observe = |edge, count| {
            reading.observed((Group::Syscalls, Spread::Calls), &process(1), seconds * SECOND, edge, count);
        };
        observe(1.0, fast);
        observe(64.0, slow);
        reading
    };
    let mut state = State::default();
    state.take(at(10, 1000, 0));
    assert!(state.picture().lines[0].rates.spread(Spread::Calls).p50.is_nan());
    state.take(at(11, 1000, 100));
    let line = &state.picture().lines[0];
    let (recent, all) = (line.rates.spread(Spread::Calls), line.totals.spread(Spread::Calls));
    assert!(recent.p50 > 53.0 && recent.p50 <= 64.0, "{recent:?}");
    assert!(all.p50 <= 1.0 && all.p99 > 53.0, "{all:?}");
    assert!(state.picture().spreads);
}

#[test]
fn figures_of_the_agent_have_rates_too() {
    let at = |seconds: u64, points: f64| {
        let mut reading = Reading::default();
        reading.own(Own::Accepted, seconds * SECOND, points);
        reading
    };
    let mut state = State::default();
    state.take(at(10, 100.0));
    assert_eq!(state.picture().agent_rate(Own::Accepted), None);
    state.take(at(12, 500.0));
    let picture = state.picture();
    assert_eq!((picture.agent.get(Own::Accepted), picture.agent_rate(Own::Accepted)), (Some(500.0), Some(200.0)));
    assert_eq!(picture.agent_rate(Own::Cpu), None);
}

#[test]
fn ten_thousand_processes_that_change_all_the_time_leave_nothing_behind() {
    let mut state = State::default();
    for round in 0..5_u32 {
        let rows: Vec<_> = (0..10_000).map(|pid| (round * 10_000 + pid, 1.0, 1.0)).collect();
        state.take(reading(u64::from(round) + 1, &rows));
        assert_eq!(state.rows.len(), 10_000);
    }
}
