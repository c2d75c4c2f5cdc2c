//! What is on a page when.

use pdata::{AttributeValue, Attributes, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope};

use super::*;
use crate::naming::Naming;
use crate::tests::options;

fn batch(id: i64, time: UnixNanos) -> Batch {
    let descriptor = Descriptor {
        name: "m".into(),
        unit: "".into(),
        description: "".into(),
        instrument: Instrument::Gauge,
        number: NumberKind::Unsigned,
        ..Default::default()
    };
    let attributes = Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]));
    let points = vec![Point { attributes, start: time, time, bits: 1 }];
    let (resource, scope) = (Resource::default(), Scope::new("", ""));
    Batch::of(
        Arc::new(resource),
        Arc::new(scope),
        vec![Metric { descriptor: Arc::new(descriptor), points: points.into() }],
    )
}

fn text(mut page: Page) -> String {
    let mut text = String::new();
    let mut context = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut page).poll_frame(&mut context) {
        text.push_str(str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    text
}

fn reader() -> Reader {
    Reader { client: Arc::default(), clients: Clients::new() }
}

#[test]
fn streams_not_updated_for_the_expiration_leave_the_page() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let held = Held::new(options(Naming::Otel), Duration::from_secs(300), 100);
    held.merge(Arc::new(batch(1, 1_000_000_000_000)), at(1000));
    held.merge(Arc::new(batch(2, 1_200_000_000_000)), at(1200));
    assert!(text(held.page(Format::TEXT, at(1300), reader())).contains("id=\"1\""));
    assert_eq!(text(held.page(Format::TEXT, at(1301), reader())), "# TYPE m gauge\nm{id=\"2\"} 1\n");
    let begun = held.page(Format::TEXT, at(1301), reader());
    held.merge(Arc::default(), at(1501));
    assert_eq!(text(begun), "", "it expired while the page was being sent");
}
