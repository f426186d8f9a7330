//! What came of it all, as a table and as JSON.

use serde::Serialize;

use crate::Arguments;
use crate::allocations::Allocations;
use crate::ceiling::Ceiling;
use crate::run::Outcome;

/// All figures. Those that cannot be told are null.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    speakers: u32,
    listeners: u32,
    rooms: u32,
    churn: f64,
    loss: f64,
    seconds: u64,
    /// Copies received of those owed to all who stayed: every frame of the speakers they hear.
    delivered: f64,
    /// The same without what clients dropped on purpose, on the way in and on the way out.
    delivered_of_sent: f64,
    copies_owed: u64,
    copies_received: u64,
    duplicates: u64,
    missing: u64,
    decrypted: u64,
    misrouted: u64,
    lost_clients: usize,
    send_lost: u64,
    /// Frames that left the speakers, and those of them the engine has taken in.
    ingress_sent: u64,
    ingress_taken: u64,
    /// Thrown away by the kernel, because the forwarder or the harness did not read in time.
    sfu_socket_drops: u64,
    client_socket_drops: u64,
    engine_p50_us: Option<f64>,
    engine_p99_us: Option<f64>,
    #[serde(rename = "engine_p99.9_us")]
    engine_p999_us: Option<f64>,
    e2e_p50_us: Option<f64>,
    e2e_p99_us: Option<f64>,
    #[serde(rename = "e2e_p99.9_us")]
    e2e_p999_us: Option<f64>,
    gap_max_ms: f64,
    copies_sent: u64,
    cpu_seconds: f64,
    packets_per_cpu_second: f64,
    plain_packets_per_cpu_second: f64,
    plain_delivered: f64,
    vs_plain: f64,
    ceiling_packets_per_cpu_second: f64,
    ceiling_gso_packets_per_cpu_second: f64,
    ceiling_ratio: f64,
    rss_bytes: u64,
    rss_bytes_per_listener: f64,
    plain_rss_bytes_per_listener: f64,
    connect_seconds: f64,
    plain_connect_seconds: f64,
    joins: usize,
    joins_not_up: usize,
    leaves: usize,
    idle_wakeups_per_listener_s: Option<f64>,
    idle_cpu_us_per_listener_s: Option<f64>,
    allocations_per_packet: f64,
    allocations_per_ingress_packet: f64,
}

impl Report {
    pub(crate) fn new(
        arguments: &Arguments,
        parlor: &Outcome,
        plain: &Outcome,
        ceiling: Ceiling,
        allocations: Allocations,
    ) -> Self {
        let share = |part: u64, of: f64| round(part as f64 / of.max(1.0), 6);
        let engine = |at: usize| parlor.end.forwarding_us.map(|it| round(it[at], 1));
        let e2e = |share: f64| parlor.e2e.quantile_us(share).map(|it| round(it, 1));
        let (ours, theirs) = (parlor.packets_per_cpu_second(), plain.packets_per_cpu_second());
        let idle = parlor.idle.as_ref();
        Self {
            speakers: arguments.speakers,
            listeners: arguments.listeners,
            rooms: arguments.rooms,
            churn: arguments.churn,
            loss: arguments.loss,
            seconds: arguments.seconds,
            delivered: share(parlor.received, parlor.owed),
            delivered_of_sent: share(parlor.arrived, parlor.owed_of_sent),
            copies_owed: parlor.owed.round() as u64,
            copies_received: parlor.received,
            duplicates: parlor.duplicates,
            missing: parlor.missing,
            decrypted: parlor.decrypted,
            misrouted: parlor.misrouted,
            lost_clients: parlor.lost_clients,
            send_lost: parlor.end.send_lost,
            ingress_sent: parlor.sent,
            ingress_taken: parlor.taken(),
            sfu_socket_drops: parlor.sfu_drops,
            client_socket_drops: parlor.client_drops,
            engine_p50_us: engine(0),
            engine_p99_us: engine(1),
            engine_p999_us: engine(2),
            e2e_p50_us: e2e(0.5),
            e2e_p99_us: e2e(0.99),
            e2e_p999_us: e2e(0.999),
            gap_max_ms: round(parlor.gap_max.as_secs_f64() * 1e3, 1),
            copies_sent: parlor.copies(),
            cpu_seconds: round(parlor.cpu_s(), 3),
            packets_per_cpu_second: ours.round(),
            plain_packets_per_cpu_second: theirs.round(),
            plain_delivered: share(plain.received, plain.owed),
            vs_plain: round(ours / theirs.max(1.0), 2),
            ceiling_packets_per_cpu_second: ceiling.sendto.round(),
            ceiling_gso_packets_per_cpu_second: ceiling.gso.round(),
            ceiling_ratio: round(ours / ceiling.sendto.max(1.0), 3),
            rss_bytes: parlor.end.rss_bytes.max(parlor.rss_bytes),
            rss_bytes_per_listener: parlor.rss_bytes_per_listener.round(),
            plain_rss_bytes_per_listener: plain.rss_bytes_per_listener.round(),
            connect_seconds: round(parlor.connect_s, 2),
            plain_connect_seconds: round(plain.connect_s, 2),
            joins: parlor.joined,
            joins_not_up: parlor.joined_not_up,
            leaves: parlor.left,
            idle_wakeups_per_listener_s: idle
                .and_then(|idle| idle.wakeups_per_listener_s)
                .map(|it| round(it, 3)),
            idle_cpu_us_per_listener_s: idle.map(|idle| round(idle.cpu_us_per_listener_s, 1)),
            allocations_per_packet: round(allocations.per_copy, 3),
            allocations_per_ingress_packet: round(allocations.per_ingress_packet, 2),
        }
    }

    pub(crate) fn print(&self) {
        let Self { speakers, listeners, rooms, seconds, .. } = self;
        let (speak, listen) = (speakers * rooms, listeners * rooms);
        println!("{speak} speak and {listen} listen in {rooms} rooms for {seconds} s");
        println!();
        for (name, figure) in self.rows() {
            println!("  {name:<52} {figure:>14}");
        }
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let whole = |it: f64| format!("{it:.0}");
        let us = |it: Option<f64>| it.map_or("not told".to_owned(), |it| format!("{it:.0}"));
        let share = |it: f64| format!("{:.4} %", it * 100.0);
        let mut rows = vec![
            ("copies owed to those who stayed", self.copies_owed.to_string()),
            ("delivered of them", share(self.delivered)),
        ];
        if self.loss > 0.0 {
            rows.push(("delivered of what clients let through", share(self.delivered_of_sent)));
        }
        rows.extend([
            ("frames speakers sent", self.ingress_sent.to_string()),
            ("frames the engine took in", self.ingress_taken.to_string()),
            ("datagrams lost at the forwarder's socket", self.sfu_socket_drops.to_string()),
            ("datagrams lost by the harness", self.client_socket_drops.to_string()),
            ("duplicates", self.duplicates.to_string()),
            ("holes in the numbers", self.missing.to_string()),
            ("copies decrypted", self.decrypted.to_string()),
            ("copies that went to the wrong client", self.misrouted.to_string()),
            ("clients thrown out", self.lost_clients.to_string()),
            ("in the engine, p50 in µs", us(self.engine_p50_us)),
            ("in the engine, p99 in µs", us(self.engine_p99_us)),
            ("in the engine, p99.9 in µs", us(self.engine_p999_us)),
            ("end to end, p50 in µs", us(self.e2e_p50_us)),
            ("end to end, p99 in µs", us(self.e2e_p99_us)),
            ("end to end, p99.9 in µs", us(self.e2e_p999_us)),
            ("longest gap of anybody who stayed, in ms", format!("{:.1}", self.gap_max_ms)),
            ("copies a CPU second", whole(self.packets_per_cpu_second)),
            ("copies a CPU second, plain str0m", whole(self.plain_packets_per_cpu_second)),
            ("against plain str0m", format!("{:.2}", self.vs_plain)),
            ("delivered by plain str0m", share(self.plain_delivered)),
            ("seal and sendto a CPU second", whole(self.ceiling_packets_per_cpu_second)),
            ("the same by GSO of three", whole(self.ceiling_gso_packets_per_cpu_second)),
            ("against seal and sendto", format!("{:.3}", self.ceiling_ratio)),
            ("memory of the forwarder, in MB", whole(self.rss_bytes as f64 / 1e6)),
            ("memory a listener, in bytes", whole(self.rss_bytes_per_listener)),
            ("memory a listener, plain str0m, in bytes", whole(self.plain_rss_bytes_per_listener)),
            ("seconds until all were connected", format!("{:.2}", self.connect_seconds)),
            ("the same, plain str0m", format!("{:.2}", self.plain_connect_seconds)),
            ("idle, µs of CPU time a listener and second", us(self.idle_cpu_us_per_listener_s)),
            (
                "idle, wake-ups a listener and second",
                self.idle_wakeups_per_listener_s.map_or("not told".into(), |it| it.to_string()),
            ),
            ("allocations a copy", self.allocations_per_packet.to_string()),
            ("allocations a packet that comes in", self.allocations_per_ingress_packet.to_string()),
        ]);
        if self.churn > 0.0 {
            rows.extend([
                ("listeners who left", self.leaves.to_string()),
                ("listeners who came", self.joins.to_string()),
                ("listeners who came and were not up by the end", self.joins_not_up.to_string()),
            ]);
        }
        rows
    }
}

fn round(number: f64, digits: i32) -> f64 {
    let power = 10_f64.powi(digits);
    (number * power).round() / power
}
