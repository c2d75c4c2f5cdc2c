//! Capabilities of the calling thread, all five sets.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use crate::Refused;

/// Makes effective what is permitted.
pub(crate) fn take_up() -> Result<(), Refused> {
    let failed = |error: Errno| Refused(format!("capabilities: {error}"));
    let held = capabilities(None).map_err(failed)?;
    if held.effective == held.permitted {
        return Ok(());
    }
    set_capabilities(None, CapabilitySets { effective: held.permitted, ..held }).map_err(failed)
}

/// Leaves none but, if `bpf`, the one for bpf(2), if it is there. Says what is left.
pub(crate) fn drop_all_but(bpf: bool) -> Result<String, Refused> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: Errno| Refused(format!("{what}: {error}"))
    };
    let held = capabilities(None).map_err(failed("capget"))?;
    let kept = if bpf { held.permitted & for_bpf() } else { CapabilitySet::empty() };
    let bounded = if held.effective.contains(CapabilitySet::SETPCAP) {
        for capability in known().filter(|capability| !kept.contains(*capability)) {
            remove_capability_from_bounding_set(capability).map_err(failed("bounding set"))?;
        }
        "the bounding set too"
    } else {
        "the bounding set as it was, without CAP_SETPCAP"
    };
    // Before Linux 4.3 there is none.
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(failed("ambient set")(error)),
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(failed("capset"))?;
    let left: Vec<&str> = kept.iter_names().map(|(name, _)| name).collect();
    let left = if left.is_empty() { "none".to_owned() } else { left.join(", ") };
    Ok(format!("{left}; {bounded}"))
}

/// Before Linux 5.8, which brought `CAP_BPF`, bpf(2) was part of `CAP_SYS_ADMIN`.
fn for_bpf() -> CapabilitySet {
    let splits = capability_is_in_bounding_set(CapabilitySet::BPF).is_ok();
    if splits { CapabilitySet::BPF } else { CapabilitySet::SYS_ADMIN }
}

/// Every capability that the kernel knows.
fn known() -> impl Iterator<Item = CapabilitySet> {
    let all = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
    all.take_while(|capability| capability_is_in_bounding_set(*capability).is_ok())
}
