//! The detectors: all of them read what lies about on this machine, none asks over a network.

use std::fs;
use std::path::PathBuf;

use pdata::{Attribute, AttributeValue};

use crate::container::{CONTAINER_ID, container_id};

/// A machine: its files, and the environment of the agent.
pub(super) struct Host {
    pub(super) root: PathBuf,
    pub(super) variable: fn(&str) -> Option<String>,
}

impl Host {
    pub(super) fn this() -> Self {
        Self { root: PathBuf::from("/"), variable: |name| std::env::var(name).ok() }
    }

    /// What a file has in it, without the blanks around it; `None` where there is none.
    fn file(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn set(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.variable)(name).filter(|value| !value.is_empty()))
    }
}

type Detector = fn(&Host) -> Vec<Attribute>;

/// By name, as configuration has them.
pub(super) const DETECTORS: [(&str, Detector); 5] =
    [("env", env), ("system", system), ("process", process), ("container", container), ("k8s", k8s)];

fn text(key: &'static str, value: Option<String>) -> Option<Attribute> {
    Some((key.into(), AttributeValue::Text(value?.into())))
}

/// `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`, values with `%XX` for what would not fit.
fn env(host: &Host) -> Vec<Attribute> {
    let list = host.set(&["OTEL_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE"]).unwrap_or_default();
    let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs: Option<Vec<(String, String)>> = pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            (!key.is_empty()).then(|| Some((key.to_owned(), percent_decoded(value)?)))?
        })
        .collect();
    let Some(pairs) = pairs else {
        // As OpenTelemetry has it: all of it or nothing.
        tracing::warn!("OTEL_RESOURCE_ATTRIBUTES is no list of key=value, and left out");
        return vec![];
    };
    pairs.into_iter().map(|(key, value)| (key.into(), AttributeValue::Text(value.into()))).collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn system(host: &Host) -> Vec<Attribute> {
    let release = host.file("etc/os-release").or_else(|| host.file("usr/lib/os-release")).unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = host.file("proc/sys/kernel/osrelease");
    let description = match (pretty.map(|name| name.trim_matches(['"', '\''])), kernel) {
        (Some(name), Some(kernel)) => Some(format!("{name} (Linux {kernel})")),
        (name, kernel) => name.map(str::to_owned).or(kernel.map(|kernel| format!("Linux {kernel}"))),
    };
    [
        text("host.name", host.file("proc/sys/kernel/hostname")),
        text("host.id", host.file("etc/machine-id").or_else(|| host.file("var/lib/dbus/machine-id"))),
        Some(("host.arch".into(), AttributeValue::Static(arch()))),
        Some(("os.type".into(), AttributeValue::Static("linux"))),
        text("os.description", description),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// By OpenTelemetry's names.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "x86",
        "arm" => "arm32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// The agent itself.
fn process(host: &Host) -> Vec<Attribute> {
    let path = fs::read_link(host.root.join("proc/self/exe")).ok();
    let name = path.as_ref().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let pid = ("process.pid".into(), AttributeValue::Int(std::process::id().into()));
    let path = path.map(|path| path.to_string_lossy().into_owned());
    [Some(pid), text("process.executable.name", name), text("process.executable.path", path)]
        .into_iter()
        .flatten()
        .collect()
}

/// The container that the agent is in: by its cgroup, or where that is hidden, by what is mounted in it.
fn container(host: &Host) -> Vec<Attribute> {
    let cgroup = host.file("proc/self/cgroup").unwrap_or_default();
    let of_cgroup = cgroup.lines().find_map(|line| container_id(line.splitn(3, ':').nth(2)?));
    let mounts = host.file("proc/self/mountinfo").unwrap_or_default();
    // The runtime keeps /etc/hostname of each container in a directory named by it.
    let of_mounts = || {
        let of_file = |line: &str| line.split(' ').nth(4).is_some_and(|place| place == "/etc/hostname");
        let line = mounts.lines().find(|line| of_file(line))?;
        container_id(line.split(' ').nth(3)?)
    };
    let id = of_cgroup.or_else(of_mounts).map(str::to_owned);
    text(CONTAINER_ID, id).into_iter().collect()
}

/// What the downward API puts into the environment.
fn k8s(host: &Host) -> Vec<Attribute> {
    let of = |key, names: &[&str]| text(key, host.set(names));
    [
        of("k8s.node.name", &["K8S_NODE_NAME", "KUBE_NODE_NAME"]),
        of("k8s.pod.name", &["K8S_POD_NAME"]),
        of("k8s.pod.uid", &["K8S_POD_UID"]),
        of("k8s.namespace.name", &["K8S_NAMESPACE", "K8S_NAMESPACE_NAME"]),
        of("k8s.container.name", &["K8S_CONTAINER_NAME"]),
        of("k8s.cluster.name", &["K8S_CLUSTER_NAME"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
