//! What Linux 4.15 would say to the tracepoint tier's object, as far as looking at it tells: no kernel from 4.15 to
//! 5.4 is at hand to be booted.

use super::elf::{ATOMICS, Elf, HELPER_CALL, Instruction, LOAD_64, Section};
use super::tiers::TIERS;

/// Helpers of 4.15 that are used: look-up, update, delete, probe_read, ktime, CPU, pid and tgid, uid, comm.
const HELPERS: [i32; 9] = [1, 2, 3, 4, 5, 8, 14, 15, 16];

/// Before 5.2 a program may have so many instructions.
const MOST_INSTRUCTIONS: usize = 4096;

fn object() -> &'static [u8] {
    TIERS.iter().find(|tier| !tier.btf).unwrap().object
}

/// The programs: one a section, which the loader and the counting below both rely on.
fn programs() -> Vec<Section<'static>> {
    let sections = Elf::of(object()).sections();
    sections.into_iter().filter(|section| section.is_code && !section.instructions().is_empty()).collect()
}

const EXIT: u8 = 0x95;
const JUMP: u8 = 0x05;

/// The instructions that may come after the one at `at`.
fn successors(instructions: &[Instruction], at: usize) -> Vec<usize> {
    let one = instructions[at];
    let is_jump = one.code & 7 == 5 && ![HELPER_CALL, EXIT].contains(&one.code);
    let jump = is_jump.then(|| at.checked_add_signed(1 + isize::from(one.offset)).unwrap());
    let next = match one.code {
        EXIT | JUMP => None,
        LOAD_64 => Some(at + 2),
        _ => Some(at + 1),
    };
    next.into_iter().chain(jump).collect()
}

/// As check_cfg of kernel/bpf/verifier.c: a jump back is one to what is not left yet, wherever it stands. Returns where
/// such a jump is, and the instructions that are never reached.
fn walk(instructions: &[Instruction]) -> (Option<usize>, Vec<usize>) {
    const UNSEEN: u8 = 0;
    const ENTERED: u8 = 1;
    const LEFT: u8 = 2;
    let mut state = vec![UNSEEN; instructions.len()];
    let mut stack = vec![(0, successors(instructions, 0))];
    state[0] = ENTERED;
    while let Some((at, pending)) = stack.last_mut() {
        let at = *at;
        match pending.pop() {
            None => {
                state[at] = LEFT;
                stack.pop();
            }
            Some(next) if state[next] == ENTERED => return (Some(at), Vec::new()),
            Some(next) if state[next] == UNSEEN => {
                state[next] = ENTERED;
                stack.push((next, successors(instructions, next)));
            }
            Some(_) => {}
        }
    }
    let second_half = |at: usize| at > 0 && instructions[at - 1].code == LOAD_64;
    (None, (0..state.len()).filter(|at| state[*at] == UNSEEN && !second_half(*at)).collect())
}

#[test]
fn it_has_programs_for_every_sub_collector_and_no_data() {
    let names: Vec<String> = programs().into_iter().map(|program| program.name).collect();
    for section in ["tracepoint/raw_syscalls/sys_enter", "perf_event/major", "tracepoint/sock/inet_sock_set_state"] {
        assert!(names.iter().any(|name| name == section), "{section} in {names:?}");
    }
    for section in Elf::of(object()).sections() {
        let data = [".rodata", ".data", ".bss", ".kconfig", ".ksyms", ".text"];
        let empty = section.is_code && section.instructions().is_empty();
        assert!(empty || !data.iter().any(|name| section.name.starts_with(name)), "{}", section.name);
    }
}

#[test]
fn no_program_is_too_long_calls_another_loops_or_has_what_is_never_reached() {
    let mut longest = (0, String::new());
    for program in programs() {
        let instructions = program.instructions();
        assert!(instructions.len() <= MOST_INSTRUCTIONS, "{}: {}", program.name, instructions.len());
        for (at, one) in instructions.iter().enumerate() {
            assert!(one.code != HELPER_CALL || one.source == 0, "{} {at}: calls a function: {one:?}", program.name);
        }
        assert_eq!(walk(&instructions), (None, Vec::new()), "{}", program.name);
        longest = longest.max((instructions.len(), program.name));
    }
    println!("the longest: {longest:?}");
}

#[test]
fn instructions_and_helpers_are_those_of_4_15() {
    let mut helpers = Vec::new();
    for program in programs() {
        let instructions = program.instructions();
        let mut at = 0;
        while let Some(one) = instructions.get(at) {
            let place = format!("{} {at}: {one:?}", program.name);
            // 6 is the class of comparisons of 32 bits, which are of 5.1.
            assert_ne!(one.code & 7, 6, "{place}");
            assert!(!ATOMICS.contains(&one.code) || one.constant == 0, "other than adding: {place}");
            // Loads with a sign, and moves and divisions with one or a swap without a condition, are of 6.6.
            assert_ne!(one.code & 0xe7, 0x81, "{place}");
            let arithmetic = [4, 7].contains(&(one.code & 7));
            assert!(!arithmetic || one.offset == 0 && one.code != 0xd7, "{place}");
            if one.code == HELPER_CALL {
                helpers.push(one.constant);
            }
            at += if one.code == LOAD_64 { 2 } else { 1 };
        }
    }
    assert!(helpers.len() > 50, "{helpers:?}");
    assert!(helpers.iter().all(|helper| HELPERS.contains(helper)), "{helpers:?}");
}

#[test]
fn maps_are_hashes_and_arrays_without_flags_or_types() {
    const HASH: u32 = 1;
    const ARRAY: u32 = 2;
    let sections = Elf::of(object()).sections();
    assert!(!sections.iter().any(|section| section.name == ".maps"), "maps with types need BTF to be loaded");
    let maps = sections.iter().find(|section| section.name == "maps").unwrap();
    // Type, sizes of key and value, entries, flags.
    let words: Vec<u32> = maps.words();
    assert!(words.len() >= 10 * 5 && words.len().is_multiple_of(5), "{words:?}");
    for map in words.chunks_exact(5) {
        assert!([HASH, ARRAY].contains(&map[0]) && map[4] == 0, "{map:?}");
    }
}

#[test]
fn a_loop_is_seen_and_a_jump_back_that_makes_none_is_let_pass() {
    let one = |code, offset| Instruction { code, source: 0, offset, constant: 0 };
    let exit = one(EXIT, 0);
    // if r0 == 0 goto +1; goto -2; exit
    assert_eq!(walk(&[one(0x15, 1), one(JUMP, -2), exit]).0, Some(1));
    // goto +1; exit; goto -2
    assert_eq!(walk(&[one(JUMP, 1), exit, one(JUMP, -2)]), (None, Vec::new()));
    assert_eq!(walk(&[exit, exit]), (None, vec![1]));
}
