//! Where what is kept of numbers and of distributions stands side by side: which of the two a point is of.

use crate::difference::{Differences, Streams};
use crate::families::Families;
use crate::overflow::{Overflow, Spill};
use crate::series::Series;
use crate::{HistogramPoint, Latest, Metric, Point, Sample, ScopeMetrics};

/// A kind of points.
pub(crate) trait Kind: Sample {
    fn of_latest(latest: &mut Latest) -> &mut Families<Series<Self>>;
    fn of_overflow(overflow: &Overflow) -> &Families<Spill<Self>>;
    fn of_overflow_mut(overflow: &mut Overflow) -> &mut Families<Spill<Self>>;
    fn of_differences(differences: &Differences) -> &Families<Streams<Self>>;
    fn of_differences_mut(differences: &mut Differences) -> &mut Families<Streams<Self>>;
    fn of_scope(scope: &mut ScopeMetrics) -> &mut Vec<Metric<Self>>;
}

macro_rules! kind {
    ($point:ty, $field:ident, $metrics:ident) => {
        impl Kind for $point {
            fn of_latest(latest: &mut Latest) -> &mut Families<Series<Self>> {
                &mut latest.$field
            }

            fn of_overflow(overflow: &Overflow) -> &Families<Spill<Self>> {
                &overflow.$field
            }

            fn of_overflow_mut(overflow: &mut Overflow) -> &mut Families<Spill<Self>> {
                &mut overflow.$field
            }

            fn of_differences(differences: &Differences) -> &Families<Streams<Self>> {
                &differences.$field
            }

            fn of_differences_mut(differences: &mut Differences) -> &mut Families<Streams<Self>> {
                &mut differences.$field
            }

            fn of_scope(scope: &mut ScopeMetrics) -> &mut Vec<Metric<Self>> {
                &mut scope.$metrics
            }
        }
    };
}

kind!(Point, numbers, metrics);
kind!(HistogramPoint, histograms, histograms);
