//! What can be seen of a server from outside, for Prometheus: `GET /metrics` at an address of its
//! own, which should not be public.
//!
//! Everything is read at the moment it is asked for. Rates, such as bits a second, are the rates of
//! counters. No label has more values than there are words for it in the code.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use parlor_media_str0m::driver::{DriverStats, Histogram, SendLost, SocketStats};
use parlor_media_str0m::engine::{Dropped, Stats};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_sqlite::SqliteStore;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{App, SOCKETS_MAX};
use crate::host;

/// How long the database may take to say how far the feed is behind.
const PATIENCE: Duration = Duration::from_secs(2);
/// OpenMetrics, which Prometheus reads since 2.5.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers of a server come from.
#[derive(Clone)]
pub struct Metrics {
    app: App,
    media: Arc<dyn Fn() -> DriverStats + Send + Sync>,
    database: Database,
}

/// The store, as far as it counts what it does.
#[derive(Clone, Debug)]
pub enum Database {
    /// In one file.
    Sqlite(Arc<SqliteStore>),
    /// Shared by many nodes.
    Postgres(Arc<PostgresStore>),
}

/// The numbers of one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The media engine's.
    pub media: DriverStats,
    /// WebSockets that are open.
    pub websockets: u64,
    /// See [`Bridge::samples_left_out`](parlor_core::media::Bridge::samples_left_out).
    pub samples_left_out: u64,
    /// What the store has done.
    pub store: StoreCounters,
    /// How far the feed is behind; none where it never is, or where that could not be told.
    pub feed: Option<Feed>,
}

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounters {
    /// Commands that were answered.
    pub commands: u64,
    /// Transactions that were committed.
    pub transactions: u64,
    /// Transactions that were tried again.
    pub retries: u64,
    /// Commits that were in doubt, and looked up.
    pub doubts: u64,
}

/// What the feed holds back from its readers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feed {
    /// How many events.
    pub hidden: u64,
    /// For how long the oldest of them has been, in seconds.
    pub lag: f64,
}

impl Metrics {
    /// The numbers of a server, its media engine and its database.
    pub fn new(
        app: App,
        media: impl Fn() -> DriverStats + Send + Sync + 'static,
        database: Database,
    ) -> Self {
        Self { app, media: Arc::new(media), database }
    }

    /// `GET /metrics`, and nothing else.
    pub fn router(self) -> Router {
        Router::new().route("/metrics", get(metrics)).with_state(self)
    }

    /// The numbers of this moment.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot {
            media: (self.media)(),
            websockets: (SOCKETS_MAX - self.app.sockets.available_permits()) as u64,
            samples_left_out: self.app.bridge.samples_left_out(),
            store: self.database.counters(),
            feed: self.database.feed().await,
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Database {
    fn counters(&self) -> StoreCounters {
        match self {
            Self::Sqlite(store) => {
                let stats = store.stats();
                let (commands, transactions) = (stats.commands, stats.transactions);
                StoreCounters { commands, transactions, ..StoreCounters::default() }
            }
            Self::Postgres(store) => {
                let stats = store.stats();
                StoreCounters {
                    commands: stats.commands,
                    transactions: stats.transactions,
                    retries: stats.retries,
                    doubts: stats.doubts,
                }
            }
        }
    }

    async fn feed(&self) -> Option<Feed> {
        let Self::Postgres(store) = self else { return None };
        match tokio::time::timeout(PATIENCE, store.feed_lag()).await {
            Ok(Ok(lag)) => {
                let behind = lag.since.map(|since| host::clock().since(since).as_secs_f64());
                Some(Feed { hidden: lag.hidden, lag: behind.unwrap_or(0.0) })
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "how far the feed is behind cannot be told");
                None
            }
            Err(_elapsed) => None,
        }
    }
}

impl Snapshot {
    /// As OpenMetrics text.
    pub fn render(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes all that is written to it");
        text
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let DriverStats { engine, sockets, events_dropped, cpu, lateness, forwarding } =
            &self.media;
        page.engine(*engine)?;
        page.sockets(*sockets)?;
        page.gauge("parlor_media_cpu_seconds", "CPU time of the media threads", cpu.as_secs_f64())?;
        page.histogram(
            "parlor_media_tick_lateness_seconds",
            "How late the media threads did what was due",
            lateness,
        )?;
        page.histogram(
            "parlor_media_forwarding_seconds",
            "From reading a microphone packet to sending its copies, each of which counts",
            forwarding,
        )?;
        page.counter(
            "parlor_media_events_dropped",
            "Reports of the media engine that the server was too slow for",
            *events_dropped,
        )?;
        page.counter(
            "parlor_quality_reports_left_out",
            "Pages of quality samples that the store lagged behind for",
            self.samples_left_out,
        )?;
        page.gauge("parlor_websockets", "WebSockets that are open", self.websockets as f64)?;

        let StoreCounters { commands, transactions, retries, doubts } = self.store;
        page.counter("parlor_store_commands", "Commands that were answered", commands)?;
        page.counter(
            "parlor_store_transactions",
            "Transactions that were committed",
            transactions,
        )?;
        page.counter("parlor_store_retries", "Transactions that were tried again", retries)?;
        page.counter("parlor_store_doubts", "Commits that were in doubt, and looked up", doubts)?;
        if let Some(Feed { hidden, lag }) = self.feed {
            page.gauge(
                "parlor_feed_hidden_events",
                "Events that are committed and held back from readers",
                hidden as f64,
            )?;
            page.gauge(
                "parlor_feed_lag_seconds",
                "How long the oldest event that is held back has been",
                lag,
            )?;
        }
        Ok(())
    }
}

/// What is being written.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    /// What the engine counts. It is taken apart to the last field, so that nothing it learns to
    /// count is forgotten here.
    fn engine(&mut self, stats: Stats) -> fmt::Result {
        let Stats {
            // The classes add up to it.
            sessions: _,
            rooms,
            speakers,
            listeners,
            fast_lanes,
            sources,
            datagrams_in,
            bytes_in,
            datagrams_out,
            bytes_out,
            packets_in,
            packets_out,
            wakeups,
            panics,
            dropped,
        } = stats;
        self.gauges(
            "parlor_media_sessions",
            "Transports there are: those that only hear, and those that may send",
            "class",
            &[("listener", listeners), ("speaker", speakers)],
        )?;
        self.gauge(
            "parlor_media_fast_lanes",
            "Transports for which the engine seals packets itself",
            fast_lanes as f64,
        )?;
        self.counter("parlor_media_wakeups", "Times the clock has woken a transport", wakeups)?;
        self.gauge("parlor_media_rooms", "Rooms with at least one transport", rooms as f64)?;
        self.gauge("parlor_media_sources", "Addresses that clients have proved", sources as f64)?;
        let both = |of_in, of_out| [("in", of_in), ("out", of_out)];
        self.family(
            "parlor_media_datagrams",
            "UDP datagrams from and to clients",
            "direction",
            &both(datagrams_in, datagrams_out),
        )?;
        self.family(
            "parlor_media_bytes",
            "Bytes of UDP datagrams from and to clients",
            "direction",
            &both(bytes_in, bytes_out),
        )?;
        self.family(
            "parlor_media_packets",
            "Microphone packets from clients, and copies of them to listeners",
            "direction",
            &both(packets_in, packets_out),
        )?;
        self.counter(
            "parlor_media_panics",
            "Transports closed because their session panicked",
            panics,
        )?;
        self.dropped(dropped)
    }

    fn dropped(&mut self, dropped: Dropped) -> fmt::Result {
        let Dropped {
            malformed,
            unknown_source,
            unknown_ufrag,
            bad_integrity,
            forged_dtls,
            too_many_sources,
            source_taken,
            ssrc_guard,
            ssrc_repaired,
            unauthenticated,
            not_permitted,
            not_microphone,
            not_loudest,
            silence,
            over_rate,
            queue_full,
            too_late,
            no_slot,
        } = dropped;
        self.family(
            "parlor_media_dropped",
            "Datagrams and packets that were not taken or not passed on",
            "cause",
            &[
                ("malformed", malformed),
                ("unknown_source", unknown_source),
                ("unknown_ufrag", unknown_ufrag),
                ("bad_integrity", bad_integrity),
                ("forged_dtls", forged_dtls),
                ("too_many_sources", too_many_sources),
                ("source_taken", source_taken),
                ("ssrc_guard", ssrc_guard),
                ("ssrc_repaired", ssrc_repaired),
                ("unauthenticated", unauthenticated),
                ("not_permitted", not_permitted),
                ("not_microphone", not_microphone),
                ("not_loudest", not_loudest),
                ("silence", silence),
                ("over_rate", over_rate),
                ("queue_full", queue_full),
                ("too_late", too_late),
                ("no_slot", no_slot),
            ],
        )
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(metric)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    }

    fn sockets(&mut self, stats: SocketStats) -> fmt::Result {
        let SocketStats { receive_calls, send_calls, gro_messages, gso_messages, queued, lost } =
            stats;
        let SendLost { overflow, refused, no_socket } = lost;
        self.family(
            "parlor_media_system_calls",
            "System calls that receive and send datagrams",
            "direction",
            &[("in", receive_calls), ("out", send_calls)],
        )?;
        self.family(
            "parlor_media_merged",
            "Messages that stand for several datagrams (GRO and GSO)",
            "direction",
            &[("in", gro_messages), ("out", gso_messages)],
        )?;
        self.counter(
            "parlor_media_send_queued",
            "Datagrams that had to wait for room in the kernel",
            queued,
        )?;
        self.family(
            "parlor_media_send_lost",
            "Datagrams that were not sent",
            "cause",
            &[("overflow", overflow), ("refused", refused), ("no_socket", no_socket)],
        )
    }

    /// In seconds, by powers of two of a microsecond.
    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let mut before = 0;
        let mut buckets: Vec<_> = histogram
            .buckets()
            .map(|(micros, count)| {
                let more = count - std::mem::replace(&mut before, count);
                (micros as f64 / 1e6, more)
            })
            .collect();
        buckets.push((f64::MAX, histogram.count() - before));
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let sum = histogram.sum() as f64 / 1e6;
        metric.encode_histogram::<NoLabelSet>(sum, histogram.count(), &buckets, None)
    }

    /// One gauge for each value of a label.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[(&'static str, u64)],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (word, value) in values {
            let labels = [(label, *word)];
            let mut metric = family.encode_family(&labels)?;
            metric.encode_gauge(value)?;
        }
        Ok(())
    }

    /// One counter for each value of a label.
    fn family(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[(&'static str, u64)],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (word, value) in values {
            let labels = [(label, *word)];
            let mut metric = family.encode_family(&labels)?;
            metric.encode_counter::<NoLabelSet, _, u64>(value, None)?;
        }
        Ok(())
    }
}

async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.snapshot().await.render())
}
