//! The addresses that a configuration names, of the components that it uses.

use component::config::{Key, Node, Section, Value};
use component::{ComponentId, Endpoint, Factory};
use runtime::Config;

use crate::components::COMPONENTS;

/// What is done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Listen,
    Reach,
}

/// An address and who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its id, such as `otlp_grpc/backup`.
    pub(super) component: String,
    /// With the sections it stands in, such as `exporters::prometheus::endpoint`.
    pub(super) key: String,
    pub(super) address: String,
    pub(super) way: Way,
}

/// Keys that name an address; the later one counts where both are given.
const KEYS: [&str; 2] = ["endpoint", "metrics_endpoint"];

/// All of them, in the order of the file.
pub(super) fn of(config: &Config) -> Vec<Place> {
    let root = config.root();
    let mut places = of_group(root, "receivers", COMPONENTS.receivers);
    places.extend(of_group(root, "exporters", COMPONENTS.exporters));
    places.extend(of_group(root, "extensions", COMPONENTS.extensions));
    let telemetry = config.telemetry();
    let spans = telemetry.traces.iter().map(|one| ("traces", &one.target));
    let figures = telemetry.metrics.iter().map(|one| ("metrics", &one.target));
    places.extend(spans.chain(figures).map(|(what, target)| Place {
        component: format!("own {what}"),
        key: format!("service::telemetry::{what}"),
        address: target.url.clone(),
        way: Way::Reach,
    }));
    places
}

fn of_group<T>(root: &Node, group: &'static str, factories: &[&'static Factory<T>]) -> Vec<Place> {
    let used = used(root, group);
    let mut places = Vec::new();
    for (name, node) in entries(root.get(group).map(|entry| &entry.node)) {
        let Some(id) = name.parse::<ComponentId>().ok().filter(|_| used.iter().any(|one| one == name)) else {
            continue;
        };
        let is_it = |factory: &&&Factory<T>| {
            factory.component_type == id.component_type() || factory.alias == Some(id.component_type())
        };
        let Some(factory) = factories.iter().find(is_it) else { continue };
        let way = way(group, factory.component_type);
        let found = of_component(node, &Section::describe(factory.configure));
        places.extend(found.into_iter().map(|(path, address)| Place {
            component: name.to_owned(),
            key: format!("{group}::{name}::{}", path.replace('.', "::")),
            address,
            way,
        }));
    }
    places
}

/// Exporters push, but for the page that is there to be read; everything else serves.
fn way(group: &str, component_type: &str) -> Way {
    if group == "exporters" && component_type != "prometheus" { Way::Reach } else { Way::Listen }
}

/// Paths of keys and the addresses under them.
fn of_component(node: &Node, keys: &[Key]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for key in keys {
        let (section, last) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        if !KEYS.contains(&last) {
            continue;
        }
        // A protocol that is not named is not spoken.
        let mut parts = section.split('.').filter(|part| !part.is_empty());
        let Some(section) = parts.try_fold(node, |node, part| node.get(part).map(|entry| &entry.node)) else {
            continue;
        };
        let given = section.get(last).and_then(|entry| entry.node.text()).map(str::to_owned);
        let address = given.unwrap_or_else(|| key.default.trim_matches('"').to_owned());
        if !address.is_empty() {
            found.retain(|(path, _)| path != "endpoint" || key.path != KEYS[1]);
            found.push((key.path.clone(), address));
        }
    }
    found
}

/// Ids of `group` that a pipeline or the list of extensions has.
fn used(root: &Node, group: &str) -> Vec<String> {
    let service = root.get("service").map(|entry| &entry.node);
    let list = |node: Option<&Node>| -> Vec<String> {
        let node = node.and_then(|node| node.get(group)).map(|entry| entry.node.elements().into_owned());
        node.into_iter().flatten().filter_map(|item| item.text().map(str::to_owned)).collect()
    };
    let pipelines = service.and_then(|node| node.get("pipelines")).map(|entry| &entry.node);
    let of_pipelines = entries(pipelines).into_iter().flat_map(|(_, pipeline)| list(Some(pipeline)));
    list(service).into_iter().chain(of_pipelines).collect()
}

/// Types of the receivers that run.
pub(super) fn receiver_types(root: &Node) -> Vec<String> {
    let ids = used(root, "receivers").into_iter().filter_map(|id| id.parse::<ComponentId>().ok());
    ids.map(|id| id.component_type().to_owned()).collect()
}

/// The keys of the `ebpf` extension, where they are given.
pub(super) fn ebpf_extension(root: &Node) -> Option<&Node> {
    let of_type = |id: &str| id.parse::<ComponentId>().is_ok_and(|id| id.component_type() == "ebpf");
    let extensions = entries(root.get("extensions").map(|entry| &entry.node));
    extensions.into_iter().find(|(id, _)| of_type(id)).map(|(_, node)| node)
}

fn entries(node: Option<&Node>) -> Vec<(&str, &Node)> {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| (&*entry.key, &entry.node)).collect(),
        _ => Vec::new(),
    }
}

/// Where a URL or `host:port` leads.
pub(super) fn host_and_port(address: &str) -> Option<(String, u16)> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split(['/', '?']).next()?;
    let port = match scheme {
        "http" => 80,
        _ => 443,
    };
    let whole = Endpoint::parse(authority).or_else(|| Endpoint::parse(&format!("{authority}:{port}")))?;
    Some((whole.host, whole.port))
}

#[cfg(test)]
mod tests {
    use runtime::Source;

    use super::*;

    fn places(text: &'static str) -> Vec<(String, String, Way)> {
        let source = Source::Text { name: "test", text };
        let config = Config::load(&[source], &COMPONENTS).map_err(|faults| faults[0].to_string()).unwrap();
        of(&config).into_iter().map(|place| (place.key, place.address, place.way)).collect()
    }

    #[test]
    fn addresses_of_what_is_used_are_found_with_their_defaults() {
        let text = r#"
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:14317"}}}, otlp/idle: {protocols: {http: }}}
exporters:
  prometheus:
  otlp_grpc: {tls: {insecure: true}}
  otlp_http: {metrics_endpoint: "http://there:9/in"}
  otlp_http/idle:
extensions: {health_check: , zpages: }
service:
  extensions: [zpages]
  telemetry: {traces: {processors: [{batch: {exporter: {otlp: {protocol: grpc, endpoint: "http://far:1"}}}}]}}
  pipelines: {metrics: {receivers: [otlp], exporters: [prometheus, otlp_grpc, otlp_http]}}
"#;
        let place = |key: &str, address: &str, way| (key.to_owned(), address.to_owned(), way);
        assert_eq!(
            places(text),
            [
                place("receivers::otlp::protocols::grpc::endpoint", "localhost:14317", Way::Listen),
                place("exporters::prometheus::endpoint", "localhost:8888", Way::Listen),
                place("exporters::otlp_grpc::endpoint", "localhost:4317", Way::Reach),
                place("exporters::otlp_http::metrics_endpoint", "http://there:9/in", Way::Reach),
                place("extensions::zpages::endpoint", "localhost:55679", Way::Listen),
                place("service::telemetry::traces", "http://far:1", Way::Reach),
            ]
        );
    }

    #[test]
    fn urls_lead_to_a_host_and_a_port() {
        let to = |address| host_and_port(address).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(to("localhost:4317").as_deref(), Some("localhost 4317"));
        assert_eq!(to("http://there/v1/metrics").as_deref(), Some("there 80"));
        assert_eq!(to("https://there?key=1").as_deref(), Some("there 443"));
        assert_eq!(to("http://[::1]:4318/").as_deref(), Some("::1 4318"));
        assert_eq!(to("https://[::1]").as_deref(), Some("::1 443"));
    }
}
