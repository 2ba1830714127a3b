//! Histograms that name traces: exemplars of OpenMetrics.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, exemplar::HistogramWithExemplars},
};

use crate::{otlp, server::Trace};

/// Times, each bucket with the trace of one of them, if traces are exported.
#[derive(Clone, Debug)]
pub(crate) struct Traced(HistogramWithExemplars<[(&'static str, String); 1]>);

impl Traced {
    pub(crate) fn new(buckets: impl IntoIterator<Item = f64>) -> Self {
        Self(HistogramWithExemplars::new(buckets.into_iter()))
    }

    pub(crate) fn observe(&self, seconds: f64, trace: Trace) {
        // Who cannot look a trace up has no use for its name.
        let exemplar = otlp::exports().then(|| [("trace_id", trace.to_string())]);
        self.0.observe(seconds, exemplar, None);
    }
}

impl EncodeMetric for Traced {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}
