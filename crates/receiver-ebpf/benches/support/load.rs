//! The loads: this program started again, on one CPU.

use std::io::{Read, Write};

const CALLS: u32 = 300_000;
const ROUND_TRIPS: u32 = 30_000;

/// Runs load `what` to its end.
pub(crate) fn run(what: &str) {
    match what {
        "getppid" => {
            for _ in 0..CALLS {
                std::hint::black_box(std::os::unix::process::parent_id());
            }
        }
        "pipe" => ping_pong(),
        _ => panic!("unknown load {what}"),
    }
}

/// Two threads that hand a byte to and fro: two switches and two wakeups a round trip.
fn ping_pong() {
    let (mut from_us, mut to_them) = std::io::pipe().unwrap();
    let (mut from_them, mut to_us) = std::io::pipe().unwrap();
    let other = std::thread::spawn(move || {
        let mut byte = [0];
        while from_us.read_exact(&mut byte).is_ok() && to_us.write_all(&byte).is_ok() {}
    });
    let mut byte = [0];
    for _ in 0..ROUND_TRIPS {
        to_them.write_all(&byte).unwrap();
        from_them.read_exact(&mut byte).unwrap();
    }
    drop(to_them);
    other.join().unwrap();
}
