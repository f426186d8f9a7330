//! The same of the ledger: money that was acknowledged is there, and every request can be asked again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use parlor_core::conformance::bank::{self, Answers, Call, Told};
use parlor_core::conformance::threads;
use parlor_core::economy::ledger::{Account, Entry, Transfer};
use parlor_core::storage::StoreError;
use rusqlite::Connection;

use crate::vfs::{self, Fault};
use crate::{copy, parlor, step};

/// A gift, a tip, a hold, a capture, its end, many legs, another hold, refunds, dues with a memo.
const CALLS: u32 = 10;
/// One more, once the device has recovered.
const LAST: Call = Call { round: 1, client: 1, n: CALLS };

#[test]
fn whatever_fails_no_money_is_lost_and_every_request_can_be_asked_again() {
    let _alone = vfs::alone();
    let directory = tempfile::tempdir().unwrap();
    let (start, path) = (directory.path().join("start.db"), directory.path().join("run.db"));
    bank::open(&parlor(&start, 0));

    let (mut runs, mut lost) = (0, 0);
    for fault in [Fault::Io, Fault::Full, Fault::Read, Fault::Reach] {
        for lasting in [false, true] {
            // Another part of the positions for each.
            for position in (runs % step()..).step_by(step()) {
                copy(&start, &path);
                let what = format!("{fault:?} from operation {position}, lasting: {lasting}");
                // Shown when anything below fails.
                println!("{what}");
                let position = i64::try_from(position).unwrap();
                let answers = run(&path, fault, position, lasting, &what);
                lost += check(&path, answers, &what);
                runs += 1;
                if !vfs::has_failed() {
                    break;
                }
            }
        }
    }
    println!("{runs} runs: {lost} requests without an answer");
    assert!(lost >= 30, "only {lost} requests of {runs} runs have failed");
}

/// The answers to some requests, one after the other, while something fails.
fn run(
    path: &Path,
    fault: Fault,
    position: i64,
    lasting: bool,
    what: &str,
) -> Vec<(Call, Result<bank::Answer, StoreError>)> {
    let parlor = parlor(path, 1);
    vfs::fail(fault, position, lasting);
    let calls = (0..CALLS).map(|n| Call { round: 1, client: 1, n });
    let ask = |call: Call| (call, bank::ask(&parlor, call.request()));
    let mut answers: Vec<_> = calls.map(ask).collect();
    if !lasting {
        let failed = answers.iter().filter(|(_, answer)| answer.is_err()).count();
        assert!(failed <= 1, "{what}: {answers:?}");
    }
    // In two of three runs the device recovers, and so does the store, without a restart.
    if position % 3 != 0 {
        vfs::recover();
        answers.push(ask(LAST));
        let (_, last) = answers.last().unwrap();
        assert!(last.is_ok(), "{what}: {last:?}");
    }
    drop(parlor);
    vfs::recover();
    answers
}

/// Looks at what is there, asks everything again, and looks again. Returns how many had no answer.
fn check(path: &Path, given: Vec<(Call, Result<bank::Answer, StoreError>)>, what: &str) -> usize {
    let integrity =
        Connection::open(path)
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(integrity.as_deref(), Ok("ok"), "{what}");

    let parlor = parlor(path, 2);
    let transfers = bank::rows::<Transfer>(&parlor);
    let (mut answers, mut lost) = (Answers::default(), 0);
    for (call, answer) in given {
        answers.add(Told::Sent(call));
        let is_there = transfers.iter().any(|it| it.transaction_id == call.id());
        match answer {
            Ok(answer) => answers.add(Told::Answered(call, answer)),
            Err(error) => {
                let is_unknown = matches!(error, StoreError::CommitUnknown(_));
                assert!(is_unknown || !is_there, "{what}: {call} was refused: {error}");
                lost += 1;
            }
        }
    }
    answers.check(&parlor);
    answers.retry(&parlor, 0);
    answers.check(&parlor);
    lost
}

#[test]
fn while_the_device_is_full_money_can_be_looked_at_and_afterwards_moved_again() {
    let _alone = vfs::alone();
    let directory = tempfile::tempdir().unwrap();
    let parlor = parlor(&directory.path().join("parlor.db"), 0);
    bank::open(&parlor);
    let (parlors, mut answers) = ([parlor], Answers::default());
    bank::work(&parlors, 1, 4, 20, &mut answers);
    let [parlor] = &parlors;
    let read = || (bank::rows::<Account>(parlor), bank::rows::<Entry>(parlor));
    let before = read();

    vfs::fail(Fault::Full, 0, true);
    let calls: Vec<_> = (0..CALLS).map(|n| Call { round: 2, client: 0, n }).collect();
    for call in &calls {
        answers.add(Told::Sent(*call));
        let answer = bank::ask(parlor, call.request());
        assert!(matches!(answer, Err(StoreError::Full)), "{call}: {answer:?}");
    }
    // As many at once as there are connections.
    assert!(threads(8, |_| read()).into_iter().all(|it| it == before));
    answers.check(parlor);
    vfs::recover();

    bank::work(&parlors, 3, 4, 20, &mut answers);
    answers.retry(parlor, 1);
    answers.check(parlor);
    let posted = bank::rows::<Transfer>(parlor);
    assert!(calls.iter().any(|call| posted.iter().any(|it| it.transaction_id == call.id())));
}
