//! The whole of each machine: a line a state, a column an input. A cell is the next state, or the
//! code of the refusal in parentheses. These tables are the documentation.
#![expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")]

use std::fmt::Write as _;

use parlor_core::calls::{LegInput, LegState};
use parlor_core::economy::ledger::{HoldInput, HoldState};
use parlor_core::engine::Refusal;
use parlor_core::rooms::{
    ConnectionInput, ConnectionState, MicInput, MicState, RoomInput, RoomStatus, StageInput,
    StageState,
};

/// The words of both axes, and what becomes of a state on an input.
fn table<S: Copy, I: Copy, R: Refusal>(
    states: &[S],
    inputs: &[I],
    state_word: impl Fn(S) -> &'static str,
    input_word: impl Fn(I) -> &'static str,
    next: impl Fn(S, I) -> Result<S, R>,
) -> String {
    let cell = |state, input| match next(state, input) {
        Ok(state) => state_word(state).to_owned(),
        Err(refusal) => format!("({})", refusal.code().split_once('.').unwrap().1),
    };
    let mut table = String::new();
    for &input in inputs {
        writeln!(table, "{}", input_word(input)).unwrap();
        for &state in states {
            writeln!(table, "    {:<13}→ {}", state_word(state), cell(state, input)).unwrap();
        }
    }
    table
}

#[test]
fn a_room() {
    let (states, inputs) = (RoomStatus::ALL, RoomInput::ALL);
    let table = table(states, inputs, RoomStatus::word, RoomInput::word, RoomStatus::next);
    insta::assert_snapshot!(table);
}

#[test]
fn a_connection() {
    let (states, inputs) = (ConnectionState::ALL, ConnectionInput::ALL);
    let words = (ConnectionState::word, ConnectionInput::word);
    insta::assert_snapshot!(table(states, inputs, words.0, words.1, ConnectionState::next));
}

#[test]
fn a_stage() {
    let (states, inputs) = (StageState::ALL, StageInput::ALL);
    let table = table(states, inputs, StageState::word, StageInput::word, StageState::next);
    insta::assert_snapshot!(table);
}

#[test]
fn a_microphone() {
    let (states, inputs) = (MicState::ALL, MicInput::ALL);
    let table = table(states, inputs, MicState::word, MicInput::word, MicState::next);
    insta::assert_snapshot!(table);
}

#[test]
fn a_leg() {
    let (states, inputs) = (LegState::ALL, LegInput::ALL);
    insta::assert_snapshot!(table(states, inputs, LegState::word, LegInput::word, LegState::next));
}

#[test]
fn a_hold() {
    let (states, inputs) = (HoldState::ALL, HoldInput::ALL);
    let table = table(states, inputs, HoldState::word, HoldInput::word, HoldState::next);
    insta::assert_snapshot!(table);
}

#[test]
fn only_oneself_makes_a_microphone_live() {
    for &state in MicState::ALL.iter().filter(|state| **state != MicState::Live) {
        for &input in MicInput::ALL.iter().filter(|input| **input != MicInput::UnmuteSelf) {
            assert_ne!(state.next(input), Ok(MicState::Live), "{state} on {input}");
        }
    }
}
