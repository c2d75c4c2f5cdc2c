//! The data model: what moves on the edges of a pipeline.
//!
//! A [`Batch`] groups metrics by resource and scope; a [`Point`] is one value of
//! one stream, a [`HistogramPoint`] one distribution. What OTLP can say of metrics fits, but for exemplars, which are
//! left out. An attribute set is built once per stream and shared by every
//! point of it from then on, so that a tick allocates nothing per point.
//! No I/O, no async.
#![forbid(unsafe_code)]

mod addition;
mod assembly;
mod attributes;
mod batch;
mod difference;
mod distribution;
mod families;
mod histogram;
mod key;
mod kind;
mod latest;
mod metric;
mod overflow;
mod points;
mod process;
mod sample;
mod seed;
mod series;
mod shrink;
mod slice;
mod value;
pub mod wire;

pub use attributes::{Attribute, Attributes, OwnAttributes, StaticAttribute, owning};
pub use batch::{Batch, HistogramMetric, Metric, Metrics, Resource, ResourceMetrics, Scope, ScopeMetrics};
pub use difference::{Differences, Limits, Since};
pub use distribution::{Distribution, ExplicitHistogram, HistogramPoint, Summary};
pub use histogram::{ExponentialHistogram, Extras};
pub use key::Key;
pub use latest::{Latest, MetricKey, Source};
pub use metric::{Descriptor, Instrument, NumberKind, Point, Temporality, UnixNanos};
pub use overflow::Overflow;
pub use points::{Points, ReadPoints};
pub use process::Process;
pub use sample::Sample;
pub use seed::{SeedLabel, SeedName};
pub use shrink::{Acknowledged, Known, Room, Shrunk};
pub use value::{AttributeValue, Value, base64};
