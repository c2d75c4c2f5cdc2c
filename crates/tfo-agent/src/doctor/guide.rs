//! The troubleshooting entries of the operations guide. Each is an answer of `doctor` where it applies.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    NotMounted,
    NotPermitted,
    NoBtf,
    FailedToLoad,
    NotLinux,
}

impl Entry {
    /// Its heading in the guide.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::NotMounted => "\"BPF filesystem not mounted\"",
            Self::NotPermitted => "\"Operation not permitted\" loading BPF programs",
            Self::NoBtf => "\"BTF not available\" / CO-RE relocation errors",
            Self::FailedToLoad => "Sub-collector reports \"Failed to load\"",
            Self::NotLinux => "No metrics on non-Linux",
        }
    }

    /// Which of them is about what a sub-collector could not be attached for.
    pub(super) fn about(what: &str) -> Self {
        if what.starts_with("Operation not permitted") {
            Self::NotPermitted
        } else if ["BTF", "btf_path", "CO-RE"].iter().any(|word| what.starts_with(word)) {
            Self::NoBtf
        } else {
            Self::FailedToLoad
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_troubleshooting_entry_of_the_guide_is_an_answer_and_no_other() {
        let guide = include_str!("../../tests/doctor/troubleshooting.md");
        let headings: Vec<_> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let all = [Entry::NotMounted, Entry::NotPermitted, Entry::NoBtf, Entry::FailedToLoad, Entry::NotLinux];
        assert_eq!(headings, all.map(Entry::heading));
    }

    #[test]
    fn what_a_sub_collector_failed_for_leads_to_the_entry_about_it() {
        for (what, entry) in [
            ("Operation not permitted loading BPF programs: missing CAP_BPF", Entry::NotPermitted),
            ("BTF not available: /sys/kernel/btf/vmlinux does not exist", Entry::NoBtf),
            ("btf_path /x: No such file", Entry::NoBtf),
            ("CO-RE relocation of program tfo_switch failed", Entry::NoBtf),
            ("tracepoint sched/sched_switch: this kernel has no such tracepoint", Entry::FailedToLoad),
        ] {
            assert_eq!(Entry::about(what), entry, "{what}");
        }
    }
}
