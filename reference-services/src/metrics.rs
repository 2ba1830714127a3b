//! What the metrics of all services have in common: what each registry begins with, and a family with
//! a fixed set of series, in a fixed order.
//!
//! `prometheus_client`'s own `Family` keeps its series in a hash map: it looks one up on every
//! count, and writes them in whatever order the map has.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelKey, EncodeLabelValue, EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric},
    registry::Registry,
};

use crate::logs;

/// The registry of a service, with what all of them count.
pub(crate) fn registry(service: &str) -> Registry {
    let mut registry = Registry::with_prefix(service);
    logs::register(&mut registry);
    registry
}

/// Series of a metric `M`, each with `N` labels.
#[derive(Debug)]
pub(crate) struct Table<L, M, const N: usize>(Vec<([(L, L); N], M)>);

impl<'a, L, M: Clone + 'a, const N: usize> FromIterator<([(L, L); N], &'a M)> for Table<L, M, N> {
    fn from_iter<I: IntoIterator<Item = ([(L, L); N], &'a M)>>(series: I) -> Self {
        Self(series.into_iter().map(|(labels, metric)| (labels, metric.clone())).collect())
    }
}

impl<L, M, const N: usize> EncodeMetric for Table<L, M, N>
where
    L: EncodeLabelKey + EncodeLabelValue + fmt::Debug + Send + Sync,
    M: EncodeMetric + TypedMetric,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, metric) in &self.0 {
            metric.encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}
