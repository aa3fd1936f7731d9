use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::admission::{Action, Reviewed};

/// Upper ends of the parts by which times are counted, in microseconds.
const BUCKETS: [u64; 10] = [100, 250, 500, 1000, 2500, 5000, 10_000, 50_000, 250_000, 1_000_000];

/// Counters, in the text format of Prometheus.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    allowed: AtomicU64,
    denied: AtomicU64,
    broken: AtomicU64,
    failed: AtomicU64,
    reloads: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len()],
    micros: AtomicU64,
    /// By rule and action: as many as there are rules.
    rules: Mutex<BTreeMap<(String, Action), u64>>,
}

impl Metrics {
    pub(super) fn reviewed(&self, reviewed: &Reviewed, took: Duration) {
        let counter = if reviewed.allowed { &self.allowed } else { &self.denied };
        counter.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        for (bucket, end) in self.buckets.iter().zip(BUCKETS) {
            if micros <= end {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !reviewed.decided.is_empty() {
            let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            for one in &reviewed.decided {
                *rules.entry((one.rule.clone(), one.action)).or_default() += 1;
            }
        }
    }

    /// A request that was none.
    pub(super) fn broken(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that came to nothing.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reloaded(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn text(&self) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (allowed, denied) = (read(&self.allowed), read(&self.denied));
        let mut text = String::new();
        let _ = write!(
            text,
            "\
# HELP cofferdam_admission_requests_total Requests by what became of them.
# TYPE cofferdam_admission_requests_total counter
cofferdam_admission_requests_total{{decision=\"allowed\"}} {allowed}
cofferdam_admission_requests_total{{decision=\"denied\"}} {denied}
cofferdam_admission_requests_total{{decision=\"not_understood\"}} {}
# HELP cofferdam_admission_connections_failed_total Connections that came to nothing.
# TYPE cofferdam_admission_connections_failed_total counter
cofferdam_admission_connections_failed_total {}
# HELP cofferdam_admission_reloads_total Times that a certificate or a policy was replaced.
# TYPE cofferdam_admission_reloads_total counter
cofferdam_admission_reloads_total {}
# HELP cofferdam_admission_duration_seconds Time to decide.
# TYPE cofferdam_admission_duration_seconds histogram
",
            read(&self.broken),
            read(&self.failed),
            read(&self.reloads),
        );
        for (bucket, end) in self.buckets.iter().zip(BUCKETS) {
            let _ = writeln!(
                text,
                "cofferdam_admission_duration_seconds_bucket{{le=\"{}\"}} {}",
                seconds(end),
                read(bucket)
            );
        }
        let count = allowed + denied;
        let _ = write!(
            text,
            "cofferdam_admission_duration_seconds_bucket{{le=\"+Inf\"}} {count}\n\
             cofferdam_admission_duration_seconds_sum {}\n\
             cofferdam_admission_duration_seconds_count {count}\n\
             # HELP cofferdam_admission_rule_total Rules that requests broke, by what happened for that.\n\
             # TYPE cofferdam_admission_rule_total counter\n",
            seconds(read(&self.micros)),
        );
        for ((rule, action), count) in
            self.rules.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let rule = if rule.is_empty() { "not-understood" } else { rule };
            let _ = writeln!(
                text,
                "cofferdam_admission_rule_total{{rule=\"{rule}\",action=\"{}\"}} {count}",
                action.name()
            );
        }
        text
    }
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
