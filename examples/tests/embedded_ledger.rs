//! The embedder's ledger, run as a user runs it.

use std::process::Command;

#[test]
fn it_says_what_happened_and_its_books_are_right() {
    let run = Command::new(env!("CARGO_BIN_EXE_embedded-ledger")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let said = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let [posted, again, refused, audit] = lines[..] else { panic!("{said}") };
    let receipt = posted.strip_prefix("Posted").unwrap();
    assert_eq!(again, format!("again: Replayed{receipt}"), "a retry says the same");
    assert_eq!(refused, "refused: Not enough: 1000 can be taken.");
    assert_eq!(audit, "8 transfers, 0 findings");
}
