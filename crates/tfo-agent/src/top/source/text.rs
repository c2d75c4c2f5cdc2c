//! A Prometheus page, line by line: the agent's names or OpenTelemetry's, whatever suffixes they have.
//!
//! Nothing of the page is kept, so that it may be of any length.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use pdata::Attributes;

use crate::top::figures::{Group, ORIGINS, Origin, Place, Spread};
use crate::top::reading::{OWN_ORIGINS, Own, Reading, Time, Who};

/// What samples of one name are.
#[derive(Debug)]
enum Meaning {
    Nothing,
    /// Each origin takes those that it says; of one that the name speaks for already, all. Times `scale` it is seconds.
    Numbers(Vec<(&'static Origin, bool)>, f64),
    Buckets(Group, Spread),
    Own(Own),
}

/// Reads a page as it comes.
pub(super) struct Parser {
    reading: Reading,
    /// When it was asked for: the time of samples that have none.
    now: Time,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    meanings: HashMap<String, Arc<Meaning>>,
    last: (String, Arc<Meaning>),
    /// The stream whose buckets come, and what the last one held with those below it.
    below: (u64, u64),
    who: Who,
}

/// A line that is longer is none of ours.
const LONGEST: usize = 64 << 10;
/// No page of ours has more names.
const MOST_NAMES: usize = 10_000;

impl Parser {
    pub(super) fn new(now: Time) -> Self {
        Self {
            reading: Reading::default(),
            now,
            rest: Vec::new(),
            meanings: HashMap::new(),
            last: (String::new(), Arc::new(Meaning::Nothing)),
            below: (0, 0),
            who: Who::Nobody,
        }
    }

    /// Takes the next bytes of the page.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if self.rest.is_empty() {
                self.line(&bytes[..end]);
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line);
                line.clear();
                self.rest = line;
            }
            bytes = &bytes[end + 1..];
        }
        if self.rest.len() + bytes.len() > LONGEST {
            // As good as a comment.
            self.rest = vec![b'#'];
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// All that was on it.
    pub(super) fn finish(mut self) -> Reading {
        let rest = std::mem::take(&mut self.rest);
        self.line(&rest);
        self.reading
    }

    fn line(&mut self, line: &[u8]) {
        if let Ok(line) = str::from_utf8(line)
            && !line.starts_with('#')
        {
            // What cannot be read is not of an agent, and nothing that is shown.
            let _ = self.sample(line);
        }
    }

    fn sample(&mut self, line: &str) -> Option<()> {
        let end = line.find(['{', ' '])?;
        let meaning = self.meaning(&line[..end]);
        if let Meaning::Nothing = *meaning {
            return None;
        }
        let (labels, rest) = Labels::read(&line[end..])?;
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = words.next()?.parse().ok()?;
        let millis = words.next().and_then(|word| word.parse::<u64>().ok());
        let time = millis.map_or(self.now, |millis| millis.saturating_mul(1_000_000));
        if !value.is_finite() {
            return None;
        }
        match &*meaning {
            Meaning::Nothing => {}
            Meaning::Own(own) => self.reading.own(*own, time, value),
            Meaning::Numbers(origins, scale) => {
                self.set_who(&labels);
                for (origin, whole) in origins {
                    let fits = |(key, wanted)| labels.get(key).is_some_and(|value| value == wanted);
                    if *whole || origin.only.is_none_or(fits) {
                        self.reading.number(origin, &self.who, time, value * scale);
                    }
                }
            }
            Meaning::Buckets(group, spread) => {
                let edge: f64 = labels.get("le")?.parse().ok()?;
                let stream = labels.hash_without("le");
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                let count = value as u64;
                let below = if self.below.0 == stream { self.below.1 } else { 0 };
                self.below = (stream, count);
                self.set_who(&labels);
                let place = (*group, *spread);
                self.reading.observed(place, &self.who, time, edge, count.saturating_sub(below));
            }
        }
        Some(())
    }

    /// Lines of one process follow each other, so that it is seldom another.
    fn set_who(&mut self, labels: &Labels<'_>) {
        let process = || Some((labels.get(Attributes::PID)?.parse().ok()?, labels.get(Attributes::COMM)?));
        match process() {
            Some((pid, comm)) => {
                if !matches!(&self.who, Who::Process { pid: known, comm: name } if *known == pid && **name == *comm) {
                    self.who = Who::Process { pid, comm: comm.into() };
                }
            }
            None if labels.get(Attributes::OVERFLOW).is_some() => self.who = Who::Overflow,
            None => self.who = Who::Nobody,
        }
    }

    fn meaning(&mut self, name: &str) -> Arc<Meaning> {
        if self.last.0 != name {
            let known = self.meanings.get(name).cloned();
            let meaning = known.unwrap_or_else(|| Arc::new(meaning(name)));
            if self.meanings.len() < MOST_NAMES {
                self.meanings.insert(name.to_owned(), meaning.clone());
            }
            self.last = (name.to_owned(), meaning);
            self.below = (0, 0);
        }
        self.last.1.clone()
    }
}

fn meaning(name: &str) -> Meaning {
    let guide: Vec<_> = ORIGINS.iter().filter(|origin| origin.guide == Some(name)).collect();
    if !guide.is_empty() {
        let scale = if name.ends_with("_ns") { 1e-9 } else { 1.0 };
        return Meaning::Numbers(guide.into_iter().map(|origin| (origin, !origin.labelled)).collect(), scale);
    }
    let buckets = name.strip_suffix("_bucket");
    let plain = plain(buckets.unwrap_or(name));
    let mut numbers = Vec::new();
    for origin in ORIGINS.iter().filter(|origin| self::plain(origin.metric) == plain) {
        match (origin.place, buckets) {
            (Place::Buckets(spread), Some(_)) => return Meaning::Buckets(origin.group, spread),
            (Place::Number(_), None) => numbers.push((origin, false)),
            _ => {}
        }
    }
    if !numbers.is_empty() {
        return Meaning::Numbers(numbers, 1.0);
    }
    let own = OWN_ORIGINS.iter().find(|(metric, _)| buckets.is_none() && self::plain(metric) == plain);
    own.map_or(Meaning::Nothing, |(_, own)| Meaning::Own(*own))
}

/// A name without what the ways of translating it put around it.
fn plain(name: &str) -> String {
    let name = name.replace('.', "_");
    let name = name.strip_prefix("tfo_").unwrap_or(&name);
    let name = name.strip_suffix("_total").unwrap_or(name);
    ["_seconds", "_bytes"].iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name).to_owned()
}

/// The labels of a sample, in their order.
struct Labels<'l>(Vec<(&'l str, Cow<'l, str>)>);

impl<'l> Labels<'l> {
    /// What `text` begins with, and what follows.
    fn read(text: &'l str) -> Option<(Self, &'l str)> {
        let mut labels = Vec::new();
        let Some(mut rest) = text.strip_prefix('{') else { return Some((Self(labels), text)) };
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(rest) = rest.strip_prefix('}') {
                return Some((Self(labels), rest));
            }
            let (name, value) = rest.split_once("=\"")?;
            let end = end_of_text(value)?;
            labels.push((name, unescaped(&value[..end])));
            rest = &value[end + 1..];
        }
    }

    /// The value of a label, or of that which shows an attribute.
    fn get(&self, key: &str) -> Option<&str> {
        let is = |label: &str| label == key || shows(label, key) || guide_label(key) == Some(label);
        self.0.iter().find(|(label, _)| is(label)).map(|(_, value)| &**value)
    }

    fn hash_without(&self, label: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.iter().filter(|(name, _)| *name != label).for_each(|pair| pair.hash(&mut hasher));
        hasher.finish().max(1)
    }
}

/// Whether a label is an attribute's key, its dots made underscores.
fn shows(label: &str, key: &str) -> bool {
    label.len() == key.len() && label.bytes().zip(key.bytes()).all(|(a, b)| a == b || a == b'_' && b == b'.')
}

/// What the operations guide calls an attribute.
fn guide_label(key: &str) -> Option<&'static str> {
    Some(match key {
        Attributes::PID => "pid",
        Attributes::COMM => "comm",
        Attributes::OVERFLOW => "overflow",
        "ebpf.file.operation" => "operation",
        _ => return None,
    })
}

/// Where the quote stands that ends a text.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let (mut plain, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next().map(|letter| if letter == 'n' { '\n' } else { letter })),
            letter => plain.push(letter),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::figures::Figure;

    fn read(text: &str, piece: usize) -> Reading {
        let mut parser = Parser::new(9_000_000);
        text.as_bytes().chunks(piece).for_each(|piece| parser.take(piece));
        parser.finish()
    }

    const PAGE: &str = r#"# HELP tfo_ebpf_syscall_count Syscalls.
# TYPE tfo_ebpf_syscall_count counter
tfo_ebpf_syscall_count{pid="7",comm="a \"b\\",syscall="read"} 10 5
tfo_ebpf_syscall_count{pid="7",comm="a \"b\\",syscall="write"} 32 5
tfo_ebpf_syscall_count{overflow="true",syscall="read"} 3 5
tfo_ebpf_syscall_latency_ns{pid="7",comm="a \"b\\",syscall="read"} 1500000000 5
tfo_ebpf_fileio_bytes{pid="7",comm="a \"b\\",operation="read"} 100 6
tfo_ebpf_fileio_bytes{pid="7",comm="a \"b\\",operation="write"} 11 6
tfo_ebpf_tcp_bytes_sent{pid="7",comm="a \"b\\"} 5 6
tfo_process_network_io_bytes_total{pid="7",comm="a \"b\\",network_io_direction="transmit",network_transport="udp"} 2 6
tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="a \"b\\",ebpf_syscall_name="read",le="1"} 4 5
tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="a \"b\\",ebpf_syscall_name="read",le="2"} 9 5
tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="a \"b\\",ebpf_syscall_name="read",le="+Inf"} 9 5
tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="a \"b\\",ebpf_syscall_name="write",le="1"} 1 5
tfo_ebpf_syscall_duration_seconds_count{pid="7",comm="a \"b\\",ebpf_syscall_name="read"} 9 5
otelcol_process_cpu_seconds 1.5
tfo_ebpf_loss_total{reason="task_gone"} 4 5
tfo_ebpf_loss_total{reason="recursion"} 2 5
something_else{x="y"} NaN
broken{ 7
"#;

    #[test]
    fn a_page_is_read_whatever_pieces_it_comes_in() {
        for piece in [1, 7, 4096] {
            let reading = read(PAGE, piece);
            let row = &reading.rows[&Who::Process { pid: 7, comm: "a \"b\\".into() }];
            let numbers = [Figure::Calls, Figure::CallTime, Figure::Read, Figure::Written, Figure::Sent];
            assert_eq!(numbers.map(|figure| row.of(figure)), [42.0, 1.5, 100.0, 11.0, 7.0]);
            let calls = &row.spreads[Spread::Calls as usize];
            assert!(calls.quantile(0.5).unwrap() <= 1.0 && calls.quantile(0.6).unwrap() > 1.0, "{calls:?}");
            assert!(calls.quantile(1.0).unwrap() <= 2.000_001, "nothing lies beyond: {calls:?}");
            assert_eq!(reading.times(), [5_000_000, 6_000_000, 6_000_000, 0, 0]);
            assert!((reading.rows[&Who::Overflow].of(Figure::Calls) - 3.0).abs() < f64::EPSILON);
            assert_eq!((reading.agent.get(Own::Cpu), reading.agent.get(Own::Loss)), (Some(1.5), Some(6.0)));
        }
    }

    #[test]
    fn names_are_known_whatever_is_put_around_them() {
        for name in ["ebpf_syscalls_total", "ebpf_syscalls", "ebpf.syscalls", "tfo_ebpf_syscalls_total"] {
            assert!(matches!(meaning(name), Meaning::Numbers(origins, _) if origins[0].0.metric == "ebpf.syscalls"));
        }
        assert!(matches!(meaning("process_paging_faults_total"), Meaning::Numbers(origins, _) if origins.len() == 2));
        assert!(matches!(meaning("ebpf_syscall_duration_seconds_bucket"), Meaning::Buckets(..)));
        assert!(matches!(meaning("otelcol_process_cpu_seconds_total"), Meaning::Own(Own::Cpu)));
        for name in ["ebpf_syscall_duration_seconds_count", "tfo_ebpf_memory_minor_faults", "go_threads", ""] {
            assert!(matches!(meaning(name), Meaning::Nothing), "{name}");
        }
    }

    #[test]
    fn what_is_no_page_does_no_harm() {
        let text = "\u{0}{}{{\"\\\n".repeat(100) + &"x".repeat(LONGEST * 2);
        assert_eq!(read(&text, 1000).known, 0);
        for cut in 0..PAGE.len() {
            if PAGE.is_char_boundary(cut) {
                read(&PAGE[cut..], 100);
                read(&PAGE[..cut], 100);
            }
        }
    }
}
