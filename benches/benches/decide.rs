//! What one decision costs when all it needs is held: no store, no plan.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use parlor_core::Uuid;
use parlor_core::calls::{ReportQuality, RequestLeg};
use parlor_core::engine::{Command, Ctx};
use parlor_core::media::{LegId, LegSample, SAMPLES_MAX, Setup};
use parlor_core::rooms::{Join, LegConnected, ParticipantId, SetSelfMute};
use parlor_core::storage::{Draft, Held, Missing, Need, Stop};

mod scene;
use scene::{ROOM, Scene, ctx};

fn decide(c: &mut Criterion) {
    let (mut scene, ctx) = (Scene::new(1), ctx(1));
    let room = ROOM;
    let join = Join { room };
    measure(c, "join", &scene, &ctx, &join);

    let participant = follow(&mut scene, &ctx, &join).participant;
    let (leg, setup) = (LegId(Uuid::nil()), Setup::default());
    let connected = LegConnected { room, participant, leg, lease_epoch: 0, setup };
    measure(c, "leg_connected", &scene, &ctx, &connected);

    follow(&mut scene, &ctx, &connected);
    let mute = SetSelfMute { room, participant, muted: true };
    measure(c, "set_self_mute", &scene, &ctx, &mute);

    let report = report(&mut scene, &ctx);
    measure(c, "report_quality_250", &scene, &ctx, &report);
}

/// How as many legs have done as one report may tell of.
fn report(scene: &mut Scene, ctx: &Ctx) -> ReportQuality {
    let samples = (1..=SAMPLES_MAX as u128).map(|n| {
        let (leg, participant) = (LegId(Uuid::from_u128(n)), ParticipantId(Uuid::from_u128(n)));
        let (user, node) = (scene::person(1), "a".into());
        let request =
            RequestLeg { leg, room: ROOM, epoch: 1, participant, user, node, lease_epoch: 0 };
        follow(scene, ctx, &request);
        let ms = Duration::from_millis;
        LegSample {
            leg,
            participant,
            window: ms(10_000),
            rtt: Some(ms(40)),
            jitter: Some(ms(3)),
            loss_in_ppm: Some(0),
            loss_out_ppm: Some(1_000),
            bytes_in: 40_000,
            bytes_out: 120_000,
            talk: ms(2_000),
        }
    });
    ReportQuality { room: ROOM, lease_epoch: 0, samples: samples.collect() }
}

/// Measures one run on what is held, changeset included.
fn measure<C: Command>(c: &mut Criterion, name: &str, scene: &Scene, ctx: &Ctx, command: &C) {
    let held = held_for(scene, ctx, command);
    c.bench_function(&format!("decide/{name}"), |bench| {
        bench.iter(|| {
            let mut draft = Draft::new(black_box(&held));
            let decided = command.decide(&mut draft, &ctx.clone());
            assert!(decided.is_ok(), "it ends well");
            draft.finish()
        });
    });
}

/// What a command asks for, held.
fn held_for<C: Command>(scene: &Scene, ctx: &Ctx, command: &C) -> Held {
    let mut needs: Vec<Need> = Vec::new();
    loop {
        let held = scene.hold(needs.iter().cloned());
        let asked = command.decide(&mut Draft::new(&held), &ctx.clone());
        let Err(Stop::Missing(Missing(more))) = asked else { return held };
        needs.retain(|(key, _)| more.iter().all(|(asked, _)| asked != key));
        needs.extend(more);
    }
}

/// Has a command happen in the scene.
fn follow<C: Command>(scene: &mut Scene, ctx: &Ctx, command: &C) -> C::Output {
    let held = held_for(scene, ctx, command);
    let mut draft = Draft::new(&held);
    let Ok(output) = command.decide(&mut draft, &ctx.clone()) else { panic!("it ends well") };
    for row in draft.finish().writes.into_values().flatten() {
        scene.put(row);
    }
    output
}

criterion_group!(benches, decide);
criterion_main!(benches);
