//! What a configuration needs of the machine: ports to listen at, far sides that answer, the pin path.

mod holder;
mod places;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use component::Endpoint;
use component::config::Node;
use receiver_ebpf::Trouble;
use runtime::Config;
use tokio::net::{TcpStream, UnixStream};

use super::report::Check;
use places::{Place, Way};

/// A far side that says nothing for so long is not reached.
const PATIENCE: Duration = Duration::from_secs(3);

/// What of a configuration the other checks ask for; without one, the defaults.
pub(super) struct Wanted {
    /// Keys of the `ebpf` extension.
    pub(super) extension: Option<Node>,
    pub(super) pin_path: PathBuf,
    /// Types of the receivers that run; all where there is no configuration.
    receivers: Option<Vec<String>>,
}

impl Wanted {
    pub(super) fn of(config: Option<&Config>) -> Self {
        let root = config.map(Config::root);
        let extension = root.and_then(places::ebpf_extension).cloned();
        let pin_path = extension.as_ref().and_then(|node| node.get("pin_path")?.node.text());
        let pin_path = pin_path.unwrap_or(receiver_ebpf::DEFAULT_PIN_PATH).into();
        Self { extension, pin_path, receivers: root.map(places::receiver_types) }
    }

    /// Whether receivers of that type run.
    pub(super) fn uses(&self, receiver: &str) -> bool {
        self.receivers.as_ref().is_none_or(|types| types.iter().any(|each| each == receiver))
    }
}

/// Every address that `config` names.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let places = places::of(config);
    if places.is_empty() {
        return vec![Check::ok("addresses", "none to listen at, none to reach")];
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Check::wrong("addresses", Trouble::new(error.to_string(), ""))],
    };
    runtime.block_on(async {
        let mut checks = Vec::new();
        for place in &places {
            checks.push(match place.way {
                Way::Listen => listen(place).await,
                Way::Reach => reach(place).await,
            });
        }
        checks
    })
}

/// Tries to listen there for a moment.
async fn listen(place: &Place) -> Check {
    let address = &place.address;
    let Some(endpoint) = Endpoint::parse(address) else {
        return Check::wrong(&*place.component, Trouble::new(format!("{address:?} is no host:port"), ""));
    };
    match endpoint.listen().await {
        Ok(_) => Check::ok(&*place.component, format!("{address} is free to listen at")),
        Err(error) => match holder::of(endpoint.port) {
            Some((pid, name)) if name == "tfo-agent" => {
                Check::ok(&*place.component, format!("{address} is held by a tfo-agent that runs, pid {pid}"))
            }
            Some((pid, name)) => {
                let mend = format!("change {}, or stop {name} (pid {pid})", place.key);
                Check::wrong(&*place.component, Trouble::new(format!("{error}, by {name} (pid {pid})"), mend))
            }
            None => {
                let advice = error.advise(&place.key);
                let (what, mend) = advice.split_once("; ").unwrap_or((&*advice, ""));
                Check::wrong(&*place.component, Trouble::new(what, mend))
            }
        },
    }
}

/// Tries to connect; what is said over the connection is not tried.
async fn reach(place: &Place) -> Check {
    let address = &place.address;
    let connected = tokio::time::timeout(PATIENCE, connect(address)).await;
    let failure = match connected {
        Ok(Ok(())) => return Check::ok(&*place.component, format!("{address} takes connections")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let what = format!("{address} is not reached: {failure}");
    Check::wrong(&*place.component, Trouble::new(what, format!("start what listens there, or change {}", place.key)))
}

async fn connect(address: &str) -> io::Result<()> {
    if let Some(path) = address.strip_prefix("unix://") {
        return UnixStream::connect(path).await.map(drop);
    }
    let (host, port) = places::host_and_port(address).ok_or_else(|| io::Error::other("it has no port"))?;
    TcpStream::connect((host.as_str(), port)).await.map(drop)
}
