//! Those who hold a connection and do not read, by the hundred, and one who reads.

use std::time::{Duration, SystemTime};

use pdata::AttributeValue;
use tokio::time::{sleep, timeout};

use super::*;
use crate::clients::{BUDGET, CONNECTIONS};

/// `families` metrics of so many streams that one is some 1.6 MB on a page.
fn large(families: usize) -> Arc<Batch> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap();
    let sets: Vec<_> = (0..250)
        .map(|id| {
            let text = format!("{id:0>6000}");
            Arc::new(Attributes::new(vec![("id", AttributeValue::Text(text.as_str().into()))]))
        })
        .collect();
    let metric = |number| {
        let descriptor = Descriptor {
            name: format!("m{number}").into(),
            unit: "".into(),
            description: "".into(),
            instrument: Instrument::Gauge,
            number: NumberKind::Unsigned,
            ..Default::default()
        };
        let point = |set: &Arc<Attributes>| Point { attributes: set.clone(), start: 1, time: now, bits: 42 };
        Metric { descriptor: Arc::new(descriptor), points: sets.iter().map(point).collect() }
    };
    let (resource, scope) = (Resource::default(), Scope::new("", ""));
    Arc::new(Batch::of(Arc::new(resource), Arc::new(scope), (0..families).map(metric).collect::<Vec<_>>()))
}

async fn started(batch: Arc<Batch>) -> (Prometheus, SocketAddr) {
    let mut exporter = named(0, Naming::Otel);
    exporter.start().await.unwrap();
    exporter.export(batch).await.unwrap();
    let address = exporter.server.as_ref().unwrap().addresses()[0];
    (exporter, address)
}

async fn scrape(address: SocketAddr) -> Vec<u8> {
    let answer = timeout(Duration::from_secs(50), request_with(address, "GET /metrics", b"")).await;
    answer.expect("less than a connection may take")
}

fn is_whole(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"0\r\n\r\n")
}

#[tokio::test]
async fn three_hundred_who_say_a_byte_at_a_time_do_not_keep_a_scraper_out() {
    let (exporter, address) = started(batch()).await;
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&b"GET /metrics HTTP/1.1\r\n"[..number % 20]).await.unwrap();
        silent.push(stream);
    }
    let slow = tokio::spawn(async move {
        loop {
            for stream in &mut silent {
                let _ = stream.write_all(b"x").await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    for _ in 0..3 {
        let answer = scrape(address).await;
        assert!(is_whole(&answer), "{}", String::from_utf8_lossy(&answer));
    }
    slow.abort();
    // Idle connections do not hold the shutdown up.
    let mut exporter = exporter;
    timeout(Duration::from_secs(30), exporter.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_hundred_who_read_nothing_take_no_memory_and_no_page_from_others() {
    let (mut exporter, address) = started(large(8)).await;
    let mut stalled = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stalled.push(stream);
    }
    for _ in 0..3 {
        let answer = scrape(address).await;
        assert!(is_whole(&answer) && answer.len() > 8 << 20, "{}", answer.len());
    }
    let peak = exporter.site.clients.peak();
    assert!(peak < BUDGET + (2 << 20), "{peak}");
    assert!(peak > BUDGET / 2, "they asked for more than there was: {peak}");
    timeout(Duration::from_secs(30), exporter.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_hundred_and_fifty_scrapers_at_once_all_get_their_page() {
    let (mut exporter, address) = started(large(1)).await;
    let scrapers: Vec<_> = (0..150).map(|_| tokio::spawn(scrape(address))).collect();
    assert!(scrapers.len() > CONNECTIONS);
    for scraper in scrapers {
        let answer = scraper.await.unwrap();
        assert!(is_whole(&answer) && answer.len() > 1 << 20, "{}", answer.len());
    }
    exporter.shutdown().await;
}
