//! deploy/grafana: a dashboard for each board and naming.

use std::collections::BTreeMap;

use exporter_prometheus::Naming;
use pdata::{Descriptor, Instrument};
use serde_json::{Value, json};

use super::promql::{self, Query};
use super::rows::{AGENT, Board, PROCESSES, Panel};
use super::{catalog, keep};

const COLUMNS: usize = 2;
const WIDTH: usize = 24 / COLUMNS;
const HEIGHT: usize = 8;

#[test]
fn dashboards_are_those_of_the_catalog() {
    for (naming, suffix, words) in [(Naming::Seed, "", ""), (Naming::Otel, "-otel", " (naming: otel)")] {
        for board in [&PROCESSES, &AGENT] {
            let text = serde_json::to_string_pretty(&dashboard(board, naming, suffix, words)).unwrap();
            keep(&format!("deploy/grafana/{}{suffix}.json", board.uid), &format!("{text}\n"));
        }
    }
}

#[test]
fn every_metric_is_on_one_panel() {
    let mut shown: Vec<&str> =
        [&PROCESSES, &AGENT].into_iter().flat_map(|board| board.rows).flat_map(metrics).collect();
    let all = catalog();
    let mut wanted: Vec<&str> = all.iter().map(|metric| &*metric.name).collect();
    shown.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(shown, wanted, "rows.rs says where a metric stands");
}

fn metrics(row: &(&'static str, &'static [Panel])) -> Vec<&'static str> {
    let name = |panel: &Panel| match panel {
        Panel::Of(name, _) => Some(*name),
        Panel::Ratio(..) => None,
    };
    row.1.iter().filter_map(name).collect()
}

fn dashboard(board: &Board, naming: Naming, suffix: &str, words: &str) -> Value {
    let all = catalog();
    let by_name: BTreeMap<&str, &Descriptor> = all.iter().map(|metric| (&*metric.name, metric)).collect();
    let mut panels = Vec::new();
    let mut y = 0;
    for (title, row) in board.rows {
        let at = json!({"x": 0, "y": y, "w": 24, "h": 1});
        panels.push(json!({"id": panels.len() + 1, "type": "row", "title": title, "collapsed": false, "gridPos": at, "panels": []}));
        y += 1;
        for (place, panel) in row.iter().enumerate() {
            let at = json!({"x": place % COLUMNS * WIDTH, "y": y + place / COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT});
            panels.push(drawn(panel, &by_name, naming, board.processes, panels.len() + 1, &at));
        }
        y += row.len().div_ceil(COLUMNS) * HEIGHT;
    }
    json!({
        "uid": format!("{}{suffix}", board.uid),
        "title": format!("{}{words}", board.title),
        "description": "Made of the metric catalog: make docs writes it anew.",
        "tags": ["tfo-agent"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["tfo-agent"], "title": "tfo-agent", "asDropdown": true, "includeVars": true, "keepTime": true}],
        "templating": {"list": variables(board, by_name["ebpf.syscalls"], naming)},
        "panels": panels,
    })
}

fn drawn(
    panel: &Panel,
    by_name: &BTreeMap<&str, &Descriptor>,
    naming: Naming,
    processes: bool,
    id: usize,
    at: &Value,
) -> Value {
    let (title, description, queries): (String, String, Vec<Query>) = match panel {
        Panel::Of(name, by) => {
            let metric = by_name[name];
            (title_of(metric), metric.description.to_string(), promql::of(metric, by, naming, processes))
        }
        Panel::Ratio(title, top, bottom, by) => {
            let query = promql::ratio(by_name[top], by_name[bottom], by, naming, processes);
            ((*title).to_owned(), format!("{top} by {bottom}"), query.into_iter().collect())
        }
    };
    let targets = queries.iter().zip('A'..='Z').map(|(query, letter)| {
        json!({"refId": letter.to_string(), "expr": query.expression, "legendFormat": query.legend, "datasource": source()})
    });
    json!({
        "id": id,
        "type": "timeseries",
        "title": title,
        "description": description,
        "gridPos": at,
        "datasource": source(),
        "fieldConfig": {
            "defaults": {"unit": queries[0].unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never", "spanNulls": false}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn title_of(metric: &Descriptor) -> String {
    match (metric.instrument, &*metric.unit) {
        (Instrument::ExponentialHistogram, _) => format!("{}, 99 of 100 are below", metric.name),
        (Instrument::Counter, _) if metric.name.contains("uptime") => metric.name.to_string(),
        (Instrument::Counter, "s") => format!("{}, seconds a second", metric.name),
        (Instrument::Counter, _) => format!("{} a second", metric.name),
        _ => metric.name.to_string(),
    }
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables(board: &Board, calls: &Descriptor, naming: Naming) -> Vec<Value> {
    let query = |name: &str, label: &str, query: String| {
        json!({
            "name": name, "label": label, "type": "query", "datasource": source(), "refresh": 2, "sort": 1,
            "query": {"query": query, "refId": name}, "definition": query,
            "multi": true, "includeAll": true, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
        })
    };
    let mut list = vec![
        json!({"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}),
        query("instance", "Host", "label_values(tfo_ebpf_attached, instance)".to_owned()),
    ];
    if board.processes {
        let (family, comm) = (naming.families(calls).remove(0).0, promql::comm(naming));
        list.push(query("comm", "Process", format!("label_values({family}{{instance=~\"$instance\"}}, {comm})")));
        let options = ["5", "10", "20", "50"].map(|n| json!({"text": n, "value": n, "selected": n == "10"}));
        let current = json!({"text": "10", "value": "10"});
        list.push(json!({"name": "top", "label": "At most", "type": "custom", "query": "5,10,20,50", "options": options, "current": current}));
    }
    list
}
