//! Holds both `histogram_bucket.h` to the definition: the searches themselves are compiled for this machine and asked.

use std::fmt::Write as _;
use std::process::Command;

use num_bigint::BigUint;

/// What the header expects of the programs that include it.
const AROUND: &str = "#include <stdio.h>\n\
    typedef unsigned char __u8; typedef unsigned __u32; typedef unsigned long long __u64;\n\
    #define __noinline __attribute__((noinline))\n#define barrier_var(var) asm volatile(\"\" : \"+r\"(var))\n\
    #undef __always_inline\n\
    #define __always_inline inline\n\
    #include \"histogram_bucket.h\"\n#include \"tracepoint/histogram_bucket.h\"\n";

/// Whether `nanoseconds / 10^9 <= 2^((bucket - 127) / 4)`, in whole numbers: both sides to the fourth power.
fn is_within(nanoseconds: &BigUint, bucket: u32) -> bool {
    let (mut time, mut edge) = (nanoseconds.pow(4), BigUint::from(10u8).pow(36));
    if bucket >= 127 {
        edge <<= bucket - 127;
    } else {
        time <<= 127 - bucket;
    }
    time <= edge
}

/// The first bucket that holds the time.
fn exact(nanoseconds: u64) -> u32 {
    let nanoseconds = BigUint::from(nanoseconds);
    (0..255).find(|bucket| is_within(&nanoseconds, *bucket)).unwrap_or(255)
}

/// The largest whole number of nanoseconds within `bucket`, or what 64 bits hold.
fn largest_within(bucket: u32) -> u64 {
    let mut largest = 0u64;
    for bit in (0..64).rev() {
        let candidate = largest | 1 << bit;
        if is_within(&BigUint::from(candidate), bucket) {
            largest = candidate;
        }
    }
    largest
}

#[test]
fn every_time_is_in_the_bucket_that_exact_numbers_say() {
    let edges = (0..256).map(largest_within).filter(|edge| *edge > 0);
    let times: Vec<u64> = edges
        .flat_map(|edge| [edge.saturating_sub(1), edge, edge.saturating_add(1)])
        .chain((0..64).flat_map(|power| [1 << power, (1 << power) - 1]))
        .filter(|time| *time > 0)
        .chain([u64::MAX])
        .collect();
    let mut text = format!("{AROUND}int main(void) {{\n");
    for time in &times {
        let _ = writeln!(
            text,
            "printf(\"%d %d\\n\", histogram_bucket({time}ull), (int)plain_histogram_bucket({time}ull));"
        );
    }
    text.push_str("return 0; }\n");
    let directory = std::env::temp_dir().join(format!("tfo-histogram-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (source, program) = (directory.join("ask.c"), directory.join("ask"));
    std::fs::write(&source, text).unwrap();
    let ebpf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ebpf");
    let built = Command::new("cc").args(["-I", ebpf, "-o"]).arg(&program).arg(&source).status().unwrap();
    assert!(built.success());
    let answer = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let pair = |line: &str| line.split(' ').map(|bucket| bucket.parse().unwrap()).collect();
    let buckets: Vec<Vec<u32>> = answer.lines().map(pair).collect();
    assert_eq!(buckets.len(), times.len());
    for (time, bucket) in times.iter().zip(buckets) {
        assert_eq!(bucket, [exact(*time); 2], "{time} ns");
    }
    println!("{} times, at and beside every edge", times.len());
}
