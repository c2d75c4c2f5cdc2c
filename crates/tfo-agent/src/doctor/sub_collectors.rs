//! Every sub-collector, tried for real by the receivers' own host.

use receiver_ebpf::{Fate, Probe, Trouble};

use super::configuration::Wanted;
use super::guide::Entry;
use super::report::{Check, State};

/// What came of all of them.
pub(super) struct Tried {
    /// The object that works on this kernel, and whether it stands on BTF.
    pub(super) tier: Option<(&'static str, bool)>,
    pub(super) checks: Vec<Check>,
}

impl Tried {
    /// Loads, attaches, makes an event of each, and has all of it gone again.
    pub(super) fn run(wanted: &Wanted) -> Self {
        let mut probe = Probe::start(wanted.extension.as_ref());
        let tier = probe.tier();
        let tried = probe.run().into_iter().map(|one| check(&one, wanted));
        Self { tier, checks: tier.map(|(name, _)| tier_check(name)).into_iter().chain(tried).collect() }
    }
}

fn tier_check(tier: &str) -> Check {
    match tier {
        "tracepoint" => Check::note(
            "programs",
            Trouble::new(
                "tier tracepoint, without BTF: no bytes, no types of files, nothing outlives the agent",
                "use a kernel built with CONFIG_DEBUG_INFO_BTF=y for all of it (README, Without BTF)",
            ),
        )
        .answers(Entry::NoBtf),
        "hash" => Check::ok("programs", "tier hash, for Linux 5.8 to 5.12"),
        other => Check::ok("programs", format!("tier {other}")),
    }
}

fn check(tried: &receiver_ebpf::Tried, wanted: &Wanted) -> Check {
    let name = tried.sub_collector;
    let rung = tried.rung.unwrap_or_default();
    let attached =
        |trouble: &Trouble| Trouble::new(format!("attached by {rung}, but {}", trouble.what), &*trouble.mend);
    let mut check = match &tried.fate {
        Fate::Counted(event) => Check::ok(name, format!("attached by {rung}, {event} made and counted")),
        Fate::Unmade(trouble) => Check::note(name, attached(trouble)),
        Fate::Unseen(trouble) => Check::wrong(name, attached(trouble)),
        Fate::Unattached(Trouble { what, mend }) => {
            let alone =
                format!("the others go on; leave {} out of the pipelines, or see docs/kernels.md", tried.receiver);
            let mend = if mend.is_empty() { alone } else { mend.clone() };
            Check::wrong(name, Trouble::new(format!("Failed to load: {what}"), mend)).answers(Entry::about(what))
        }
    };
    if check.state == State::Wrong && !wanted.uses(tried.receiver) {
        check.state = State::Note;
        check.found.push_str(" (this configuration has no use for it)");
    }
    check
}
