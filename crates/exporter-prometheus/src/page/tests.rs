//! What is on a page when.

use pdata::{
    AttributeValue, Attributes, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope, UnixNanos,
};

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
    let held = Held::new(options(Naming::Otel), Duration::from_secs(300), 100);
    let at = |seconds| held.epoch + Duration::from_secs(seconds);
    held.merge(Arc::new(batch(1, 1_000_000_000_000)), at(1000));
    held.merge(Arc::new(batch(2, 1_200_000_000_000)), at(1200));
    assert!(text(held.page(Format::TEXT, at(1300), reader())).contains("id=\"1\""));
    assert_eq!(text(held.page(Format::TEXT, at(1301), reader())), "# TYPE m gauge\nm{id=\"2\"} 1\n");
    let begun = held.page(Format::TEXT, at(1301), reader());
    held.merge(Arc::default(), at(1501));
    assert_eq!(text(begun), "", "it expired while the page was being sent");
}

#[test]
fn a_point_stays_for_the_expiration_after_it_came_whatever_its_own_time_is() {
    let at = |held: &Held, seconds| held.epoch + Duration::from_secs(seconds);
    // Nobody said, long ago, and by a clock that is fast.
    for time in [0, 1_000_000_000, UnixNanos::MAX] {
        let held = Held::new(options(Naming::Otel), Duration::from_secs(300), 100);
        held.merge(Arc::new(batch(1, time)), at(&held, 1000));
        held.merge(Arc::default(), at(&held, 1100));
        assert_eq!(text(held.page(Format::TEXT, at(&held, 1300), reader())), "# TYPE m gauge\nm{id=\"1\"} 1\n");
        assert_eq!(text(held.page(Format::TEXT, at(&held, 1301), reader())), "");
    }
}
