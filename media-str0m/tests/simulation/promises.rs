
use crate::world::*;
use crate::link::*;
#[test]
fn explore() {
    for out in [1_000, 3_000, 4_500, 5_500, 6_500, 7_000, 8_000, 9_000, 10_000, 11_000, 12_000,15_000,20_000, 25_000] {
        for speak in [false, true] {
        let mut world = World::room_of(2, 20);
        if speak { world.talk(0, Talk::Voice(-20)); world.talk(1, Talk::Voice(-20)); }
        world.run(ms(1_000));
        world.black_out(0, ms(out));
        world.run(ms(out));
        let mut t = 0;
        while t < 15_000 && !world.is_up(0) { world.run(ms(10)); t += 10; }
        let n = world.log.len();
        world.talk(0, Talk::Voice(-20)); world.talk(1, Talk::Voice(-20));
        let mut u = 0;
        while u < 15_000 && world.log[n..].iter().filter(|r| matches!(r.fact, crate::log::Fact::Heard { peer: 0, .. })).count() == 0 { world.run(ms(10)); u += 10; }
        eprintln!("out {out} speak {speak}: up after {t}, hears after {u} {:?}", world.peers[0].story);
    }}
    let _ = (LISTEN, Weather::clean(1));
}
