//! When batches pass, and which limits follow from which keys.

use component::config::Value;

use super::*;
use crate::tests::{batch, point, read, text};

const MIB: u64 = 1 << 20;

fn limiter(keys: &[(&str, i64)]) -> MemoryLimiter {
    let (config, faults) = read(keys.iter().map(|(key, value)| (*key, Value::Int(*value))).collect(), Config::read);
    assert!(faults.is_empty(), "{faults:?}");
    MemoryLimiter::new(&config, || Ok(1000 * MIB)).unwrap()
}

fn passes(limiter: &mut MemoryLimiter) -> bool {
    let mut output = Vec::new();
    limiter.process(batch(vec![point(None, 1, 1), point(None, 2, 1)]), &mut output);
    !output.is_empty()
}

#[test]
fn nothing_passes_above_the_soft_limit_and_what_is_dropped_is_counted() {
    let mut limiter = limiter(&[("limit_mib", 100), ("spike_limit_mib", 30)]);
    assert!(passes(&mut limiter), "before the first check");
    limiter.check(Ok(70 * MIB));
    assert!(passes(&mut limiter));
    limiter.check(Ok(70 * MIB + 1));
    assert!(!passes(&mut limiter) && !passes(&mut limiter));
    assert_eq!(limiter.dropped, (4, 4));
    limiter.check(Ok(101 * MIB));
    assert!(!passes(&mut limiter));
    assert_eq!(limiter.dropped, (2, 6));
    limiter.check(Ok(60 * MIB));
    assert!(passes(&mut limiter));
    assert_eq!(limiter.dropped, (0, 0));
}

#[test]
fn limits_are_mib_or_percent_and_a_spike_is_a_fifth() {
    let limits = |keys: &[(&str, i64)]| {
        let limiter = limiter(keys);
        (limiter.soft / MIB, limiter.hard / MIB)
    };
    assert_eq!(limits(&[("limit_mib", 100)]), (80, 100));
    assert_eq!(limits(&[("limit_percentage", 50)]), (400, 500));
    assert_eq!(limits(&[("limit_percentage", 50), ("spike_limit_percentage", 20)]), (300, 500));
    assert_eq!(limits(&[("limit_percentage", 50), ("limit_mib", 10)]), (8, 10), "MiB win");
}

#[test]
fn memory_that_cannot_be_read_holds_up_nothing() {
    let mut limiter = limiter(&[("limit_mib", 100)]);
    limiter.check(Ok(90 * MIB));
    assert!(!passes(&mut limiter));
    limiter.check(Err("no /proc".into()));
    assert!(passes(&mut limiter));
    let (config, _) = read(vec![("limit_percentage", Value::Int(50))], Config::read);
    assert_eq!(MemoryLimiter::new(&config, || Err("no /proc".into())).unwrap_err(), "no /proc");
}

#[test]
fn a_check_looks_at_this_process() {
    let mut limiter = limiter(&[("limit_mib", 1)]);
    assert_eq!(limiter.period(), Some(Duration::from_secs(1)));
    limiter.flush(&mut Vec::new());
    assert!(!passes(&mut limiter), "nothing runs in a MiB");
}

#[test]
fn faults_are_in_the_collector_s_words() {
    let faults = |keys: Vec<(&str, Value)>| read(keys, Config::read).1.join("\n").replace("f:1:1: ", "");
    assert_eq!(faults(vec![]), "'limit_mib' or 'limit_percentage' must be greater than zero");
    let int = Value::Int;
    assert_eq!(
        faults(vec![("limit_mib", int(10)), ("spike_limit_mib", int(10))]),
        "'spike_limit_mib' must be smaller than 'limit_mib'"
    );
    assert_eq!(
        faults(vec![("limit_percentage", int(101))]),
        "'limit_percentage' must be less than or equal to hundred"
    );
    assert_eq!(
        faults(vec![("limit_percentage", int(50)), ("spike_limit_percentage", int(50))]),
        "'spike_limit_percentage' must be smaller than 'limit_percentage'"
    );
    assert_eq!(faults(vec![("limit_mib", int(9)), ("check_interval", text("0s"))]), "must be greater than 0");
}
