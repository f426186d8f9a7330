use parlor_core::engine::AnyCommand;
use parlor_core::rooms::Participant;
use parlor_core::storage::{Filter, Select};

/// A command as it comes over the network. What is taken must survive being told on.
pub fn command(input: &[u8]) {
    match AnyCommand::from_network(input) {
        Ok(command) => assert!(AnyCommand::PUBLIC.contains(&command.name()), "{command:?}"),
        Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
    }
}

/// A cursor that a client gives back.
pub fn cursor(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let page = || Select::<Participant>::new("rooms.hands").after(Some(&text));
    assert_eq!(page().is_ok(), page().is_ok(), "the same every time");
}

/// What somebody types into a search field.
pub fn search(input: &[u8]) {
    let typed = String::from_utf8_lossy(input);
    let Filter::Matches(words) = Filter::search(&typed) else { return };
    assert!(!words.is_empty() && words.iter().all(|word| !word.is_empty()));
    // Words are what is left when they are made words once more.
    let again = Filter::search(&words.join(" "));
    assert_eq!(again, Filter::Matches(words));
}
