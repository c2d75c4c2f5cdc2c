//! The data model: what moves on the edges of a pipeline.
//!
//! A [`Batch`] groups metrics by resource and scope; a [`Point`] is one value of
//! one stream, a [`HistogramPoint`] one distribution. An attribute set is built once per stream and shared by every
//! point of it from then on, so that a tick allocates nothing per point.
//! No I/O, no async.
#![forbid(unsafe_code)]

mod addition;
mod attributes;
mod batch;
mod histogram;
mod latest;
mod metric;
mod process;
mod seed;
mod slice;

pub use attributes::{Attribute, AttributeValue, Attributes, OwnAttributes};
pub use batch::{Batch, HistogramMetric, Metric, Metrics, Resource, ResourceMetrics, Scope, ScopeMetrics};
pub use histogram::{ExponentialHistogram, HistogramPoint};
pub use latest::{Latest, Source};
pub use metric::{Descriptor, Instrument, NumberKind, Point, UnixNanos};
pub use process::Process;
pub use seed::{SeedLabel, SeedName};
