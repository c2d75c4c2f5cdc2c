//! The constants of the programs: what is collected, and the numbers that the machine's calls have.

use super::verdicts::Judges;
use super::{HostConfig, Reading};
use crate::calls;
use crate::collectors;
use crate::kernel::Setting;

/// All settings by their names in the object.
pub(super) fn of(config: &HostConfig, readings: &[Reading], judges: &Judges) -> Vec<(&'static str, Setting)> {
    let mut settings = vec![
        ("filtering", Setting::Flag(judges.filter_in_kernel())),
        ("sample_rate", Setting::U32(config.sample_rate)),
    ];
    for collector in collectors::ALL {
        let mut readings = readings.iter().filter(|reading| reading.collector.name == collector.name).peekable();
        settings.push((collector.setting, Setting::Flag(readings.peek().is_some())));
        if let Some(histograms) = collector.histograms {
            settings.push((histograms, Setting::Flag(readings.any(|reading| reading.histograms))));
        }
    }
    settings.extend(calls::settings());
    settings
}
