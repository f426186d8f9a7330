//! What a batch costs before and between the store's own work: many joins into one room.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parlor_core::engine::Command as _;
use parlor_core::rooms::Join;
use parlor_core::storage::{Plan, Resolved, Run, Stop, Work};

mod scene;
use scene::{ROOM, Scene, ctx};

fn plan(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    for joins in [64, 256, 1_000] {
        let scene = Scene::new(joins);
        group.throughput(Throughput::Elements(u64::from(joins)));
        group.bench_function(BenchmarkId::new("joins", joins), |bench| {
            let works = || (1..=joins).map(join).collect::<Vec<Work>>();
            bench.iter_batched(works, |works| resolve(&scene, works), BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn join(n: u32) -> Work {
    Work::new(ctx(n), |draft, ctx| match (Join { room: ROOM }).decide(draft, ctx) {
        Ok(_) => Run::Done,
        Err(Stop::Missing(missing)) => Run::Missing(missing),
        Err(Stop::Refused(refusal)) => panic!("{refusal}"),
    })
}

/// Admits them, locks and reads what they need, and runs them: one round settles all of them.
fn resolve(scene: &Scene, works: Vec<Work>) -> Resolved {
    let mut plan = Plan::new();
    works.into_iter().for_each(|work| plan.admit(work, ()));
    let held = scene.hold(plan.locks());
    let resolved = plan.resolve(&held);
    plan.settled();
    assert!(plan.is_empty(), "one round settles them");
    resolved
}

criterion_group!(benches, plan);
criterion_main!(benches);
